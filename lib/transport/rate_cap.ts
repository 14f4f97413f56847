/**
 * The user's cap on sending: a token bucket of its own, beside that of pacing.
 *
 * Everything that leaves is charged, acknowledgements and probes too, though these two are never held
 * back: they go into debt, which the data behind them pays. So the cap holds for the sum, at any rate.
 *
 * @module
 */
import { BASE_DATAGRAM_BYTES, MAX_BATCH_BYTES } from "./constants.ts";

/** What leaves at once: a timer of 2 ms is as fine as ours get. */
const QUANTUM_MS = 2;
/** Credit is kept for so long beyond a quantum: timers are late, and a late one must not cost rate. */
const LATENESS_MS = 20;
/** One datagram takes this long at most, where it may be smaller: others wait behind it. */
const DATAGRAM_MS = 20;
/** Longest debt: acknowledgements of a peer that sends faster than the cap must not silence us. */
const LONGEST_DEBT_MS = 1000;

/** Holds sending below a rate; without one it lets everything through. */
export class RateCap {
  #bytesPerSecond: number;
  #creditBytes = 0;
  #updatedAtMs = -Infinity;
  #quantumBytes = 1;

  /** Caps from the first byte on; Infinity for no cap. */
  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The cap in bytes of UDP payload per second; Infinity for none. */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /** Changes the cap; debts stay, and credit is no more than the new rate allows. */
  set(bytesPerSecond: number): void {
    if (this.#bytesPerSecond === Infinity) {
      this.#creditBytes = 0;
      this.#updatedAtMs = -Infinity;
    }
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The largest datagram that the cap leaves of one of `datagramBytes`: small ones at low rates. */
  datagramLimit(datagramBytes: number): number {
    const bytes = Math.floor(this.#bytesPerSecond * DATAGRAM_MS / 1000);
    return Math.min(datagramBytes, Math.max(bytes, BASE_DATAGRAM_BYTES));
  }

  /** Bytes that may leave now: 0, or at least `leastBytes`. */
  allowanceBytes(nowMs: number, leastBytes: number): number {
    if (this.#bytesPerSecond === Infinity) return Infinity;
    const bytesPerMs = this.#bytesPerSecond / 1000;
    const quantum = Math.min(bytesPerMs * QUANTUM_MS, MAX_BATCH_BYTES);
    this.#quantumBytes = Math.max(quantum, leastBytes);
    const fullBytes = this.#quantumBytes + bytesPerMs * LATENESS_MS;
    this.#creditBytes = this.#updatedAtMs === -Infinity
      ? this.#creditBytes + this.#quantumBytes
      : Math.min(this.#creditBytes + (nowMs - this.#updatedAtMs) * bytesPerMs, fullBytes);
    this.#updatedAtMs = nowMs;
    // One byte of slack: at the moment that `nextSendMs` named, rounding must not say "not yet".
    return this.#creditBytes + 1 >= this.#quantumBytes ? Math.max(1, this.#creditBytes) : 0;
  }

  /** Bytes left, held back by the cap or not. */
  onSent(sizeBytes: number): void {
    if (this.#bytesPerSecond === Infinity) return;
    const leastBytes = -this.#bytesPerSecond * LONGEST_DEBT_MS / 1000;
    this.#creditBytes = Math.max(this.#creditBytes - sizeBytes, leastBytes);
  }

  /** When the credit will reach what the last call asked for; long ago without a cap. */
  nextSendMs(): number {
    const missing = this.#quantumBytes - this.#creditBytes;
    if (this.#bytesPerSecond === Infinity || missing <= 0) return -Infinity;
    return this.#updatedAtMs + missing * 1000 / this.#bytesPerSecond;
  }
}
