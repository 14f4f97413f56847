/**
 * One reduction of a window: which losses belong to it, when it is over, and when all of them proved to be
 * none, so that it is to be undone. RFC 9002 §7.3.2, RFC 9438 §4.9.
 *
 * @module
 */

import type { AckSample, LossSample } from "../controller.ts";

/** The newest reduction. */
export class RecoveryPeriod {
  #startedAtMs = -Infinity;
  #isRunning = false;
  /** Its losses not yet refuted; 0 when it cannot be undone. */
  #openLosses = 0;

  /** Nothing that left after the reduction has been acknowledged yet. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Takes an ACK; true when it confirms something that left after the reduction, which ends this. */
  onAck(sample: AckSample): boolean {
    if (!(sample.largestAckedSentAtMs > this.#startedAtMs)) return false;
    this.#isRunning = false;
    return true;
  }

  /** Takes losses; true when they belong to no reduction yet, so that the caller makes one. */
  onLoss(sample: LossSample): boolean {
    if (sample.largestLostSentAtMs <= this.#startedAtMs) {
      if (this.#openLosses > 0) this.#openLosses += sample.lostPackets;
      return false;
    }
    this.#startedAtMs = sample.nowMs;
    this.#isRunning = true;
    this.#openLosses = sample.lostPackets;
    return true;
  }

  /** Some losses were none; true when that were the last ones, so that the caller undoes the reduction. */
  onSpuriousLoss(packetCount: number): boolean {
    if (this.#openLosses === 0) return false;
    this.#openLosses = Math.max(this.#openLosses - packetCount, 0);
    if (this.#openLosses > 0) return false;
    this.forget();
    return true;
  }

  /** The reduction stays, whatever its losses prove to be. */
  keep(): void {
    this.#openLosses = 0;
  }

  /** The reduction is over, and stays. */
  forget(): void {
    this.#startedAtMs = -Infinity;
    this.#isRunning = false;
    this.#openLosses = 0;
  }
}
