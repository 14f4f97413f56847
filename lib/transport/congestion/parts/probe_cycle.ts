/**
 * When to probe for more bandwidth, when a probe has shown enough, and whether to make room for others.
 * draft-ietf-ccwg-bbr §5.3.3.
 *
 * @module
 */

import type { AckSample } from "../controller.ts";
import type { BbrModel } from "./bbr_model.ts";
import { UP_GAIN } from "./phase.ts";
import type { PipeFilling } from "./pipe_filling.ts";

/**
 * Beside others, probing goes on until the queue has grown by this share of the smallest RTT, or for so many
 * rounds: small flows add as much to it as large ones, so that shares draw nearer to each other.
 */
const SHARED_PROBE_DELAY = 0.25;
const SHARED_PROBE_ROUNDS = 2;
/**
 * A probe asks for a quarter more. Whoever gets so much of it has a small share, or there is no queue at all
 * but a delay that wanders: no reason to make room.
 */
const FREE_GROWTH = 1.2;
/** Growth by one probe after which the next one comes soon, alone and beside others. */
const GROWTH = 1.1;
const SHARED_GROWTH = 1.3;
/** Probes in a row after a startup that a queue ended. */
const EARLY_PROBES = 4;

const PROBE_WAIT_MS = 2000;
const PROBE_WAIT_ROUNDS = 62;
/** Even many rounds do not justify probing more often than this. */
const SHORTEST_PROBE_WAIT_MS = 300;

/** One cycle of cruising and probing after the other. */
export class ProbeCycle {
  /** Others keep a queue standing, as the last round of cruising told. */
  hasStandingQueue = false;

  readonly #model: BbrModel;
  readonly #filling: PipeFilling;
  readonly #random: () => number;
  #startMs = 0;
  #startRound = 0;
  #waitMs = PROBE_WAIT_MS;
  /** Probes that follow each other soon although the last one found nothing. */
  #earlyProbes = 0;
  #bandwidthBefore = 0;
  #rateBefore = 0;
  /** The RTT at the beginning of a probe beside a queue of others; NaN without one. */
  #queuedRttMs = NaN;
  #isYielding = true;

  /** Reads `model`, and from `filling` whether a probe still delivers more. */
  constructor(model: BbrModel, filling: PipeFilling, random: () => number) {
    this.#model = model;
    this.#filling = filling;
    this.#random = random;
  }

  /** Less should be in flight than alone: others stand in the same queue. */
  get makesRoom(): boolean {
    return this.hasStandingQueue && this.#isYielding;
  }

  /** The queue that ended startup may have been there before us, and what was found be far from all. */
  onQueueEndedStartup(): void {
    this.#earlyProbes = EARLY_PROBES;
  }

  /** The queue of startup is gone: look soon whether there is more. */
  onDrained(): void {
    this.#waitMs = Math.min(this.#waitMs, 4 * this.#model.path.minRttMs + 200);
  }

  /** The next probe is due now. */
  hasten(): void {
    this.#waitMs = 0;
  }

  /** Time in which nothing happened does not count. */
  shiftTime(spanMs: number): void {
    this.#startMs += spanMs;
  }

  /** Whether to probe now. */
  isDue(nowMs: number): boolean {
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs >= this.#waitMs) return true;
    return this.#model.rounds.count - this.#startRound >= PROBE_WAIT_ROUNDS &&
      elapsedMs >= SHORTEST_PROBE_WAIT_MS;
  }

  /** A probe begins. */
  begin(): void {
    const { rounds, path } = this.#model;
    this.#rateBefore = rounds.lastMeanRate;
    this.#queuedRttMs = this.hasStandingQueue ? rounds.lastMinRttMs : NaN;
    this.#bandwidthBefore = path.maxBandwidth;
    this.#filling.restart(path.latestBandwidth);
  }

  /** Whether the probe has shown what there is. */
  isEnough(sample: AckSample, roundsInProbe: number): boolean {
    if (roundsInProbe < 1) return false;
    if (this.#filling.isPlateau) return true;
    const model = this.#model;
    if (this.#queuedRttMs > 0) {
      const riseMs = model.rounds.lastMinRttMs - this.#queuedRttMs;
      return riseMs >= SHARED_PROBE_DELAY * model.path.minRttMs ||
        roundsInProbe >= SHARED_PROBE_ROUNDS;
    }
    return sample.inFlightBytes >= model.inFlightAt(UP_GAIN);
  }

  /** A probe is over after so many rounds, or NaN: there was none. A new cycle begins. */
  restart(roundsInProbe: number, nowMs: number): void {
    const { rounds, path } = this.#model;
    const growth = this.#queuedRttMs > 0 ? SHARED_GROWTH : GROWTH;
    // The first round of a probe delivers what was sent before it.
    if (roundsInProbe >= 2) {
      this.#isYielding = rounds.lastMeanRate < FREE_GROWTH * this.#rateBefore;
    }
    const hasGrown = roundsInProbe >= 0 && path.maxBandwidth > growth * this.#bandwidthBefore;
    this.#startMs = nowMs;
    this.#startRound = rounds.count;
    // More was found: there may be more still, look again soon.
    this.#waitMs = hasGrown || this.#earlyProbes-- > 0
      ? 4 * path.minRttMs + 100
      : PROBE_WAIT_MS + 1000 * this.#random();
  }
}
