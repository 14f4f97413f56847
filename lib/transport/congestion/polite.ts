/**
 * Background mode: BBR that steps aside for everybody else.
 *
 * A factor between 0.05 and 1 scales what BBR decides. It falls in every round that shows a queue
 * or unusual loss and rises again while the path is idle. Like LEDBAT (RFC 6817) it yields to any
 * sender that fills the queue, but it keeps BBR's model, so random loss does not slow it down.
 *
 * @module
 */

import { congestionController as bbr } from "./bbr.ts";
import type {
  AckSample,
  CongestionController,
  CongestionControllerFactory,
  ControllerOptions,
  LossSample,
} from "./controller.ts";
import { JitterMeter } from "./parts/jitter.ts";
import { LossJudge } from "./parts/loss_judge.ts";
import { RoundTracker } from "./parts/rounds.ts";
import {
  FAST_GROWTH_RTT_MS,
  minimumWindowBytes,
  pacingQuantumBytes,
} from "./parts/window_rules.ts";

/**
 * A round whose smallest RTT is this far up, in round trips and within limits, has somebody else's queue
 * in it: on a short path a queue that is full may be no more than a few milliseconds.
 */
const HIGH_QUEUE_ROUNDS = 0.3;
const LEAST_HIGH_QUEUE_MS = 4;
const LARGEST_HIGH_QUEUE_MS = 15;
/** Share of that up to which the path counts as idle. */
const LOW_QUEUE = 0.5;
const YIELD_FACTOR = 0.7;
const GROWTH_FACTOR = 1.08;
const GROWTH_STEP = 0.005;
const SMALLEST_FACTOR = 0.05;
/** Loss beyond the base that says a shallow buffer is contended. */
const LOSS_MARGIN = 0.005;
/**
 * Share of a fast startup's window and rate. Whoever begins at the same moment then comes first: one who meets
 * a full queue in its slow start takes many seconds to recover. Alone it costs a few round trips.
 */
const STARTUP_SHARE = 0.5;
/** After two such rounds, so much and so long. */
const WARY_FACTOR = 0.5;
const WARY_MS = 10_000;

class Polite implements CongestionController {
  readonly name = "polite";
  windowBytes = 0;
  pacingRateBytesPerSecond = 1;
  sendQuantumBytes = 0;

  readonly #inner: CongestionController;
  readonly #rounds = new RoundTracker();
  readonly #losses = new LossJudge();
  readonly #jitter = new JitterMeter();
  #maxDatagramBytes: number;
  #factor = 1;
  #minRttMs = 0;
  #lossyRounds = 0;
  #waryUntilMs = -Infinity;

  /** Yields with what `inner`, which may have run for a while, decides. */
  constructor(inner: CongestionController, maxDatagramBytes: number) {
    this.#inner = inner;
    inner.startsCarefully = true;
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#decide();
  }

  /** The controller that decides before this one yields. */
  get inner(): CongestionController {
    return this.#inner;
  }

  get stateName(): string {
    return this.#factor < 1 ? "yielding" : this.#inner.stateName;
  }

  get bandwidthBytesPerSecond(): number {
    return this.#inner.bandwidthBytesPerSecond;
  }

  get fillingBytes(): number {
    return this.#inner.fillingBytes;
  }

  get isBoundByLoss(): boolean {
    return this.#inner.isBoundByLoss;
  }

  onPacketSent(sizeBytes: number, inFlightBytes: number, nowMs: number): void {
    this.#inner.onPacketSent(sizeBytes, inFlightBytes, nowMs);
  }

