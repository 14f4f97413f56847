/**
 * A number kept between two others.
 *
 * @module
 */

/** `value`, but at least `low` and at most `high`; `low` is not above `high`. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
