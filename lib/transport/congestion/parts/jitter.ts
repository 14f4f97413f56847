/**
 * How much RTTs jump from one ACK to the next.
 *
 * @module
 */

const WEIGHT = 1 / 32;

/**
 * Measures jitter apart from queueing.
 *
 * Looks at second differences, so that a queue that fills or drains, ours or a competitor's, does
 * not count: only what changes from ACK to ACK does.
 */
export class JitterMeter {
  /** How far an RTT typically is from the one before it, ms. */
  spreadMs = 0;

  #previousRttMs = NaN;
  #beforePreviousRttMs = NaN;

  /** Takes one RTT sample. */
  onRtt(rttMs: number): void {
    const bend = Math.abs(rttMs - 2 * this.#previousRttMs + this.#beforePreviousRttMs);
    this.#beforePreviousRttMs = this.#previousRttMs;
    this.#previousRttMs = rttMs;
    // The bend of independent samples is √3 times as wide as their difference.
    if (bend >= 0) this.spreadMs += (bend * 0.577 - this.spreadMs) * WEIGHT;
  }

  /** Forgets the path. */
  reset(): void {
    this.spreadMs = 0;
    this.#previousRttMs = NaN;
    this.#beforePreviousRttMs = NaN;
  }
}
