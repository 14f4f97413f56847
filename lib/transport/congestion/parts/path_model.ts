/**
 * What BBR believes about the path: bandwidth, propagation delay, ACK aggregation, jitter.
 * draft-ietf-ccwg-bbr §5.5.
 *
 * @module
 */

import type { AckSample } from "../controller.ts";
import { JitterMeter } from "./jitter.ts";
import type { RoundTracker } from "./rounds.ts";

const MIN_RTT_WINDOW_MS = 10_000;
const LONG_RTT_MS = 300;
const EXTRA_ACKED_ROUNDS = 10;
/** RTTs below this are measured over at least as long, or scheduling noise becomes bandwidth. */
const SHORTEST_RATE_INTERVAL_MS = 4;

/** The path as measured. All fields are read by the controller; it writes {@linkcode PathModel.burstMs} alone. */
export class PathModel {
  /** Highest bandwidth of the last two probing cycles, bytes per second. */
  maxBandwidth = 0;
  /** Bandwidth of the newest usable sample, bytes per second. */
  latestBandwidth = 0;
  /** Smallest RTT of the last ten seconds, or since the path may have become another one. */
  minRttMs: number = Infinity;
  /** How long the bottleneck takes for one of our bursts, ms: an ACK for its end is that much later. */
  burstMs = 0;
  /** When an RTT near the smallest one was last seen: within 1 %, 0.3 ms, a burst and some jitter. */
  nearMinRttAtMs = 0;
  /** How much more than bandwidth × time arrives at once, bytes. */
  extraAckedBytes = 0;
  #cycleBandwidth = 0;
  #previousCycleBandwidth = 0;
  #minRttAtMs = 0;
  /** From a packet on that was sent then, the smallest RTT is measured anew; NaN when it is known. */
  #rttOpenSinceMs = NaN;
  #darkMs = 0;

  readonly #jitter = new JitterMeter();

  #aggregateStartMs = 0;
  #aggregateBytes = 0;
  #extraNew = 0;
  #extraOld = 0;
  #extraRounds = 0;

  #windowStartMs = NaN;
  #windowDelivered = 0;
  #windowRate = NaN;

  /** How far an RTT typically is from the one before it, ms. */
  get jitterMs(): number {
    return this.#jitter.spreadMs;
  }

  /** Takes an ACK, after the round tracker has seen it. */
  onAck(sample: AckSample, rounds: RoundTracker, windowBytes: number, isFilled: boolean): void {
    if (sample.rttMs > 0) {
      this.#jitter.onRtt(sample.rttMs);
      this.#updateMinRtt(sample);
    }
    this.#updateBandwidth(sample);
    this.#updateAggregation(sample, rounds, windowBytes, isFilled);
  }

