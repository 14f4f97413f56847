/**
 * Proves that losses do not come from sending too fast.
 *
 * Much loss without a queue is either the path's own or a queue too short to be seen, as a policer or a crowd
 * before a small buffer has. The path's own is the same from one moment to the next, and stays when we send half
 * as fast for a while; the other one comes and goes with everybody's probing, and falls. Only what passes both
 * tests may be made good by sending more: otherwise loss would ask for more loss.
 *
 * @module
 */

import type { RoundTracker } from "./rounds.ts";

/** Less than this, a probe's gain outweighs by itself. */
const LEAST_RATIO = 0.11;
/** More than this is not made good. */
const LARGEST_RATIO = 0.35;
/** A sample of the ratio is over so much lost, or so much sent, and so much time. */
const SAMPLE_LOST_PACKETS = 40;
const SAMPLE_PACKETS = 600;
const SAMPLE_MS = 500;
/** So many samples in a row must be alike: their standard deviation, less chance, this share of their mean. */
const SAMPLES = 8;
const SPREAD = 0.1;
/** Of the loss at full speed so much must stay at half. */
const STAYS = 0.7;
/** Rounds until the losses of what was sent before the experiment are over. */
const SKIPPED_ROUNDS = 2;
/** Wait between experiments, doubled each time that one says the same as the one before. */
const WAIT_MS = 3000;
const LONGEST_WAIT_MS = 48_000;

/** A complete round, besides what its tracker knows. */
export interface RandomLossRound {
  /** All of it was spent cruising, and met no queue. */
  readonly isSteady: boolean;
  /** All of it met a queue. */
  readonly isDelayed: boolean;
  /** Size of a packet. */
  readonly packetBytes: number;
  /** When it ended. */
  readonly nowMs: number;
}

/** The loss that is there whatever we send. */
export class RandomLoss {
  /** Share of what is sent that gets lost in any case, rather too low; 0 unless it is proven. */
  ratio = 0;
  /** The part of it to make good now: half of it beside a queue, or whoever comes late would find no room. */
  madeGoodRatio = 0;
  /** An experiment runs: send half as fast. */
  isTesting = false;

  #lostBytes = 0;
  #sentBytes = 0;
  #spanMs = 0;
  readonly #samples: { ratio: number; sentBytes: number }[] = [];
  /** Of the samples: their mean, and what is left of it with bad luck. */
  #meanRatio = 0;
  #leastRatio = 0;
  #skippedRounds = 0;
  #roundAtMs = 0;
  #nextTestAtMs = 0;
  #waitMs = WAIT_MS;

  /** Takes a complete round. */
  onRoundEnd(rounds: RoundTracker, round: RandomLossRound): void {
    if (round.isSteady) this.#onSteadyRound(rounds, round);
    else if (this.isTesting) this.#endTest(round.nowMs);
    this.#roundAtMs = round.nowMs;
    this.madeGoodRatio = round.isDelayed ? this.ratio / 2 : this.ratio;
  }

  /** Forgets the path. */
  reset(): void {
    this.ratio = this.madeGoodRatio = 0;
    this.isTesting = false;
    this.#samples.length = 0;
    this.#waitMs = WAIT_MS;
    this.#restartSample();
  }

  #onSteadyRound(rounds: RoundTracker, { packetBytes, nowMs }: RandomLossRound): void {
    if (this.isTesting && this.#skippedRounds++ < SKIPPED_ROUNDS) return;
    this.#spanMs += nowMs - this.#roundAtMs;
    this.#lostBytes += rounds.lastLostBytes;
    this.#sentBytes += rounds.lastSentBytes;
    const isEnough = this.#lostBytes >= SAMPLE_LOST_PACKETS * packetBytes ||
      this.#sentBytes >= SAMPLE_PACKETS * packetBytes;
    if (!isEnough) return;
    if (this.isTesting) this.#onTested(nowMs);
    else if (this.#spanMs >= SAMPLE_MS) this.#onSample(packetBytes, nowMs);
  }

  #onSample(packetBytes: number, nowMs: number): void {
    const samples = this.#samples;
    samples.push({ ratio: this.#lostBytes / this.#sentBytes, sentBytes: this.#sentBytes });
    this.#restartSample();
    if (samples.length < SAMPLES) return;
    if (samples.length > SAMPLES) samples.shift();
    if (!this.#isSteady(packetBytes)) {
      this.ratio = 0;
      return;
    }
    if (this.ratio > 0) this.ratio = this.#leastRatio;
    if (nowMs < this.#nextTestAtMs) return;
    this.isTesting = true;
    this.#skippedRounds = 0;
  }

  /** There is much loss, and it differs from sample to sample no more than chance makes it. */
  #isSteady(packetBytes: number): boolean {
    const meanOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / SAMPLES;
    const mean = meanOf(this.#samples.map(({ ratio }) => ratio));
    const variance = meanOf(this.#samples.map(({ ratio }) => (ratio - mean) ** 2));
    const sentBytes = meanOf(this.#samples.map((sample) => sample.sentBytes));
    this.#meanRatio = mean;
    this.#leastRatio = Math.min(mean - Math.sqrt(variance), LARGEST_RATIO);
    const chance = mean * (1 - mean) * packetBytes / sentBytes;
    return mean >= LEAST_RATIO && variance <= (SPREAD * mean) ** 2 + chance;
  }

  #onTested(nowMs: number): void {
    const stays = this.#lostBytes >= STAYS * this.#meanRatio * this.#sentBytes;
    this.#waitMs = stays === this.ratio > 0 ? Math.min(2 * this.#waitMs, LONGEST_WAIT_MS) : WAIT_MS;
    this.ratio = stays ? this.#leastRatio : 0;
    if (!stays) this.#samples.length = 0;
    this.#endTest(nowMs);
  }

  #endTest(nowMs: number): void {
    this.isTesting = false;
    this.#nextTestAtMs = nowMs + this.#waitMs;
    this.#restartSample();
  }

  #restartSample(): void {
    this.#lostBytes = this.#sentBytes = this.#spanMs = 0;
  }
}
