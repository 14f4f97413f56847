/**
 * Packet-timed round trips and what happened in each.
 *
 * @module
 */

import type { AckSample, LossSample } from "../controller.ts";

/**
 * Rounds shorter than this say more about the scheduler than about the path: on loopback a
 * "round" of 0.1 ms would make every count of rounds meaningless.
 */
const SHORTEST_ROUND_MS = 4;

/** Counts rounds and keeps the statistics of the running and of the last complete one. */
export class RoundTracker {
  /** Rounds begun so far. */
  count = 0;
  /** The ACK just taken was the first of a round. */
  isRoundStart = false;

  /** Smallest RTT of the running round; Infinity before the first sample. */
  minRttMs: number = Infinity;
  /** RTT samples of the running round. */
  rttSamples = 0;
  /** Bytes delivered in the running round. */
  deliveredBytes = 0;
  /** Bytes declared lost in the running round, less those that proved spurious. */
  lostBytes = 0;
  /** Times that losses were declared in the running round. */
  lossBursts = 0;
  /** Highest delivery rate of the running round. */
  maxRate = 0;

  /** Smallest RTT of the last complete round. */
  lastMinRttMs: number = Infinity;
  /** Bytes delivered in the last complete round. */
  lastDeliveredBytes = 0;
  /** Bytes lost in the last complete round. */
  lastLostBytes = 0;
  /** Loss declarations of the last complete round. */
  lastLossBursts = 0;
  /** Highest delivery rate of the last complete round, bytes per second. */
  lastMaxRate = 0;
  /** Mean rate of the last complete round, bytes per second. */
  lastMeanRate = 0;

  /** Total bytes delivered as of the last ACK. */
  seenDeliveredBytes = 0;

  #startedAtMs = 0;
  #endDeliveredBytes = 0;

  /** Bytes of the last complete round that were answered for: delivered or lost. */
  get lastSentBytes(): number {
    return this.lastLostBytes + this.lastDeliveredBytes;
  }

  /** Takes an ACK, before anything else looks at the round. */
  onAck(sample: AckSample): void {
    this.isRoundStart = sample.priorDeliveredBytes >= this.#endDeliveredBytes &&
      sample.nowMs - this.#startedAtMs >= SHORTEST_ROUND_MS;
    if (this.isRoundStart) {
      this.count++;
      this.lastMinRttMs = this.minRttMs;
      this.lastDeliveredBytes = this.deliveredBytes;
      this.lastLostBytes = this.lostBytes > 0 ? this.lostBytes : 0;
      this.lastLossBursts = this.lossBursts;
      this.lastMaxRate = this.maxRate;
      this.lastMeanRate = this.deliveredBytes * 1000 / (sample.nowMs - this.#startedAtMs);
      this.restart(sample.deliveredBytes, sample.nowMs);
    }
    this.seenDeliveredBytes = sample.deliveredBytes;
    this.deliveredBytes += sample.ackedBytes;
    const rttMs = sample.rttMs;
    if (rttMs > 0) {
      if (rttMs < this.minRttMs) this.minRttMs = rttMs;
      this.rttSamples++;
    }
    const rate = sample.deliveryRateBytesPerSecond;
    if (rate > this.maxRate) this.maxRate = rate;
  }

  /** Takes losses. */
  onLoss(sample: LossSample): void {
    this.lostBytes += sample.lostBytes;
    this.lossBursts++;
  }

  /** Takes back losses that were none. */
  onSpuriousLoss(sizeBytes: number): void {
    this.lostBytes -= sizeBytes;
  }

  /** Begins a new round here: it ends when something sent from now on is acknowledged. */
  restart(deliveredBytes: number, nowMs: number): void {
    this.#endDeliveredBytes = deliveredBytes;
    this.#startedAtMs = nowMs;
    this.minRttMs = Infinity;
    this.rttSamples = 0;
    this.deliveredBytes = 0;
    this.lostBytes = 0;
    this.lossBursts = 0;
    this.maxRate = 0;
  }

  /** Smallest RTT lately: of this round once half of it has passed, else of the last one. */
  recentMinRttMs(nowMs: number): number {
    const halfwayMs = this.#startedAtMs +
      (this.lastMinRttMs < Infinity ? this.lastMinRttMs : 0) / 2;
    return nowMs >= halfwayMs && this.rttSamples >= 4 ? this.minRttMs : this.lastMinRttMs;
  }
}
