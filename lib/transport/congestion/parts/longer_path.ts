/**
 * Suspects that the path has become longer: another route, another satellite, a radio cell further away.
 *
 * @module
 */

import type { AckSample } from "../controller.ts";
import { congestionDelayMs } from "./loss_judge.ts";
import type { PathModel } from "./path_model.ts";
import type { RoundTracker } from "./rounds.ts";

/** Rounds in a row that are alike and that what is in flight cannot explain. */
const FLAT_ROUNDS = 4;
/** So soon after a round without a queue: a queue of others needs longer to become steady. */
const RECENT_ROUNDS = 24;
/** Of the delay that counts as a queue, so much may the RTT of these rounds differ, besides one burst of ours. */
const FLATNESS = 0.5;
/** A suspicion that was wrong is not looked into again for so long: others keep a queue. */
const QUIET_MS = 5000;

/** Compares the RTT of each round with how long what we had in flight takes to leave. */
export class LongerPath {
  /** How long the most that was in flight in the newest complete round takes at the known bandwidth, ms. */
  flightMs = 0;
  #flightBytes = 0;
  /** Rounds since one met no queue. */
  #roundsSinceFree = 0;
  /** Rounds in a row that cannot be explained and are alike; lowest and highest of their smallest RTTs. */
  #flatRounds = 0;
  #lowestMs = NaN;
  #highestMs = NaN;
  #quietUntilMs = -Infinity;

  /** Takes an ACK, after the rounds and the model have seen it. */
  onAck(sample: AckSample, rounds: RoundTracker, path: PathModel): void {
    if (rounds.isRoundStart) {
      this.flightMs = this.#flightBytes * 1000 / path.maxBandwidth;
      this.#flightBytes = 0;
      this.#onRoundEnd(rounds.lastMinRttMs, sample.nowMs, path);
    }
    if (sample.sentInFlightBytes > this.#flightBytes) this.#flightBytes = sample.sentInFlightBytes;
  }

  /** It seems so: time to take half back and look. */
  get isSuspected(): boolean {
    return this.#flatRounds >= FLAT_ROUNDS;
  }

  /** It was looked into. */
  onProbed(nowMs: number): void {
    this.#flatRounds = 0;
    this.#quietUntilMs = nowMs + QUIET_MS;
  }

  /** A queue of others grows and shrinks; a path is longer from one packet to the next and stays so. */
  #onRoundEnd(rttMs: number, nowMs: number, path: PathModel): void {
    const delayMs = congestionDelayMs(path.minRttMs, path.jitterMs);
    const isFree = rttMs === Infinity || rttMs - path.minRttMs <= delayMs;
    this.#roundsSinceFree = isFree ? 0 : this.#roundsSinceFree + 1;
    const isUnexplained = !isFree && rttMs - this.flightMs > delayMs;
    if (!isUnexplained || this.#roundsSinceFree > RECENT_ROUNDS || nowMs < this.#quietUntilMs) {
      this.#flatRounds = 0;
      return;
    }
    if (rttMs < this.#lowestMs) this.#lowestMs = rttMs;
    if (rttMs > this.#highestMs) this.#highestMs = rttMs;
    const isFlat = this.#highestMs - this.#lowestMs <= FLATNESS * delayMs + path.burstMs;
    this.#flatRounds = isFlat ? this.#flatRounds + 1 : 1;
    if (this.#flatRounds === 1) this.#lowestMs = this.#highestMs = rttMs;
  }
}
