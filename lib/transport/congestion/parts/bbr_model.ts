/**
 * Everything BBR has learnt, in one place, and how much in flight that justifies.
 *
 * @module
 */

import { LossBounds } from "./loss_bounds.ts";
import { congestionDelayMs, LossJudge } from "./loss_judge.ts";
import { PathModel } from "./path_model.ts";
import { RoundTracker } from "./rounds.ts";
import { FAST_GROWTH_RTT_MS } from "./window_rules.ts";

const FIRST_WINDOW_PACKETS = 32;
const SMALLEST_WINDOW_PACKETS = 4;
/** 16 Mbit/s: where a window is paced over a round trip, starting below that only wastes time. */
const FIRST_RATE_BYTES_PER_MS = 2000;
/** The same over a long one, where a round too many costs more than the queue that one too fast may fill. */
const FAST_FIRST_RATE_BYTES_PER_MS = 4000;
const LARGEST_FIRST_WINDOW_PACKETS = 256;
/** Time that a busy process may take to notice an ACK: always covered by the window. */
export const SCHEDULER_SLACK_MS = 3;
/** Below this RTT the scheduler's delays outweigh the path's. */
const NOISY_RTT_MS = 10;

/** Rounds, path and losses as measured. The controller reports to each; all parts of BBR read them. */
export class BbrModel {
  /** Largest packet the path carries, bytes. */
  maxDatagramBytes: number;
  /** Startup begins slowly for the sake of others. */
  startsCarefully = false;
  /** Round trips and what happened in each. */
  readonly rounds: RoundTracker = new RoundTracker();
  /** Bandwidth, smallest RTT, ACK aggregation, jitter. */
  readonly path: PathModel = new PathModel();
  /** Which losses mean congestion. */
  readonly losses: LossJudge = new LossJudge();
  /** What those that do have taught. */
  readonly bounds: LossBounds = new LossBounds();

  /** Knows nothing yet. */
  constructor(maxDatagramBytes: number) {
    this.maxDatagramBytes = maxDatagramBytes;
  }

  /** What the path carries, less what losses since the last probe took of it, bytes per second. */
  get bandwidth(): number {
    const long = this.path.maxBandwidth;
    const short = this.bounds.shortTermBandwidth;
    return long < short ? long : short;
  }

  /** What to send so that the path is full behind the losses that are there in any case, bytes per second. */
  get sendBandwidth(): number {
    const bandwidth = this.bandwidth;
    const ratio = this.losses.random.madeGoodRatio;
    if (ratio === 0) return bandwidth;
    // The highest of many samples is above the mean, the more so the fewer packets a sample has.
    const packets = bandwidth * this.path.minRttMs / 1000 / this.maxDatagramBytes;
    const made = bandwidth / (1 - ratio) / (1 + 2 * Math.sqrt(ratio / (1 - ratio) / packets));
    return made > bandwidth ? made : bandwidth;
  }

  /** The window before anything is known, bytes. */
  get firstWindowBytes(): number {
    const packet = this.maxDatagramBytes;
    return Math.min(FIRST_WINDOW_PACKETS * packet, Math.max(48_000, 4 * packet));
  }

  /** The smallest window, bytes. */
  get smallestWindowBytes(): number {
    return SMALLEST_WINDOW_PACKETS * this.maxDatagramBytes;
  }

  /** What startup has in flight at least on a path with this RTT, bytes. */
  leastStartWindow(rttMs: number): number {
    const rate = rttMs >= FAST_GROWTH_RTT_MS && !this.startsCarefully
      ? FAST_FIRST_RATE_BYTES_PER_MS
      : FIRST_RATE_BYTES_PER_MS;
    return Math.min(rttMs * rate, LARGEST_FIRST_WINDOW_PACKETS * this.maxDatagramBytes);
  }

  /** Bytes in flight that keep the path this full, the peer's ACK delay included. */
  inFlightAt(gain: number): number {
    const minRttMs = this.path.minRttMs;
    if (!(minRttMs < Infinity)) return this.firstWindowBytes;
    const ackDelayMs = minRttMs < 40 ? minRttMs / 8 : 5;
    const slackMs = minRttMs < NOISY_RTT_MS ? SCHEDULER_SLACK_MS - 1 : 0;
    const bytes = this.sendBandwidth * (gain * minRttMs + ackDelayMs + slackMs) / 1000;
    const smallest = this.smallestWindowBytes;
    return bytes > smallest ? bytes : smallest;
  }

  /** This share of the bandwidth-delay product and nothing else, bytes. */
  shareOfPath(share: number): number {
    return Math.max(this.bandwidth * share * this.path.minRttMs / 1000, this.smallestWindowBytes);
  }

  /** The RTTs of late all say that there is a queue. */
  isDelayed(nowMs: number): boolean {
    const { minRttMs, jitterMs } = this.path;
    return this.rounds.recentMinRttMs(nowMs) - minRttMs > congestionDelayMs(minRttMs, jitterMs);
  }

  /** The last round lost more than the path does without congestion, which is `knownRatio` at least. */
  isLastRoundTooLossy(isDelayed: boolean, knownRatio?: number): boolean {
    const { lastLostBytes, lastSentBytes } = this.rounds;
    return this.losses.isTooHigh(
      lastLostBytes,
      lastSentBytes,
      isDelayed,
      this.maxDatagramBytes,
      knownRatio,
    );
  }

  /** Begins a new round here. */
  restartRound(nowMs: number): void {
    this.rounds.restart(this.rounds.seenDeliveredBytes, nowMs);
  }

  /** Forgets the path. */
  reset(nowMs: number): void {
    this.restartRound(nowMs);
    this.path.reset();
    this.losses.reset();
    this.bounds.reset();
  }
}
