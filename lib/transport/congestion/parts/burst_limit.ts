/**
 * Smaller bursts where bursts get lost.
 *
 * @module
 */

import type { LossJudge } from "./loss_judge.ts";
import type { RoundTracker } from "./rounds.ts";

/** Loss beyond the base ratio that may be due to bursts. */
const LOSS_MARGIN = 0.005;
const QUEUE_MS = 1;
const CLEAN_ROUNDS = 10;
const MOST_CLEAN_ROUNDS = 320;
/** Bursts shrink to what leaves in this time, no further: they must stay worth a system call. */
const SMALLEST_QUANTUM_MS = 0.25;
/** Beyond this no limit is felt. */
const FELT_BYTES = 200_000;

/** Halves the burst when loss comes without a queue, as a buffer of a few packets does. */
export class BurstLimit {
  /** Largest burst that seems to survive; Infinity when none was ever lost. */
  bytes: number = Infinity;

  #cleanRounds = 0;
  #cleanRoundsWanted = CLEAN_ROUNDS;

  /** Takes the statistics of a complete round, the burst it was sent with and its rate. */
  onRoundEnd(
    rounds: RoundTracker,
    losses: LossJudge,
    sender: {
      readonly queueMs: number;
      readonly sendQuantumBytes: number;
      readonly pacingRateBytesPerSecond: number;
      readonly maxDatagramBytes: number;
      readonly isFilled: boolean;
    },
  ): void {
    if (sender.queueMs < QUEUE_MS && isBurstLoss(rounds, losses, sender.maxDatagramBytes)) {
      const smaller = sender.sendQuantumBytes / (sender.isFilled ? 2 : 4);
      const smallest = sender.pacingRateBytesPerSecond * SMALLEST_QUANTUM_MS / 1000;
      this.bytes = Math.max(smaller, smallest, 2 * sender.maxDatagramBytes);
      this.#cleanRoundsWanted = Math.min(this.#cleanRoundsWanted * 2, MOST_CLEAN_ROUNDS);
      this.#cleanRounds = 0;
    } else if (++this.#cleanRounds >= this.#cleanRoundsWanted) {
      this.bytes *= 2;
      this.#cleanRounds = 0;
      if (this.bytes > FELT_BYTES) {
        this.bytes = Infinity;
        this.#cleanRoundsWanted = CLEAN_ROUNDS;
      }
    }
  }
}

function isBurstLoss(rounds: RoundTracker, losses: LossJudge, packetBytes: number): boolean {
  if (rounds.lastLossBursts < 2) return false;
  const total = rounds.lastLostBytes + rounds.lastDeliveredBytes;
  const base = losses.baseRatio;
  const noise = 3 * Math.sqrt((base + 0.001) * packetBytes / total);
  return rounds.lastLostBytes > (base + LOSS_MARGIN + noise) * total;
}