  onAck(sample: AckSample): void {
    this.#rounds.onAck(sample);
    if (sample.rttMs > 0) this.#jitter.onRtt(sample.rttMs);
    this.#minRttMs = sample.minRttMs;
    if (this.#rounds.isRoundStart) this.#onRoundEnd(sample);
    // What we hold back ourselves says nothing about the path: BBR must not unlearn it.
    const { isAppLimited, isWindowLimited } = sample;
    if (this.#factor < 0.95) {
      sample.isAppLimited = true;
      sample.isWindowLimited = false;
    }
    this.#inner.onAck(sample);
    sample.isAppLimited = isAppLimited;
    sample.isWindowLimited = isWindowLimited;
    this.#decide();
  }

  onLoss(sample: LossSample): void {
    this.#rounds.onLoss(sample);
    this.#inner.onLoss(sample);
    this.#decide();
  }

  onSpuriousLoss(packetCount: number, sizeBytes: number, nowMs: number): void {
    this.#rounds.onSpuriousLoss(sizeBytes);
    this.#losses.onSpuriousLoss(sizeBytes);
    this.#inner.onSpuriousLoss(packetCount, sizeBytes, nowMs);
    this.#decide();
  }

  onPersistentCongestion(nowMs: number): void {
    this.#factor = SMALLEST_FACTOR;
    this.#inner.onPersistentCongestion(nowMs);
    this.#decide();
  }

  onBlackoutEnd(darkMs: number, nowMs: number): void {
    this.#inner.onBlackoutEnd(darkMs, nowMs);
    this.#decide();
  }

  onPeerMoved(nowMs: number): void {
    this.#inner.onPeerMoved?.(nowMs);
  }

  onAppLimited(nowMs: number): void {
    this.#inner.onAppLimited(nowMs);
  }

  onMaxDatagramChanged(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#inner.onMaxDatagramChanged(maxDatagramBytes);
    this.#decide();
  }

  #onRoundEnd(sample: AckSample): void {
    const rounds = this.#rounds;
    const queueMs = rounds.lastMinRttMs - sample.minRttMs - 2 * this.#jitter.spreadMs;
    const highMs = Math.min(
      Math.max(HIGH_QUEUE_ROUNDS * sample.minRttMs, LEAST_HIGH_QUEUE_MS),
      LARGEST_HIGH_QUEUE_MS,
    );
    const isQueueLow = queueMs < LOW_QUEUE * highMs;
    const total = rounds.lastSentBytes;
    // Three standard deviations of the loss that the path has anyway.
    const base = this.#losses.baseRatio;
    const noise = 3 * Math.sqrt(Math.max(base, LOSS_MARGIN) * this.#maxDatagramBytes / total);
    const isLossy = rounds.lastLossBursts >= 2 &&
      rounds.lastLostBytes > (base + LOSS_MARGIN + noise) * total;
    if (isQueueLow) this.#losses.learn(rounds);

    this.#lossyRounds = isLossy ? this.#lossyRounds + 1 : 0;
    if (this.#lossyRounds >= 2) this.#waryUntilMs = sample.nowMs + WARY_MS;
    if (queueMs > highMs || isLossy) this.#factor *= YIELD_FACTOR;
    else if (isQueueLow) {
      this.#factor = this.#factor * GROWTH_FACTOR + GROWTH_STEP;
    }
    const largest = sample.nowMs < this.#waryUntilMs ? WARY_FACTOR : 1;
    if (this.#factor > largest) this.#factor = largest;
    if (this.#factor < SMALLEST_FACTOR) this.#factor = SMALLEST_FACTOR;
  }

  #decide(): void {
    const inner = this.#inner;
    const isGrowingFast = inner.stateName === "startup" && this.#minRttMs >= FAST_GROWTH_RTT_MS;
    const factor = this.#factor * (isGrowingFast ? STARTUP_SHARE : 1);
    const window = inner.windowBytes * factor;
    const smallest = minimumWindowBytes(this.#maxDatagramBytes);
    this.windowBytes = window > smallest ? window : smallest;
    this.pacingRateBytesPerSecond = inner.pacingRateBytesPerSecond * factor;
    const quantum = pacingQuantumBytes(this.pacingRateBytesPerSecond, this.#maxDatagramBytes);
    this.sendQuantumBytes = quantum < inner.sendQuantumBytes ? quantum : inner.sendQuantumBytes;
  }
}

/** BBR in the background: yields to everything else on the path. */
export const congestionController = {
  name: "polite",
  create: (options: ControllerOptions): CongestionController =>
    new Polite(bbr.create(options), options.maxDatagramBytes),
} satisfies CongestionControllerFactory;

/** The same controller in background mode: it keeps what it has learnt. */
export function makePolite(
  controller: CongestionController,
  maxDatagramBytes: number,
): CongestionController {
  return isPolite(controller) ? controller : new Polite(controller, maxDatagramBytes);
}

/** The same controller without background mode: it keeps what it has learnt. */
export function makeImpolite(controller: CongestionController): CongestionController {
  if (!(controller instanceof Polite)) return controller;
  const { inner } = controller;
  inner.startsCarefully = false;
  return inner;
}

/** Whether a controller yields to everybody else. */
export function isPolite(controller: CongestionController): boolean {
  return controller instanceof Polite;
}
