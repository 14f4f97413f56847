/**
 * BBR, version 3 of the draft, where loss counts as congestion only when delay agrees.
 *
 * draft-ietf-ccwg-bbr gives the skeleton: probe for bandwidth in cycles, cap what is in flight at
 * a multiple of bandwidth × propagation delay. As specified it gives up near 2 % random loss; here
 * loss is judged by `parts/loss_judge.ts`, and made good where `parts/random_loss.ts` has proven that it
 * does not come from us. Further changes: startup also ends when a whole round
 * sees a queue, probing ends at 1.25 bandwidth-delay products, probing for the RTT is skipped when
 * the path showed its bare RTT anyway, every reduction is undone when its losses prove spurious,
 * silence is not taken for congestion, a path that becomes longer is believed within a few rounds, and
 * short paths get slack for the scheduler.
 *
 * Here is the state machine. What it knows is in `parts/bbr_model.ts`, what it decides in `parts/sending.ts`,
 * how it probes in `parts/probe_cycle.ts` and `parts/rtt_probe.ts`, and how it answers losses in
 * `parts/loss_response.ts`.
 *
 * @module
 */

import type {
  AckSample,
  CongestionController,
  CongestionControllerFactory,
  ControllerOptions,
  LossSample,
} from "./controller.ts";
import { BbrModel } from "./parts/bbr_model.ts";
import { LongerPath } from "./parts/longer_path.ts";
import { LossResponse } from "./parts/loss_response.ts";
import { congestionDelayMs, freeDelayMs } from "./parts/loss_judge.ts";
import { Phase, type PhaseName } from "./parts/phase.ts";
import { PipeFilling } from "./parts/pipe_filling.ts";
import { ProbeCycle } from "./parts/probe_cycle.ts";
import { ProbeJudge } from "./parts/probe_judge.ts";
import { RttProbe } from "./parts/rtt_probe.ts";
import { HEADROOM, Sending } from "./parts/sending.ts";

/** A path that was gone for so long may be another one now. */
const LONG_DARKNESS_MS = 120_000;
/** Rounds that draining the queue may take, after startup and after a probe. */
const DRAIN_ROUNDS = 6;
const DOWN_ROUNDS = 5;

class Bbr implements CongestionController {
  readonly name = "bbr";

  readonly #model: BbrModel;
  readonly #phase = new Phase();
  readonly #filling = new PipeFilling();
  readonly #cycle: ProbeCycle;
  readonly #judge: ProbeJudge;
  readonly #response: LossResponse;
  readonly #rttProbe = new RttProbe();
  readonly #longer = new LongerPath();
  readonly #sending: Sending;

  #lastAckAtMs = NaN;
  #smoothedRttMs = NaN;
  /** The running round has been spent cruising, all of it so far. */
  #isRoundCruised = false;

  constructor(options: ControllerOptions) {
    const model = new BbrModel(options.maxDatagramBytes);
    this.#model = model;
    this.#cycle = new ProbeCycle(model, this.#filling, options.random);
    this.#judge = new ProbeJudge(model);
    this.#response = new LossResponse(model, this.#phase);
    this.#sending = new Sending(model, this.#phase, this.#cycle);
  }

  get windowBytes(): number {
    return this.#sending.windowBytes;
  }

  get pacingRateBytesPerSecond(): number {
    return this.#sending.pacingRateBytesPerSecond;
  }

  get sendQuantumBytes(): number {
    return this.#sending.quantumBytes;
  }

  get stateName(): string {
    return this.#phase.name;
  }

  get bandwidthBytesPerSecond(): number {
    return this.#model.path.maxBandwidth > 0 ? this.#model.bandwidth : NaN;
  }

  get fillingBytes(): number {
    return this.bandwidthBytesPerSecond * this.#model.path.minRttMs / 1000;
  }

  get isBoundByLoss(): boolean {
    const { bounds, path } = this.#model;
    return bounds.shortTermBandwidth < path.maxBandwidth ||
      this.#sending.boundBytes < this.#model.inFlightAt(1);
  }

  get startsCarefully(): boolean {
    return this.#model.startsCarefully;
  }

  set startsCarefully(isCareful: boolean) {
    this.#model.startsCarefully = isCareful;
  }

  onHandshake(leastRttMs: number): void {
    if (!this.startsCarefully) this.#sending.onHandshake(leastRttMs);
  }

  onPacketSent(): void {}

