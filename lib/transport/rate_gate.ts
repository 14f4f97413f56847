/**
 * How often something may happen, as a token bucket.
 *
 * @module
 */

/** Lets `ratePerSecond` things through on average and `burst` at once. */
export class RateGate {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs = -Infinity;

  /** Makes a gate that is open for a whole burst. */
  constructor(ratePerSecond: number, burst: number) {
    this.#ratePerMs = ratePerSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** True when one more may pass now; it is then counted. Never allocates. */
  tryPass(nowMs: number): boolean {
    if (nowMs > this.#filledAtMs) {
      const sinceMs = nowMs - this.#filledAtMs;
      this.#tokens = Math.min(this.#burst, this.#tokens + sinceMs * this.#ratePerMs);
      this.#filledAtMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
