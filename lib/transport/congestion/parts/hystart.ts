/**
 * HyStart++: leave slow start when the RTT of a round rises, before the queue overflows.
 * RFC 9406.
 *
 * @module
 */

import type { AckSample } from "../controller.ts";

const MIN_RTT_THRESHOLD_MS = 4;
const MAX_RTT_THRESHOLD_MS = 16;
const RTT_DIVISOR = 8;
const ROUND_SAMPLES = 8;
const CONSERVATIVE_DIVISOR = 4;
const CONSERVATIVE_ROUNDS = 5;

/** Watches the RTT of each round of slow start and says how fast to grow and when to stop. */
export class HyStart {
  /** Acknowledged bytes are divided by this before they enlarge the window. */
  growthDivisor = 1;
  /** Slow start is over: the delay stayed high through the conservative rounds. */
  isOver = false;

  #roundEndDeliveredBytes = 0;
  #lastRoundMinRttMs = Infinity;
  #roundMinRttMs = Infinity;
  #roundSamples = 0;
  #baselineMinRttMs = Infinity;
  #conservativeRounds = 0;

  /** Growth is slowed down while the delay increase is being confirmed. */
  get isConservative(): boolean {
    return this.growthDivisor > 1;
  }

  /** Takes one ACK of slow start. */
  onAck(sample: AckSample): void {
    if (sample.priorDeliveredBytes >= this.#roundEndDeliveredBytes) this.#startRound(sample);
    const rttMs = sample.rttMs;
    if (!(rttMs > 0)) return;
    if (rttMs < this.#roundMinRttMs) this.#roundMinRttMs = rttMs;
    this.#roundSamples++;
    if (this.#roundSamples < ROUND_SAMPLES) return;

    if (this.isConservative) {
      if (this.#roundMinRttMs < this.#baselineMinRttMs) {
        // The delay went away: it was noise.
        this.growthDivisor = 1;
        this.#conservativeRounds = 0;
      }
    } else if (this.#lastRoundMinRttMs < Infinity) {
      const threshold = Math.max(
        MIN_RTT_THRESHOLD_MS,
        Math.min(this.#lastRoundMinRttMs / RTT_DIVISOR, MAX_RTT_THRESHOLD_MS),
      );
      if (this.#roundMinRttMs >= this.#lastRoundMinRttMs + threshold) {
        this.#baselineMinRttMs = this.#roundMinRttMs;
        this.growthDivisor = CONSERVATIVE_DIVISOR;
        this.#conservativeRounds = 0;
      }
    }
  }

  #startRound(sample: AckSample): void {
    this.#roundEndDeliveredBytes = sample.deliveredBytes;
    this.#lastRoundMinRttMs = this.#roundMinRttMs;
    this.#roundMinRttMs = Infinity;
    this.#roundSamples = 0;
    if (this.isConservative && ++this.#conservativeRounds >= CONSERVATIVE_ROUNDS) {
      this.isOver = true;
    }
  }
}
