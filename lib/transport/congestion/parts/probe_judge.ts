/**
 * Watches what a probe for bandwidth loses, until its last packet has been answered for.
 *
 * @module
 */

import type { LossSample } from "../controller.ts";
import type { BbrModel } from "./bbr_model.ts";

/** Times that losses are declared before they count. */
export const PROBE_LOSS_BURSTS = 2;
/** Loss beyond the base that, probe after probe, means a policer: loss without delay. */
export const POLICER_LOSS = 0.05;
const POLICER_PROBES = 3;

/** Judges one probe after the other. */
export class ProbeJudge {
  readonly #model: BbrModel;
  /** Losses now belong to packets sent while probing. */
  #isJudging = false;
  /** From this round on, what was sent while probing has been answered for. */
  #endsAtRound = Infinity;
  #lostBytes = 0;
  #deliveredBytes = 0;
  #policerProbes = 0;

  /** Reads rounds and losses from `model`. */
  constructor(model: BbrModel) {
    this.#model = model;
  }

  /** A probe begins. */
  begin(): void {
    this.#isJudging = true;
    this.#lostBytes = 0;
    this.#deliveredBytes = 0;
  }

  /** Nothing more is sent for this probe. */
  onLastSent(): void {
    this.#endsAtRound = this.#model.rounds.count + 1;
  }

  /** No judgement of this probe any more. */
  cancel(): void {
    this.#isJudging = false;
  }

  /** The round that is beginning answers for nothing of the probe. */
  get isAnswered(): boolean {
    return this.#model.rounds.count >= this.#endsAtRound;
  }

  /** Takes delivered bytes. */
  onAcked(ackedBytes: number): void {
    if (this.#isJudging) this.#deliveredBytes += ackedBytes;
  }

  /** Takes losses, after the rounds have. True when the probe lost too much: it is judged then. */
  onLoss(sample: LossSample): boolean {
    if (!this.#isJudging) return false;
    this.#lostBytes += sample.lostBytes;
    const model = this.#model;
    if (model.rounds.lossBursts < PROBE_LOSS_BURSTS) return false;
    const isTooHigh = model.losses.isTooHigh(
      sample.lostSinceSentBytes,
      sample.sentInFlightBytes,
      model.isDelayed(sample.nowMs),
      model.maxDatagramBytes,
    );
    if (isTooHigh) this.#isJudging = false;
    return isTooHigh;
  }

  /** Takes back losses that were none. */
  onSpuriousLoss(sizeBytes: number): void {
    if (this.#isJudging) this.#lostBytes -= sizeBytes;
  }

  /** The last packets of the probe have been answered for. True when this looks like a policer. */
  end(): boolean {
    this.#endsAtRound = Infinity;
    if (!this.#isJudging) return false;
    this.#isJudging = false;
    const total = this.#lostBytes + this.#deliveredBytes;
    const isLossy = total > 0 &&
      this.#lostBytes / total > this.#model.losses.baseRatio + POLICER_LOSS;
    this.#policerProbes = isLossy ? this.#policerProbes + 1 : 0;
    return this.#policerProbes >= POLICER_PROBES;
  }
}
