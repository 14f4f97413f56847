/**
 * Decides whether losses mean congestion.
 *
 * Radio links and long paths lose packets at random. Such loss comes without a queue and at a
 * steady ratio; congestion shows as delay too. So a loss ratio counts only above the ratio seen
 * while cruising, and only when the delay agrees, or when it is beyond all reason.
 *
 * @module
 */

import { RandomLoss } from "./random_loss.ts";
import type { RoundTracker } from "./rounds.ts";

/** Loss beyond the base ratio that is too high. draft-ietf-ccwg-bbr §2.7 (LossThresh). */
const LOSS_THRESHOLD = 0.02;
/** Loss that is too high whatever the delay says. */
const HOPELESS_LOSS = 0.25;
/** Base ratio assumed at least when the chance of random losses is reckoned. */
const RARE_LOSS = 0.005;
/** Largest base ratio, as long as it is not proven that it is independent of what we send. */
const LARGEST_BASE = 0.1;
/** Rounds over which the base ratio is averaged. */
const BASE_ROUNDS = 30;

/** Knows the ratio of losses that happen without congestion. */
export class LossJudge {
  /** The part of it that is proven to be there whatever we send. */
  readonly random: RandomLoss = new RandomLoss();
  #lostBytes = 0;
  #deliveredBytes = 0;

  /** Loss ratio of the path without congestion, 0 to 0.1, or to what is proven. */
  get baseRatio(): number {
    const total = this.#lostBytes + this.#deliveredBytes;
    if (total === 0) return 0;
    return Math.min(this.#lostBytes / total, Math.max(LARGEST_BASE, this.random.ratio));
  }

  /** Learns from a round that had no queue of its own making. */
  learn(rounds: RoundTracker): void {
    const keep = 1 - 1 / BASE_ROUNDS;
    this.#lostBytes = this.#lostBytes * keep + rounds.lastLostBytes;
    this.#deliveredBytes = this.#deliveredBytes * keep + rounds.lastDeliveredBytes;
  }

  /** Takes back losses that were reordering. */
  onSpuriousLoss(sizeBytes: number): void {
    this.#lostBytes = Math.max(this.#lostBytes - sizeBytes, 0);
  }

  /** Forgets the path. */
  reset(): void {
    this.#lostBytes = 0;
    this.#deliveredBytes = 0;
    this.random.reset();
  }

  /**
   * True when this much loss out of this much sent means congestion.
   *
   * @param isDelayed The queue, as the smallest RTT of a round tells it, agrees.
   * @param packetBytes Size of a packet: few packets prove little.
   * @param knownRatio Loss that was there before, or is proven.
   */
  isTooHigh(
    lostBytes: number,
    sentBytes: number,
    isDelayed: boolean,
    packetBytes: number,
    knownRatio: number = this.random.ratio,
  ): boolean {
    if (!(sentBytes > 0)) return false;
    const ratio = lostBytes / sentBytes;
    const packets = sentBytes / packetBytes;
    if (isDelayed) {
      const base = this.baseRatio;
      // Two standard deviations of random loss are not congestion.
      const noise = 2 * Math.sqrt((base > RARE_LOSS ? base : RARE_LOSS) / packets);
      return ratio > base + LOSS_THRESHOLD + noise;
    }
    if (packets < 16) return false;
    const surplus = knownRatio - LARGEST_BASE;
    const hopeless = HOPELESS_LOSS + (surplus > 0 ? surplus : 0);
    // Where much gets lost in any case, chance takes a round beyond that easily.
    const noise = 3 * Math.sqrt(hopeless * (1 - hopeless) / packets);
    return ratio > hopeless + noise * Math.min(knownRatio / LARGEST_BASE, 1);
  }
}

/** Delay above the smallest RTT from which on a round counts as delayed by a queue. */
export function congestionDelayMs(minRttMs: number, jitterMs: number): number {
  return Math.max(3, 0.1 * minRttMs, 2 * jitterMs);
}

/** Delay above the smallest RTT up to which a round counts as free of a queue. */
export function freeDelayMs(minRttMs: number, jitterMs: number): number {
  return Math.max(2, 0.05 * minRttMs, 2 * jitterMs);
}
