/**
 * Round-trip time of a path. RFC 9002 §5.
 *
 * @module
 */
import { WindowedMinimum } from "../collections/windowed_minimum.ts";
import { INITIAL_RTT_MS, MIN_PTO_MS, TIMER_GRANULARITY_MS } from "./constants.ts";

/** The minimum is that of the last complete spans of time and the running one. */
export const MIN_RTT_SPAN_MS = 30_000;
/** How many complete spans. */
export const MIN_RTT_SPANS = 2;

/** Latest, smoothed, variance and minimum, all in milliseconds. */
export class RttEstimator {
  /** Newest sample; NaN before the first. */
  latestMs = NaN;
  /** Smoothed RTT. */
  smoothedMs: number = INITIAL_RTT_MS;
  /** Mean deviation. */
  varianceMs: number = INITIAL_RTT_MS / 2;
  /** True once a sample was taken. */
  hasSample = false;
  readonly #minimum = new WindowedMinimum(MIN_RTT_SPAN_MS, MIN_RTT_SPANS);

  /**
   * Lowest sample of the last 60 to 90 seconds: long enough that a queue which others keep standing is not
   * soon taken for the path, and no longer, because a path may become longer for good. Infinity without one.
   */
  get minMs(): number {
    return this.#minimum.value;
  }

  /** Takes a value to begin with that may be far too large; the first sample replaces it. */
  assume(rttMs: number): void {
    this.smoothedMs = rttMs;
    this.varianceMs = rttMs / 2;
  }

  /** The path may be a longer one now: its minimum is that of the samples to come. */
  forgetMinimum(): void {
    this.#minimum.reset();
  }

  /** Another path: everything as before the first sample. RFC 9000 §9.4. */
  reset(): void {
    this.forgetMinimum();
    this.hasSample = false;
    this.latestMs = NaN;
    this.assume(INITIAL_RTT_MS);
  }

  /** Takes one sample. `ackDelayMs` is what the peer says it waited, already limited. RFC 9002 §5.3. */
  onSample(rttMs: number, ackDelayMs: number, nowMs: number): void {
    this.latestMs = rttMs;
    this.#minimum.onValue(rttMs, nowMs);
    if (!this.hasSample) {
      this.hasSample = true;
      this.smoothedMs = rttMs;
      this.varianceMs = rttMs / 2;
      return;
    }
    const adjustedMs = rttMs - ackDelayMs >= this.minMs ? rttMs - ackDelayMs : rttMs;
    this.varianceMs = 0.75 * this.varianceMs + 0.25 * Math.abs(this.smoothedMs - adjustedMs);
    this.smoothedMs = 0.875 * this.smoothedMs + 0.125 * adjustedMs;
  }

  /** Probe timeout without backoff. RFC 9002 §6.2.1. */
  ptoMs(maxAckDelayMs: number): number {
    const spreadMs = Math.max(4 * this.varianceMs, TIMER_GRANULARITY_MS);
    return Math.max(MIN_PTO_MS, this.smoothedMs + spreadMs + maxAckDelayMs);
  }
}
