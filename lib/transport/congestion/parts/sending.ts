/**
 * What BBR decides: window, pacing rate and burst. draft-ietf-ccwg-bbr §5.6.
 *
 * @module
 */

import type { AckSample } from "../controller.ts";
import { type BbrModel, SCHEDULER_SLACK_MS } from "./bbr_model.ts";
import { BurstLimit } from "./burst_limit.ts";
import { type Phase, STARTUP_GAIN } from "./phase.ts";
import type { ProbeCycle } from "./probe_cycle.ts";
import { FAST_GROWTH_RTT_MS, pacingQuantumBytes } from "./window_rules.ts";

const PACING_MARGIN = 0.99;
/** Share of the known room that is left to others while cruising. */
export const HEADROOM = 0.15;
/** Window gain beside a queue that others keep standing: they need room to live. */
const SHARING_WINDOW_GAIN = 1.2;
/** Until the first RTT sample, the window is paced as if the RTT were this. */
const NOMINAL_RTT_MS = 10;
/** Pace while it is tested whether losses depend on it. */
const TEST_GAIN = 0.5;
/** Share of the bandwidth for one round trip after a blackout. */
const RESTART_GAIN = 0.5;

/** The decisions of BBR, made from its model and its phase. */
export class Sending {
  /** Bytes that may be in flight. */
  windowBytes: number;
  /** Rate at which packets may leave, bytes per second. */
  pacingRateBytesPerSecond = 0;
  /** Largest burst, bytes. */
  quantumBytes = 0;

  readonly #model: BbrModel;
  readonly #phase: Phase;
  readonly #cycle: ProbeCycle;
  readonly #bursts = new BurstLimit();
  #restartUntilMs = -Infinity;

  /** Begins with what is right before anything is known. */
  constructor(model: BbrModel, phase: Phase, cycle: ProbeCycle) {
    this.#model = model;
    this.#phase = phase;
    this.#cycle = cycle;
    this.windowBytes = model.firstWindowBytes;
    this.#paceStartup(NOMINAL_RTT_MS);
  }

  /** What losses leave of the window in this phase. §5.6.4.7. */
  get boundBytes(): number {
    const { longTermBytes, shortTermBytes } = this.#model.bounds;
    const phase = this.#phase.name;
    let bound = longTermBytes;
    if (phase === "startup" || phase === "drain") bound = Infinity;
    else if (phase === "cruise") bound *= 1 - HEADROOM;
    return bound < shortTermBytes ? bound : shortTermBytes;
  }

