/**
 * Spreads packets over time: a token bucket filled at the controller's pacing rate. RFC 9002 §7.7.
 *
 * Credit is kept through stalls of the process (timers of 2 ms, garbage collection, a busy machine) up
 * to 10 ms' worth, so that a late wake-up is caught up instead of becoming a lower rate. A controller that
 * asks for small bursts has met a shallow queue, and the peer's receive buffer may be small: both bound it.
 *
 * @module
 */
import { MAX_BATCH_BYTES } from "./constants.ts";

const MAX_CREDIT_MS = 10;
const MAX_CREDIT_QUANTA = 5;
const SHORT_BURST_MS = 0.8;

/** Says how many bytes may leave now, and when the next ones may. */
export class Pacer {
  #creditBytes = 0;
  #updatedAtMs = -Infinity;
  #rateBytesPerMs = 1;
  #quantumBytes = 1;

  /** Bytes that may leave now: 0, or at least one quantum. */
  allowanceBytes(
    nowMs: number,
    rate: { bytesPerSecond: number; quantumBytes: number; maxBurstBytes: number },
  ): number {
    this.#rateBytesPerMs = rate.bytesPerSecond / 1000;
    this.#quantumBytes = Math.min(rate.quantumBytes, MAX_BATCH_BYTES, rate.maxBurstBytes);
    const isShortBurst = rate.quantumBytes < MAX_BATCH_BYTES / 2 &&
      rate.quantumBytes < this.#rateBytesPerMs * SHORT_BURST_MS;
    const capBytes = Math.max(
      Math.min(
        isShortBurst ? MAX_CREDIT_QUANTA * rate.quantumBytes : this.#rateBytesPerMs * MAX_CREDIT_MS,
        rate.maxBurstBytes,
      ),
      this.#quantumBytes,
    );
    const elapsedMs = nowMs - this.#updatedAtMs;
    this.#creditBytes = elapsedMs > 1e6
      ? this.#quantumBytes
      : Math.min(this.#creditBytes + elapsedMs * this.#rateBytesPerMs, capBytes);
    this.#updatedAtMs = nowMs;
    // One byte of slack: at the moment that `nextSendMs` named, rounding must not say "not yet".
    return this.#creditBytes + 1 >= this.#quantumBytes ? Math.max(1, this.#creditBytes) : 0;
  }

  /** Bytes left now. */
  onSent(sizeBytes: number): void {
    this.#creditBytes -= sizeBytes;
  }

  /** When the credit will reach one quantum. */
  nextSendMs(): number {
    const missing = this.#quantumBytes - this.#creditBytes;
    return missing <= 0 ? this.#updatedAtMs : this.#updatedAtMs + missing / this.#rateBytesPerMs;
  }
}