  /** A probing cycle is over: forgets the bandwidth of the one before it. */
  advanceBandwidthFilter(): void {
    if (this.#cycleBandwidth === 0) return;
    this.#previousCycleBandwidth = this.#cycleBandwidth;
    this.#cycleBandwidth = 0;
    this.maxBandwidth = this.#previousCycleBandwidth;
  }

  /**
   * Replaces the smallest RTT by one measured on purpose with little in flight, if it is smaller, or the old one
   * was not seen for long, or the path `isLonger` for sure.
   */
  adoptMinRtt(rttMs: number, nowMs: number, isLonger: boolean): void {
    this.nearMinRttAtMs = nowMs;
    if (rttMs < this.minRttMs || isLonger || this.#isMinRttOld(nowMs)) {
      this.minRttMs = rttMs;
      this.#minRttAtMs = nowMs;
    }
  }

  /**
   * After `darkMs` without an answer the path may be a longer one, and its queue is empty: the first packet
   * that leaves from now on tells its RTT. Infinity for a path that is another one for sure.
   */
  reopenMinRtt(darkMs: number, nowMs: number): void {
    this.#rttOpenSinceMs = nowMs;
    this.#darkMs = darkMs;
  }

  /** Time in which nothing could be measured does not make measurements old. */
  shiftTime(spanMs: number): void {
    this.#minRttAtMs += spanMs;
    this.nearMinRttAtMs += spanMs;
    this.#windowStartMs = NaN;
  }

  /** Forgets everything: another path. */
  reset(): void {
    this.maxBandwidth = 0;
    this.latestBandwidth = 0;
    this.minRttMs = Infinity;
    this.#rttOpenSinceMs = NaN;
    this.extraAckedBytes = 0;
    this.#jitter.reset();
    this.#cycleBandwidth = 0;
    this.#previousCycleBandwidth = 0;
    this.#extraNew = 0;
    this.#extraOld = 0;
    this.#windowStartMs = NaN;
  }

  #updateMinRtt(sample: AckSample): void {
    const rttMs = sample.rttMs;
    if (sample.largestAckedSentAtMs >= this.#rttOpenSinceMs) {
      this.#rttOpenSinceMs = NaN;
      // A longer one than the darkness was no darkness, but a queue that grew at once.
      if (rttMs < this.#darkMs) this.minRttMs = rttMs;
    }
    if (rttMs <= this.minRttMs) {
      this.minRttMs = rttMs;
      this.#minRttAtMs = sample.nowMs;
    }
    const nearMs = (this.minRttMs < 10 ? 1 : 0.3 + this.burstMs) + this.#jitter.spreadMs / 4;
    if (rttMs <= this.minRttMs * 1.01 + nearMs) {
      this.nearMinRttAtMs = sample.nowMs;
      this.#minRttAtMs = sample.nowMs;
    }
  }

  #isMinRttOld(nowMs: number): boolean {
    const windowMs = this.minRttMs > LONG_RTT_MS ? 2 * MIN_RTT_WINDOW_MS : MIN_RTT_WINDOW_MS;
    return nowMs - this.#minRttAtMs > windowMs;
  }

  #updateBandwidth(sample: AckSample): void {
    let rate = sample.deliveryRateBytesPerSecond;
    if (this.minRttMs < SHORTEST_RATE_INTERVAL_MS) {
      rate = this.#smoothedRate(sample, rate);
    }
    if (!(rate > 0)) return;
    this.latestBandwidth = rate;
    if (sample.isAppLimited && rate < this.maxBandwidth) return;
    if (rate > this.#cycleBandwidth) {
      this.#cycleBandwidth = rate;
      this.maxBandwidth = rate > this.#previousCycleBandwidth ? rate : this.#previousCycleBandwidth;
    }
  }

  /** On very short paths: the sampled rate, bounded by the rate over a few milliseconds. */
  #smoothedRate(sample: AckSample, rate: number): number {
    const elapsedMs = sample.nowMs - this.#windowStartMs;
    if (!(elapsedMs < 1000)) {
      this.#windowStartMs = sample.nowMs;
      this.#windowDelivered = sample.deliveredBytes;
      this.#windowRate = NaN;
      return rate;
    }
    if (elapsedMs >= SHORTEST_RATE_INTERVAL_MS) {
      this.#windowRate = (sample.deliveredBytes - this.#windowDelivered) * 1000 / elapsedMs;
      this.#windowStartMs = sample.nowMs;
      this.#windowDelivered = sample.deliveredBytes;
    }
    return rate > this.#windowRate ? this.#windowRate : rate;
  }

  #updateAggregation(
    sample: AckSample,
    rounds: RoundTracker,
    windowBytes: number,
    isFilled: boolean,
  ): void {
    const expected = this.maxBandwidth * (sample.nowMs - this.#aggregateStartMs) / 1000;
    let extra = this.#aggregateBytes + sample.ackedBytes - expected;
    if (this.#aggregateBytes <= expected) {
      this.#aggregateBytes = 0;
      this.#aggregateStartMs = sample.nowMs;
      extra = sample.ackedBytes;
    }
    this.#aggregateBytes += sample.ackedBytes;
    if (extra > windowBytes) extra = windowBytes;
    // Maximum over five to ten rounds, over one while the pipe is not full yet.
    if (rounds.isRoundStart && ++this.#extraRounds >= (isFilled ? EXTRA_ACKED_ROUNDS / 2 : 1)) {
      this.#extraRounds = 0;
      this.#extraOld = this.#extraNew;
      this.#extraNew = 0;
    }
    if (extra > this.#extraNew) this.#extraNew = extra;
    this.extraAckedBytes = this.#extraNew > this.#extraOld ? this.#extraNew : this.#extraOld;
  }
}
