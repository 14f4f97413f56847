/**
 * Smaller bursts where bursts get lost.
 *
 * @module
 */

import { freeDelayMs, type LossJudge } from "./loss_judge.ts";
import type { RoundTracker } from "./rounds.ts";

/** Loss beyond the base ratio that may be due to bursts. */
const LOSS_MARGIN = 0.005;
const CLEAN_ROUNDS = 10;
const MOST_CLEAN_ROUNDS = 320;
/** Bursts shrink to what leaves in this time, no further: they must stay worth a system call. */
const SMALLEST_QUANTUM_MS = 0.25;
/** Beyond this no limit is felt. */
const FELT_BYTES = 200_000;

/**
 * Loss that is worth an experiment: bursts that never fit the queue make a loss so steady that it looks
 * like the path's own.
 */
const SUSPECT_LOSS = 0.01;
/** Packets that tell one ratio of losses from half of it. */
const ENOUGH_PACKETS = 1000;
/** Rounds until the next experiment after one that changed nothing; doubled each time. */
const EXPERIMENT_WAIT_ROUNDS = 20;
const LONGEST_EXPERIMENT_WAIT_ROUNDS = 640;

/** The sender in the round that is over. */
export interface BurstSender {
  /** How far the round's smallest RTT was above the path's, ms. */
  readonly queueMs: number;
  /** The path's smallest RTT, ms. */
  readonly minRttMs: number;
  /** How much RTTs jump, ms. */
  readonly jitterMs: number;
  /** The bursts it was sent with. */
  readonly sendQuantumBytes: number;
  /** Its rate. */
  readonly pacingRateBytesPerSecond: number;
  /** Size of a packet. */
  readonly maxDatagramBytes: number;
  /** The pipe has been filled. */
  readonly isFilled: boolean;
}

/** Makes bursts smaller when loss comes without a queue, as a buffer of a few packets makes it. */
export class BurstLimit {
  /** Largest burst that seems to survive; Infinity when none was ever lost. */
  bytes: number = Infinity;

  #cleanRounds = 0;
  #cleanRoundsWanted = CLEAN_ROUNDS;
  // The loss with bursts as they are, and while an experiment runs with smaller ones.
  #lostBytes = 0;
  #sentBytes = 0;
  #ratioBefore = NaN;
  #waitRounds = 0;
  #waitRoundsAfterFailure = EXPERIMENT_WAIT_ROUNDS;

  /** Takes the statistics of a complete round. */
  onRoundEnd(rounds: RoundTracker, losses: LossJudge, sender: BurstSender): void {
    if (sender.queueMs >= freeDelayMs(sender.minRttMs, sender.jitterMs)) return this.#onClean();
    if (!Number.isNaN(this.#ratioBefore)) return this.#watchExperiment(rounds, sender);
    if (isBurstLoss(rounds, losses, sender.maxDatagramBytes)) {
      this.#shrink(sender, sender.isFilled ? 2 : 4);
      this.#onLimited();
    } else {
      this.#onClean();
      this.#suspect(rounds, sender);
    }
  }

  /** Counts steady loss; begins an experiment when there is enough of it. */
  #suspect(rounds: RoundTracker, sender: BurstSender): void {
    if (!sender.isFilled || this.#waitRounds-- > 0) return;
    this.#count(rounds);
    if (this.#sentBytes < ENOUGH_PACKETS * sender.maxDatagramBytes) return;
    const ratio = this.#lostBytes / this.#sentBytes;
    this.#lostBytes = this.#sentBytes = 0;
    if (ratio < SUSPECT_LOSS) return;
    this.#ratioBefore = ratio;
    this.#shrink(sender, 4);
  }

  #watchExperiment(rounds: RoundTracker, sender: BurstSender): void {
    this.#count(rounds);
    if (this.#sentBytes < ENOUGH_PACKETS * sender.maxDatagramBytes) return;
    const isBetter = this.#lostBytes / this.#sentBytes < this.#ratioBefore / 2;
    this.#ratioBefore = NaN;
    this.#lostBytes = this.#sentBytes = 0;
    if (isBetter) {
      this.#waitRoundsAfterFailure = EXPERIMENT_WAIT_ROUNDS;
      this.#onLimited();
    } else {
      this.bytes = Infinity;
      this.#waitRounds = this.#waitRoundsAfterFailure;
      this.#waitRoundsAfterFailure = Math.min(2 * this.#waitRounds, LONGEST_EXPERIMENT_WAIT_ROUNDS);
    }
  }

  #count(rounds: RoundTracker): void {
    this.#lostBytes += rounds.lastLostBytes;
    this.#sentBytes += rounds.lastSentBytes;
  }

  #shrink(sender: BurstSender, divisor: number): void {
    const smallest = sender.pacingRateBytesPerSecond * SMALLEST_QUANTUM_MS / 1000;
    this.bytes = Math.max(
      sender.sendQuantumBytes / divisor,
      smallest,
      2 * sender.maxDatagramBytes,
    );
  }

  #onLimited(): void {
    this.#cleanRoundsWanted = Math.min(this.#cleanRoundsWanted * 2, MOST_CLEAN_ROUNDS);
    this.#cleanRounds = 0;
  }

  #onClean(): void {
    if (this.bytes === Infinity || ++this.#cleanRounds < this.#cleanRoundsWanted) return;
    this.bytes *= 2;
    this.#cleanRounds = 0;
    if (this.bytes > FELT_BYTES) {
      this.bytes = Infinity;
      this.#cleanRoundsWanted = CLEAN_ROUNDS;
    }
  }
}

function isBurstLoss(rounds: RoundTracker, losses: LossJudge, packetBytes: number): boolean {
  if (rounds.lastLossBursts < 2) return false;
  const total = rounds.lastSentBytes;
  const base = losses.baseRatio;
  const noise = 3 * Math.sqrt((base + 0.001) * packetBytes / total);
  return rounds.lastLostBytes > (base + LOSS_MARGIN + noise) * total;
}
