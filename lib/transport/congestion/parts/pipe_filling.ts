/**
 * Tells when sending faster stops delivering faster: the pipe is full.
 *
 * @module
 */

import { clamp } from "../../../bytes/clamp.ts";
import type { AckSample } from "../controller.ts";
import type { PathModel } from "./path_model.ts";
import type { RoundTracker } from "./rounds.ts";

const PLATEAU_GROWTH = 1.25;
const PLATEAU_ROUNDS = 3;
/** Below this RTT a delayed round may be the scheduler's doing: several are needed. */
const NOISY_RTT_MS = 10;
const NOISY_ROUNDS = 3;
/** RTT samples of a round that are enough to trust its minimum. */
const ENOUGH_SAMPLES = 8;

/** Watches bandwidth and delay while BBR sends faster than it knows the path to be. */
export class PipeFilling {
  /** The bandwidth has not grown by a quarter for three rounds. draft-ietf-ccwg-bbr §5.3.1.2. */
  isPlateau = false;

  #bandwidth = 0;
  #rounds = 0;
  #delayedRounds = 0;
  #checkedRound = -1;

  /** The bandwidth grew by a quarter in the last round. */
  get isGrowing(): boolean {
    return this.#rounds === 0;
  }

  /** Begins to watch; growth counts from this bandwidth. */
  restart(bandwidth: number): void {
    this.isPlateau = false;
    this.#bandwidth = bandwidth;
    this.#rounds = 0;
    this.#delayedRounds = 0;
  }

  /** Takes an ACK, after the rounds and the model have seen it. */
  onAck(sample: AckSample, rounds: RoundTracker, path: PathModel): void {
    if (this.isPlateau || sample.isAppLimited) return;
    const bandwidth = path.latestBandwidth;
    if (bandwidth >= this.#bandwidth * PLATEAU_GROWTH) {
      this.#bandwidth = bandwidth;
      this.#rounds = 0;
    } else if (rounds.isRoundStart && ++this.#rounds >= PLATEAU_ROUNDS) {
      this.isPlateau = true;
    }
  }

  /**
   * True when every packet of half a round met a queue, beyond what jitter explains.
   *
   * Sees a full pipe a round or two before the plateau does, and so halves the overshoot.
   */
  isDelayed(nowMs: number, rounds: RoundTracker, path: PathModel): boolean {
    if (this.#checkedRound === rounds.count) return false;
    const recentMs = rounds.recentMinRttMs(nowMs);
    if (recentMs !== rounds.minRttMs || rounds.rttSamples < ENOUGH_SAMPLES) return false;
    this.#checkedRound = rounds.count;
    const { minRttMs, jitterMs } = path;
    const queueMs = recentMs - minRttMs;
    const thresholdMs = clamp(minRttMs / 8, 4, 24);
    const isHigh = queueMs > thresholdMs && queueMs > 1.5 * jitterMs;
    this.#delayedRounds = isHigh ? this.#delayedRounds + 1 : 0;
    return this.#delayedRounds >= (minRttMs < NOISY_RTT_MS ? NOISY_ROUNDS : 1);
  }
}
