/**
 * Looking for the smallest RTT by keeping less in flight. draft-ietf-ccwg-bbr §5.3.4, in two steps.
 *
 * Most of the time nothing but our own queue hides it, a few percent of what is in flight: a little less for a
 * round shows it, and costs a tenth of what halving costs. Only where that does not help, because others keep
 * the queue standing or the path has become longer, half of it goes.
 *
 * @module
 */

import type { AckSample } from "../controller.ts";
import type { PathModel } from "./path_model.ts";
import type { RoundTracker } from "./rounds.ts";

/** No probe while an RTT near the smallest one was seen within this time. */
const AFTER_MS = 5000;
/** Shares of the bandwidth-delay product that the two steps leave. */
const GENTLE_SHARE = 0.85;
const SHARE = 0.5;
/** Rounds that the first step takes at most, once that little is in flight. */
const GENTLE_ROUNDS = 2;
/** How long the second step lasts, at most. */
const SPAN_MS = 200;
/** Longest wait for that little to be in flight. */
const LONGEST_DRAIN_MS = 1000;

/** Of what our own queue could explain, an RTT that falls by less than this share was never in a queue. */
const FALL_SHARE = 0.25;

/** One probe after the other. */
export class RttProbe {
  /** The share of the bandwidth-delay product that may be in flight now. */
  share = GENTLE_SHARE;
  /** The window when the probe began, bytes. */
  windowBeforeBytes = 0;
  #beganAtMs = NaN;
  #stepAtMs = NaN;
  #isDrained = false;
  #drainedAtMs = NaN;
  #drainedRound = 0;
  #minRttMs = Infinity;
  /** A longer path is what this probe is about; the RTT and the flight before it, and how long the latter took. */
  #isForLonger = false;
  #rttBeforeMs = NaN;
  #flightMs = NaN;

  /** Whether it is time for one. */
  isDue(path: PathModel, nowMs: number): boolean {
    return nowMs - path.nearMinRttAtMs >= AFTER_MS;
  }

  /** Begins, with the second step at once where others keep a queue standing. */
  begin(windowBytes: number, nowMs: number, isQueueOfOthers: boolean): void {
    this.#isForLonger = false;
    this.#begin(windowBytes, nowMs, isQueueOfOthers ? SHARE : GENTLE_SHARE);
  }

  /**
   * Begins because the path may be longer: the smallest RTT of a round was `rttMs` although what was in flight
   * takes only `flightMs` to leave. A queue shrinks by what we take back, whoever filled it; a path does not.
   */
  beginForLonger(windowBytes: number, nowMs: number, rttMs: number, flightMs: number): void {
    this.#isForLonger = true;
    this.#rttBeforeMs = rttMs;
    this.#flightMs = flightMs;
    this.#begin(windowBytes, nowMs, SHARE);
  }

  /** Takes an ACK, after the rounds and the model have seen it. True when the probe is over. */
  onAck(sample: AckSample, windowBytes: number, rounds: RoundTracker, path: PathModel): boolean {
    const { nowMs } = sample;
    if (sample.rttMs < this.#minRttMs) this.#minRttMs = sample.rttMs;
    if (this.share === GENTLE_SHARE && path.nearMinRttAtMs > this.#beganAtMs) return true;
    if (this.#isForLonger && !this.#isLonger(path)) return true;
    if (!this.#isDrained) {
      this.#isDrained = sample.inFlightBytes <= windowBytes ||
        nowMs - this.#stepAtMs > LONGEST_DRAIN_MS;
      if (!this.#isDrained) return false;
      this.#drainedAtMs = nowMs;
      this.#drainedRound = rounds.count;
      rounds.restart(sample.deliveredBytes, nowMs);
      return false;
    }
    const drainedRounds = rounds.count - this.#drainedRound;
    if (this.share === GENTLE_SHARE) {
      if (drainedRounds >= GENTLE_ROUNDS) this.#enter(SHARE, nowMs);
      return false;
    }
    const spanMs = Math.min(SPAN_MS, 50 + 10 * path.minRttMs);
    if (nowMs < this.#drainedAtMs + spanMs || drainedRounds === 0) return false;
    path.adoptMinRtt(this.#minRttMs, nowMs, this.#isForLonger);
    return true;
  }

  #isLonger(path: PathModel): boolean {
    const takenBackMs = this.#flightMs - SHARE * path.minRttMs;
    return takenBackMs > 2 * path.jitterMs &&
      this.#rttBeforeMs - this.#minRttMs < FALL_SHARE * takenBackMs;
  }

  #begin(windowBytes: number, nowMs: number, share: number): void {
    this.windowBeforeBytes = windowBytes;
    this.#beganAtMs = nowMs;
    this.#enter(share, nowMs);
  }

  #enter(share: number, nowMs: number): void {
    this.share = share;
    this.#stepAtMs = nowMs;
    this.#isDrained = false;
    this.#minRttMs = Infinity;
  }
}
