/**
 * Round-trip time of a path. RFC 9002 §5.
 *
 * @module
 */
import { INITIAL_RTT_MS, MIN_PTO_MS, TIMER_GRANULARITY_MS } from "./constants.ts";

/** Latest, smoothed, variance and minimum, all in milliseconds. */
export class RttEstimator {
  /** Newest sample; NaN before the first. */
  latestMs = NaN;
  /** Smoothed RTT. */
  smoothedMs: number = INITIAL_RTT_MS;
  /** Mean deviation. */
  varianceMs: number = INITIAL_RTT_MS / 2;
  /** Lowest sample of the path's life. */
  minMs = Infinity;

  /** True once a sample was taken. */
  get hasSample(): boolean {
    return this.minMs !== Infinity;
  }

  /** Takes a value to begin with that may be far too large; the first sample replaces it. */
  assume(rttMs: number): void {
    this.smoothedMs = rttMs;
    this.varianceMs = rttMs / 2;
  }

  /** Takes one sample. `ackDelayMs` is what the peer says it waited, already limited. RFC 9002 §5.3. */
  onSample(rttMs: number, ackDelayMs: number): void {
    this.latestMs = rttMs;
    if (!this.hasSample) {
      this.minMs = rttMs;
      this.smoothedMs = rttMs;
      this.varianceMs = rttMs / 2;
      return;
    }
    if (rttMs < this.minMs) this.minMs = rttMs;
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
