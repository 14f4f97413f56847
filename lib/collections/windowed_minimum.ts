/**
 * The smallest value seen lately, in constant memory: LEDBAT's history of base delays. RFC 6817 §3.4.2.
 *
 * @module
 */

/** Knows the minimum of the running span of time and of some complete ones before it. */
export class WindowedMinimum {
  /** The minimum; Infinity before the first value. */
  value: number = Infinity;
  readonly #spanMs: number;
  /** Minimum of each span, the running one first; Infinity where nothing was seen. */
  readonly #minima: Float64Array;
  #spanEndMs = -Infinity;

  /** Looks back for `spans` × `spanMs` at least, and up to one span more. */
  constructor(spanMs: number, spans: number) {
    this.#spanMs = spanMs;
    this.#minima = new Float64Array(spans + 1).fill(Infinity);
  }

  /** Takes a value; moments must not go back. */
  onValue(value: number, nowMs: number): void {
    if (nowMs >= this.#spanEndMs) this.#shift(nowMs);
    if (value < this.#minima[0]!) this.#minima[0] = value;
    if (value < this.value) this.value = value;
  }

  /** Forgets everything. */
  reset(): void {
    this.value = Infinity;
    this.#minima.fill(Infinity);
    this.#spanEndMs = -Infinity;
  }

  #shift(nowMs: number): void {
    const minima = this.#minima;
    // The first span begins with the first value.
    const passed = Math.min(
      Math.floor((nowMs - this.#spanEndMs) / this.#spanMs) + 1,
      minima.length,
    );
    this.#spanEndMs = passed < minima.length
      ? this.#spanEndMs + passed * this.#spanMs
      : nowMs + this.#spanMs;
    minima.copyWithin(passed, 0);
    minima.fill(Infinity, 0, passed);
    this.value = Math.min(...minima);
  }
}