  /** The RTT is at least this, as the handshake tells. */
  onHandshake(leastRttMs: number): void {
    this.raiseWindow(this.#model.leastStartWindow(leastRttMs));
    this.#paceStartup(Math.max(leastRttMs, NOMINAL_RTT_MS));
  }

  /** Takes a complete round whose smallest RTT was so much above the path's. */
  onRoundEnd(queueMs: number): void {
    const { rounds, losses, path, maxDatagramBytes } = this.#model;
    this.#bursts.onRoundEnd(rounds, losses, {
      queueMs,
      minRttMs: path.minRttMs,
      jitterMs: path.jitterMs,
      sendQuantumBytes: this.quantumBytes,
      pacingRateBytesPerSecond: this.pacingRateBytesPerSecond,
      maxDatagramBytes,
      isFilled: this.#phase.isFilled,
    });
  }

  /** Goes on at half the rate until then. */
  restart(untilMs: number): void {
    this.#restartUntilMs = untilMs;
  }

  /** Nothing is known any more. */
  reset(): void {
    this.windowBytes = this.#model.firstWindowBytes;
    this.#paceStartup(NOMINAL_RTT_MS);
  }

  /** Makes the window at least as large as this. */
  raiseWindow(leastBytes: number): void {
    if (this.windowBytes < leastBytes) this.windowBytes = leastBytes;
  }

  /** Decides the pacing rate and the burst. */
  updatePacing(nowMs: number, smoothedRttMs: number): void {
    const model = this.#model;
    const bandwidth = model.bandwidth;
    if (!(bandwidth > 0)) this.#paceStartup(smoothedRttMs > 0 ? smoothedRttMs : NOMINAL_RTT_MS);
    else if (nowMs < this.#restartUntilMs) this.#setPacing(RESTART_GAIN * bandwidth);
    else if (this.#phase.isFilled) {
      let rate = this.#phase.pacingGain * model.sendBandwidth * PACING_MARGIN;
      if (model.losses.random.isTesting) rate *= TEST_GAIN;
      // Where losses bound the window, spread it over the round trip: ACKs would clock bursts.
      const bounded = this.boundBytes * 1000 / (smoothedRttMs + Math.min(smoothedRttMs / 8, 5));
      if (rate > bounded) rate = bounded;
      this.#setPacing(rate);
    } else {
      // Early samples are too low: half the window per RTT is the least that is known to fit.
      const known = this.windowBytes * 500 / smoothedRttMs;
      this.#setPacing(STARTUP_GAIN * (bandwidth > known ? bandwidth : known));
    }
  }

  /** Decides the window: what the model justifies, but no more than `boundBytes`. */
  updateWindow(sample: AckSample, boundBytes: number): void {
    const model = this.#model;
    const target = this.#windowTarget();
    let window = this.windowBytes;
    if (this.#phase.isFilled) {
      window = Math.min(window + sample.ackedBytes, target);
    } else {
      if (window < target || sample.deliveredBytes < model.firstWindowBytes) {
        window += this.#isGrowingFast ? 2 * sample.ackedBytes : sample.ackedBytes;
      }
      const least = model.leastStartWindow(model.path.minRttMs);
      if (window < least) window = least;
    }
    if (window > boundBytes) window = boundBytes;
    const smallest = model.smallestWindowBytes;
    this.windowBytes = window > smallest ? window : smallest;
  }

  /** Decides the burst: no larger than what leaves in a moment, and than what survives. */
  updateQuantum(): void {
    const { maxDatagramBytes, bandwidth, path, losses } = this.#model;
    const quantum = pacingQuantumBytes(this.pacingRateBytesPerSecond, maxDatagramBytes);
    const largest = losses.random.isTesting
      ? this.pacingRateBytesPerSecond / 4000
      : this.#bursts.bytes;
    const limit = Math.max(largest, 2 * maxDatagramBytes);
    this.quantumBytes = quantum < limit ? quantum : limit;
    if (bandwidth > 0) path.burstMs = this.quantumBytes * 1000 / bandwidth;
  }

  /** Startup on a long round trip: the window must not slow down what pacing lets grow by more than twice. */
  get #isGrowingFast(): boolean {
    return this.#phase.name === "startup" && this.#model.path.minRttMs >= FAST_GROWTH_RTT_MS;
  }

  /** The largest window the model justifies. */
  #windowTarget(): number {
    const model = this.#model;
    const path = model.path;
    const minRttMs = path.minRttMs;
    if (!(minRttMs < Infinity)) return model.firstWindowBytes;
    let gain = this.#phase.windowGain;
    if (this.#isGrowingFast) gain = STARTUP_GAIN;
    else if (this.#cycle.makesRoom && gain > SHARING_WINDOW_GAIN) gain = SHARING_WINDOW_GAIN;
    let spanMs = gain * minRttMs;
    const slackMs = minRttMs + SCHEDULER_SLACK_MS;
    if (spanMs < slackMs) spanMs = slackMs;
    const bytes = model.sendBandwidth * (spanMs + 2 * path.jitterMs) / 1000 + path.extraAckedBytes;
    const smallest = Math.max(model.smallestWindowBytes, 3 * this.quantumBytes);
    return bytes > smallest ? bytes : smallest;
  }

  /** Startup's pace while the bandwidth is unknown: a window in this time, and more. */
  #paceStartup(rttMs: number): void {
    this.#setPacing(STARTUP_GAIN * this.windowBytes * 1000 / rttMs);
  }

  #setPacing(rate: number): void {
    const slowest = this.#model.maxDatagramBytes;
    this.pacingRateBytesPerSecond = rate > slowest ? rate : slowest;
    this.updateQuantum();
  }
}
