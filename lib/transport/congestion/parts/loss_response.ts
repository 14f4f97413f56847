/**
 * Less room after losses that mean congestion, and all of it back when they prove spurious.
 *
 * @module
 */

import type { LossSample } from "../controller.ts";
import type { BbrModel } from "./bbr_model.ts";
import type { Phase, PhaseName } from "./phase.ts";
import { UP_GAIN } from "./phase.ts";
import { POLICER_LOSS, PROBE_LOSS_BURSTS } from "./probe_judge.ts";

/** Window kept after too much loss. */
const BETA = 0.7;
/** Times that losses are declared in a round before startup takes them for an overflow. */
const STARTUP_LOSS_BURSTS = 6;
/** A packet later than this many rounds says nothing about a reduction any more. */
const UNDO_ROUNDS = 8;

/** Writes the bounds of the model. */
export class LossResponse {
  readonly #model: BbrModel;
  readonly #phase: Phase;
  /** Where the newest reduction found us. */
  #phaseAtReduction: PhaseName = "startup";
  #reducedInRound = 0;
  /** Loss ratios of the last rounds of startup. */
  readonly #startupRatios = [0, 0, 0];
  #ignoreSentBeforeMs = -Infinity;

  /** Reads and writes `model`. */
  constructor(model: BbrModel, phase: Phase) {
    this.#model = model;
    this.#phase = phase;
  }

  /** What was sent until now does not count when it gets lost. */
  ignoreSentBefore(nowMs: number): void {
    this.#ignoreSentBeforeMs = nowMs;
  }

  /** The first losses after silence are the silence's, not the queue's. */
  isIgnored(sample: LossSample, silentMs: number): boolean {
    if (silentMs > 300 + 3 * sample.smoothedRttMs) this.#ignoreSentBeforeMs = sample.nowMs;
    return sample.largestLostSentAtMs < this.#ignoreSentBeforeMs;
  }

  /** Startup overflowed the queue: it is over. §5.3.1.3, with corroboration. */
  onStartupRound(isDelayed: boolean): void {
    const model = this.#model;
    const { rounds } = model;
    // A queue that overflows was not overflowing three rounds ago.
    const earlierRatio = Math.min(...this.#startupRatios, model.losses.baseRatio);
    this.#startupRatios.shift();
    const { lastLostBytes, lastSentBytes } = rounds;
    this.#startupRatios.push(lastSentBytes > 0 ? lastLostBytes / lastSentBytes : 0);
    const isTooLossy = model.isLastRoundTooLossy(isDelayed, earlierRatio);
    if (rounds.lastLossBursts < STARTUP_LOSS_BURSTS || !isTooLossy) return;
    this.#save(lastLostBytes);
    this.#phase.isFilled = true;
    model.bounds.longTermBytes = Math.max(model.inFlightAt(1), rounds.lastDeliveredBytes);
  }

  /** Loss while cruising: less room until the next probe. §5.5.10.3, with corroboration. */
  onCruiseRound(isDelayed: boolean, windowBytes: number): void {
    const model = this.#model;
    const { rounds, bounds } = model;
    if (rounds.lastLossBursts < PROBE_LOSS_BURSTS || !model.isLastRoundTooLossy(isDelayed)) return;
    this.#save(rounds.lastLostBytes);
    const bandwidth = Math.min(bounds.shortTermBandwidth, model.path.maxBandwidth);
    const inFlight = Math.min(bounds.shortTermBytes, windowBytes);
    bounds.shortTermBandwidth = Math.max(rounds.lastMaxRate, BETA * bandwidth);
    bounds.shortTermBytes = Math.max(rounds.lastDeliveredBytes, BETA * inFlight);
  }

  /** Probing lost too much: remember how much room there is. §5.5.10.2. */
  onProbeTooHigh(sentInFlightBytes: number, windowBytes: number): void {
    const model = this.#model;
    this.#save(model.rounds.lostBytes);
    model.bounds.longTermBytes = Math.max(
      sentInFlightBytes,
      BETA * Math.min(model.inFlightAt(1), windowBytes),
    );
  }

  /**
   * A round of probing is over; when it lost little, the bound from earlier losses was too careful. §5.5.10.2.
   *
   * @returns True when it lost so much that more would not help.
   */
  onProbeRound(): boolean {
    const { rounds, bounds, losses } = this.#model;
    if (bounds.longTermBytes === Infinity) return false;
    const limit = (losses.baseRatio + POLICER_LOSS) * rounds.lastSentBytes;
    if (rounds.lastLostBytes >= limit) return rounds.lastLossBursts >= PROBE_LOSS_BURSTS;
    bounds.longTermBytes *= UP_GAIN;
    return false;
  }

  /** A round is over: old reductions have proved right. */
  onRoundEnd(): void {
    const { rounds, bounds } = this.#model;
    if (rounds.count - this.#reducedInRound > UNDO_ROUNDS) bounds.forgetUndo();
  }

  /** Takes the newest reduction back, and tells the phase that it was made in. */
  undo(): PhaseName {
    this.#model.bounds.undo();
    return this.#phaseAtReduction;
  }

  #save(lostBytes: number): void {
    this.#model.bounds.save(lostBytes);
    this.#phaseAtReduction = this.#phase.name;
    this.#reducedInRound = this.#model.rounds.count;
  }
}
