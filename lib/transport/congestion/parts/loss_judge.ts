/**
 * Decides whether losses mean congestion.
 *
 * Radio links and long paths lose packets at random. Such loss comes without a queue and at a
 * steady ratio; congestion shows as delay too. So a loss ratio counts only above the ratio seen
 * while cruising, and only when the delay agrees, or when it is beyond all reason.
 *
 * @module
 */

import type { RoundTracker } from "./rounds.ts";

/** Loss beyond the base ratio that is too high. draft-ietf-ccwg-bbr §2.7 (LossThresh). */
const LOSS_THRESHOLD = 0.02;
/** Loss that is too high whatever the delay says. */
const HOPELESS_LOSS = 0.25;
/** Base ratio assumed at least when the chance of random losses is reckoned. */
const RARE_LOSS = 0.005;
const LARGEST_BASE = 0.1;
/** Rounds over which the base ratio is averaged. */
const BASE_ROUNDS = 30;

/** Knows the ratio of losses that happen without congestion. */
export class LossJudge {
  #lostBytes = 0;
  #deliveredBytes = 0;

  /** Loss ratio of the path without congestion, 0 to 0.1. */
  get baseRatio(): number {
    const total = this.#lostBytes + this.#deliveredBytes;
    return total > 0 ? Math.min(this.#lostBytes / total, LARGEST_BASE) : 0;
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
  }

  /**
   * True when this much loss out of this much sent means congestion.
   *
   * @param isDelayed The queue, as the smallest RTT of a round tells it, agrees.
   * @param packetBytes Size of a packet: few packets prove little.
   */
  isTooHigh(
    lostBytes: number,
    sentBytes: number,
    isDelayed: boolean,
    packetBytes: number,
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
    return packets >= 16 && ratio > HOPELESS_LOSS;
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