  onAck(sample: AckSample): void {
    const { rounds, path } = this.#model;
    const sending = this.#sending;
    this.#lastAckAtMs = sample.nowMs;
    this.#smoothedRttMs = sample.smoothedRttMs;
    rounds.onAck(sample);
    path.onAck(sample, rounds, sending.windowBytes, this.#phase.isFilled);
    this.#judge.onAcked(sample.ackedBytes);
    if (rounds.isRoundStart) this.#onRoundEnd(sample);
    this.#longer.onAck(sample, rounds, path);
    this.#filling.onAck(sample, rounds, path);
    this.#updatePhase(sample);
    this.#probeRtt(sample);
    sending.updatePacing(sample.nowMs, sample.smoothedRttMs);
    const isProbingRtt = this.#phase.name === "probe-rtt";
    sending.updateWindow(sample, isProbingRtt ? this.#probeRttWindow : sending.boundBytes);
  }

  onLoss(sample: LossSample): void {
    if (this.#response.isIgnored(sample, sample.nowMs - this.#lastAckAtMs)) return;
    this.#model.rounds.onLoss(sample);
    if (!this.#judge.onLoss(sample)) return;
    this.#response.onProbeTooHigh(sample.sentInFlightBytes, this.#sending.windowBytes);
    if (this.#phase.name === "up") this.#enterDown(sample.nowMs);
  }

  onSpuriousLoss(_packetCount: number, sizeBytes: number, nowMs: number): void {
    const { rounds, losses, bounds } = this.#model;
    rounds.onSpuriousLoss(sizeBytes);
    losses.onSpuriousLoss(sizeBytes);
    this.#judge.onSpuriousLoss(sizeBytes);
    if (bounds.onSpuriousLoss(sizeBytes)) this.#undo(nowMs);
  }

  /** Nothing that was learned holds any more. Mere silence is {@link onBlackoutEnd}. */
  onPersistentCongestion(nowMs: number): void {
    this.#forgetPath(nowMs);
  }

  onBlackoutEnd(darkMs: number, nowMs: number): void {
    const { path, bounds } = this.#model;
    this.#response.ignoreSentBefore(nowMs);
    if (bounds.canUndo && nowMs - this.#phase.sinceMs < 1) this.#undo(nowMs);
    if (darkMs > LONG_DARKNESS_MS || path.maxBandwidth === 0) {
      this.#forgetPath(nowMs);
      return;
    }
    path.shiftTime(darkMs);
    path.reopenMinRtt(darkMs, nowMs);
    this.#cycle.shiftTime(darkMs);
    this.#phase.sinceMs += darkMs;
    this.#sending.restart(nowMs + this.#smoothedRttMs);
    this.#model.restartRound(nowMs);
    this.#lastAckAtMs = nowMs;
    this.#sending.updatePacing(nowMs, this.#smoothedRttMs);
  }

  onPeerMoved(nowMs: number): void {
    this.#response.ignoreSentBefore(nowMs);
    this.#model.path.reopenMinRtt(Infinity, nowMs);
  }

  onAppLimited(): void {}

  onMaxDatagramChanged(maxDatagramBytes: number): void {
    const model = this.#model;
    model.maxDatagramBytes = maxDatagramBytes;
    this.#sending.raiseWindow(
      model.path.maxBandwidth === 0 ? model.firstWindowBytes : model.smallestWindowBytes,
    );
    this.#sending.updateQuantum();
  }

  #onRoundEnd(sample: AckSample): void {
    const { rounds, path, losses } = this.#model;
    const { minRttMs, jitterMs } = path;
    const phase = this.#phase;
    const queueMs = rounds.lastMinRttMs - minRttMs;
    const isQueueSmall = queueMs < freeDelayMs(minRttMs, jitterMs);
    const isGrowing = !phase.isFilled && this.#filling.isGrowing;
    const wasCruising = this.#isRoundCruised;
    this.#isRoundCruised = phase.name === "cruise";
    const isDelayed = queueMs > congestionDelayMs(minRttMs, jitterMs);
    if (phase.name === "startup") this.#response.onStartupRound(isDelayed);
    if (isQueueSmall && (wasCruising || isGrowing)) losses.learn(rounds);

    const isSteady = isQueueSmall && wasCruising && phase.name === "cruise";
    losses.random.onRoundEnd(rounds, {
      isSteady,
      isDelayed,
      packetBytes: this.#model.maxDatagramBytes,
      nowMs: sample.nowMs,
    });
    if (phase.name !== "up" && this.#judge.isAnswered) this.#onProbeAnswered(sample);
    this.#cycle.hasStandingQueue = isDelayed && wasCruising;
    if (wasCruising && phase.name === "cruise" && isDelayed) {
      this.#response.onCruiseRound(isDelayed, this.#sending.windowBytes);
    }
    this.#response.onRoundEnd();
    this.#sending.onRoundEnd(queueMs);
    if (phase.name === "up" && this.#response.onProbeRound()) this.#filling.isPlateau = true;
  }

  #onProbeAnswered(sample: AckSample): void {
    if (!sample.isAppLimited) this.#model.path.advanceBandwidthFilter();
    if (!this.#judge.end()) return;
    this.#response.onProbeTooHigh(sample.sentInFlightBytes, this.#sending.windowBytes);
  }

  // The state machine. §5.3.

  #updatePhase(sample: AckSample): void {
    const nowMs = sample.nowMs;
    const rounds = this.#model.rounds;
    const roundsInPhase = rounds.count - this.#phase.sinceRound;
    switch (this.#phase.name) {
      case "startup":
        if (this.#isPipeFilled(nowMs)) this.#enter("drain", nowMs);
        break;
      case "drain":
        if (sample.inFlightBytes <= this.#model.inFlightAt(1) || roundsInPhase >= DRAIN_ROUNDS) {
          this.#enterDown(nowMs);
          this.#cycle.onDrained();
        }
        break;
      case "down":
        if (this.#cycle.isDue(nowMs)) this.#enterRefill(nowMs);
        else if (this.#isDrained(sample) || roundsInPhase >= DOWN_ROUNDS) this.#enterCruise(nowMs);
        break;
      case "cruise":
        if (this.#cycle.isDue(nowMs) && !this.#model.losses.random.isTesting) {
          this.#enterRefill(nowMs);
        }
        break;
      case "refill":
        if (roundsInPhase >= 1 && rounds.isRoundStart) this.#enterUp(nowMs);
        break;
      case "up":
        if (this.#cycle.isEnough(sample, roundsInPhase)) this.#enterDown(nowMs);
        break;
      case "probe-rtt":
        break;
    }
  }

  #isPipeFilled(nowMs: number): boolean {
    const { rounds, path } = this.#model;
    const isPlateau = this.#filling.isPlateau;
    if (isPlateau || this.#filling.isDelayed(nowMs, rounds, path)) this.#phase.isFilled = true;
    if (this.#phase.isFilled && !isPlateau) this.#cycle.onQueueEndedStartup();
    return this.#phase.isFilled;
  }

  #isDrained(sample: AckSample): boolean {
    const { bounds } = this.#model;
    return sample.inFlightBytes <= this.#model.inFlightAt(1) &&
      sample.inFlightBytes <= bounds.longTermBytes * (1 - HEADROOM);
  }

  #enter(phase: PhaseName, nowMs: number): void {
    this.#phase.enter(phase, nowMs, this.#model.rounds.count);
  }

  #enterStartup(nowMs: number): void {
    this.#enter("startup", nowMs);
    this.#filling.restart(0);
  }

  #enterDown(nowMs: number): void {
    const { name, sinceRound } = this.#phase;
    this.#cycle.restart(name === "up" ? this.#model.rounds.count - sinceRound : NaN, nowMs);
    this.#enter("down", nowMs);
    this.#judge.onLastSent();
  }

  #enterCruise(nowMs: number): void {
    this.#enter("cruise", nowMs);
    this.#isRoundCruised = false;
  }

  #enterRefill(nowMs: number): void {
    this.#enter("refill", nowMs);
    this.#model.bounds.resetShortTerm();
    this.#model.restartRound(nowMs);
  }

  #enterUp(nowMs: number): void {
    this.#enter("up", nowMs);
    this.#cycle.begin();
    this.#judge.begin();
    this.#model.restartRound(nowMs);
  }

  // The RTT probe. §5.3.4.

  #probeRtt(sample: AckSample): void {
    const { rounds, path, bounds } = this.#model;
    const nowMs = sample.nowMs;
    if (this.#phase.name !== "probe-rtt") {
      if (!this.#phase.isFilled || !this.#beginRttProbe(nowMs)) return;
      this.#judge.cancel();
      if (this.#phase.name === "up") this.#judge.onLastSent();
      this.#enter("probe-rtt", nowMs);
    }
    if (!this.#rttProbe.onAck(sample, this.#probeRttWindow, rounds, path)) return;
    this.#sending.raiseWindow(this.#rttProbe.windowBeforeBytes);
    bounds.resetShortTerm();
    this.#enterDown(nowMs);
    this.#enterCruise(nowMs);
  }

  #beginRttProbe(nowMs: number): boolean {
    const { rounds, path } = this.#model;
    const windowBytes = this.#sending.windowBytes;
    if (this.#longer.isSuspected) {
      this.#longer.onProbed(nowMs);
      this.#rttProbe.beginForLonger(windowBytes, nowMs, rounds.lastMinRttMs, this.#longer.flightMs);
      return true;
    }
    if (!this.#rttProbe.isDue(path, nowMs)) return false;
    this.#rttProbe.begin(windowBytes, nowMs, this.#cycle.hasStandingQueue);
    return true;
  }

  get #probeRttWindow(): number {
    return this.#model.shareOfPath(this.#rttProbe.share);
  }

  // Undo and restart.

  #undo(nowMs: number): void {
    const before = this.#response.undo();
    if (before === "startup" && this.#phase.name !== "startup") this.#enterStartup(nowMs);
    else if (before === "up" && this.#phase.name === "down") this.#cycle.hasten();
  }

  #forgetPath(nowMs: number): void {
    this.#response.ignoreSentBefore(nowMs);
    this.#model.reset(nowMs);
    this.#judge.cancel();
    this.#enterStartup(nowMs);
    this.#sending.reset();
  }
}

/** BBRv3 with loss that must be corroborated by delay. draft-ietf-ccwg-bbr. */
export const congestionController = {
  name: "bbr",
  create: (options: ControllerOptions): CongestionController => new Bbr(options),
} satisfies CongestionControllerFactory;
