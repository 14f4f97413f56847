/**
 * BBR, version 3 of the draft, where loss counts as congestion only when delay agrees.
 *
 * draft-ietf-ccwg-bbr gives the skeleton: probe for bandwidth in cycles, cap what is in flight at
 * a multiple of bandwidth × propagation delay. As specified it gives up near 2 % random loss; here
 * loss is judged by `parts/loss_judge.ts`. Further changes: startup also ends when a whole round
 * sees a queue, probing ends at 1.25 bandwidth-delay products, probing for the RTT is skipped when
 * the path showed its bare RTT anyway, every reduction is undone when its losses prove spurious,
 * silence is not taken for congestion, a path that becomes longer is believed within a few rounds, and
 * short paths get slack for the scheduler.
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
import { BurstLimit } from "./parts/burst_limit.ts";
import { LongerPath } from "./parts/longer_path.ts";
import { LossBounds } from "./parts/loss_bounds.ts";
import { congestionDelayMs, freeDelayMs, LossJudge } from "./parts/loss_judge.ts";
import { PathModel } from "./parts/path_model.ts";
import { PipeFilling } from "./parts/pipe_filling.ts";
import { RoundTracker } from "./parts/rounds.ts";
import { RttProbe } from "./parts/rtt_probe.ts";
import { FAST_GROWTH_RTT_MS, pacingQuantumBytes } from "./parts/window_rules.ts";

type State = "startup" | "drain" | "down" | "cruise" | "refill" | "up" | "probe-rtt";

const STARTUP_GAIN = 2.77;
const PACING_MARGIN = 0.99;
const WINDOW_GAIN = 2;
const UP_WINDOW_GAIN = 2.25;
const UP_GAIN = 1.25;
/** Window kept after too much loss. */
const BETA = 0.7;
/** Share of the known room that is left to others while cruising. */
const HEADROOM = 0.15;
/** Window gain beside a queue that others keep standing: they need room to live. */
const SHARING_WINDOW_GAIN = 1.2;
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
const FIRST_WINDOW_PACKETS = 32;
const SMALLEST_WINDOW_PACKETS = 4;
/** 16 Mbit/s: where a window is paced over a round trip, starting below that only wastes time. */
const FIRST_RATE_BYTES_PER_MS = 2000;
/** The same over a long one, where a round too many costs more than the queue that one too fast may fill. */
const FAST_FIRST_RATE_BYTES_PER_MS = 4000;
const LARGEST_FIRST_WINDOW_PACKETS = 256;
/** Until the first RTT sample, the window is paced as if the RTT were this. */
const NOMINAL_RTT_MS = 10;
/** Time that a busy process may take to notice an ACK: always covered by the window. */
const SCHEDULER_SLACK_MS = 3;

const STARTUP_LOSS_BURSTS = 6;
const PROBE_LOSS_BURSTS = 2;
/** Below this RTT the scheduler's delays outweigh the path's. */
const NOISY_RTT_MS = 10;

const PROBE_WAIT_MS = 2000;
const PROBE_WAIT_ROUNDS = 62;
/** Even many rounds do not justify probing more often than this. */
const SHORTEST_PROBE_WAIT_MS = 300;

/** Loss beyond the base that, probe after probe, means a policer: loss without delay. */
const POLICER_LOSS = 0.05;
const POLICER_PROBES = 3;

/** A packet later than this many rounds says nothing about a reduction any more. */
const UNDO_ROUNDS = 8;

/** A path that was gone for so long may be another one now. */
const LONG_DARKNESS_MS = 120_000;
const RESTART_GAIN = 0.5;

class Bbr implements CongestionController {
  readonly name = "bbr";
  windowBytes: number;
  pacingRateBytesPerSecond = 0;
  sendQuantumBytes = 0;
  startsCarefully = false;

  readonly #random: () => number;
  #maxDatagramBytes: number;
  readonly #rounds = new RoundTracker();
  readonly #path = new PathModel();
  readonly #losses = new LossJudge();
  readonly #bursts = new BurstLimit();

  #state: State = "startup";
  #stateSinceMs = 0;
  #stateSinceRound = 0;
  #pacingGain = STARTUP_GAIN;
  #windowGain = WINDOW_GAIN;
  #lastAckAtMs = NaN;
  #smoothedRttMs = NaN;

  // Has the pipe been filled? draft-ietf-ccwg-bbr §5.3.1.2.
  #isFilled = false;
  readonly #filling = new PipeFilling();

  readonly #bounds = new LossBounds();
  /** Where the newest reduction found us. */
  #stateAtReduction: State = "startup";
  #reducedInRound = 0;

  // The probing cycle. §5.3.3.
  #cycleStartMs = 0;
  #cycleStartRound = 0;
  #probeWaitMs = PROBE_WAIT_MS;
  #bandwidthBeforeProbe = 0;
  /** The RTT at the beginning of a probe beside a queue of others; NaN without one. */
  #queuedRttMs = NaN;
  #rateBeforeProbe = 0;
  /** Keeps less in flight beside a queue. */
  #isYielding = true;
  /** Probes that follow each other soon although the last one found nothing. */
  #earlyProbes = 0;
  /** Losses now belong to packets sent while probing. */
  #isJudgingProbe = false;
  /** From this round on, what was sent while probing has been answered for. */
  #probeEndsAtRound = Infinity;
  #probeLostBytes = 0;
  #probeDeliveredBytes = 0;
  #policerProbes = 0;
  #isRoundCruised = false;
  #hasStandingQueue = false;

  readonly #rttProbe = new RttProbe();
  readonly #longer = new LongerPath();

  #restartUntilMs = -Infinity;
  #ignoreLossSentBeforeMs = -Infinity;

  constructor(options: ControllerOptions) {
    this.#random = options.random;
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.windowBytes = this.#firstWindowBytes;
    this.#setPacing(STARTUP_GAIN * this.windowBytes * 1000 / NOMINAL_RTT_MS);
  }

  get stateName(): string {
    return this.#state;
  }

  get bandwidthBytesPerSecond(): number {
    return this.#path.maxBandwidth > 0 ? this.#bandwidth : NaN;
  }

  get fillingBytes(): number {
    return this.bandwidthBytesPerSecond * this.#path.minRttMs / 1000;
  }

  get isBoundByLoss(): boolean {
    return this.#bounds.shortTermBandwidth < this.#path.maxBandwidth ||
      this.#boundBytes() < this.#inFlightAt(1);
  }

  onHandshake(leastRttMs: number): void {
    if (this.startsCarefully) return;
    this.windowBytes = Math.max(this.windowBytes, this.#leastStartWindow(leastRttMs));
    const rttMs = Math.max(leastRttMs, NOMINAL_RTT_MS);
    this.#setPacing(STARTUP_GAIN * this.windowBytes * 1000 / rttMs);
  }

  onPacketSent(): void {}

  onAck(sample: AckSample): void {
    const rounds = this.#rounds;
    const path = this.#path;
    this.#lastAckAtMs = sample.nowMs;
    this.#smoothedRttMs = sample.smoothedRttMs;
    rounds.onAck(sample);
    path.onAck(sample, rounds, this.windowBytes, this.#isFilled);
    if (this.#isJudgingProbe) this.#probeDeliveredBytes += sample.ackedBytes;
    if (rounds.isRoundStart) this.#onRoundEnd(sample);
    this.#longer.onAck(sample, rounds, path);
    this.#filling.onAck(sample, rounds, path);
    this.#updateState(sample);
    this.#checkProbeRtt(sample);
    this.#updatePacing();
    this.#updateWindow(sample);
  }

  onLoss(sample: LossSample): void {
    // The first losses after silence are the silence's, not the queue's.
    const silentMs = sample.nowMs - this.#lastAckAtMs;
    if (silentMs > 300 + 3 * sample.smoothedRttMs) {
      this.#ignoreLossSentBeforeMs = sample.nowMs;
    }
    if (sample.largestLostSentAtMs < this.#ignoreLossSentBeforeMs) return;
    this.#rounds.onLoss(sample);
    if (!this.#isJudgingProbe) return;
    this.#probeLostBytes += sample.lostBytes;
    if (this.#rounds.lossBursts < PROBE_LOSS_BURSTS) return;
    const isTooHigh = this.#losses.isTooHigh(
      sample.lostSinceSentBytes,
      sample.sentInFlightBytes,
      this.#isDelayed(sample.nowMs),
      this.#maxDatagramBytes,
    );
    if (isTooHigh) this.#onTooMuchInFlight(sample.sentInFlightBytes, sample.nowMs);
  }

  onSpuriousLoss(_packetCount: number, sizeBytes: number, nowMs: number): void {
    this.#rounds.onSpuriousLoss(sizeBytes);
    this.#losses.onSpuriousLoss(sizeBytes);
    if (this.#isJudgingProbe) this.#probeLostBytes -= sizeBytes;
    if (this.#bounds.onSpuriousLoss(sizeBytes)) this.#undo(nowMs);
  }

  /** Nothing that was learned holds any more. Mere silence is {@link onBlackoutEnd}. */
  onPersistentCongestion(nowMs: number): void {
    this.#forgetPath(nowMs);
  }

  onBlackoutEnd(darkMs: number, nowMs: number): void {
    this.#ignoreLossSentBeforeMs = nowMs;
    if (this.#bounds.canUndo && nowMs - this.#stateSinceMs < 1) this.#undo(nowMs);
    if (darkMs > LONG_DARKNESS_MS || this.#path.maxBandwidth === 0) {
      this.#forgetPath(nowMs);
      return;
    }
    this.#path.shiftTime(darkMs);
    this.#path.reopenMinRtt(darkMs, nowMs);
    this.#cycleStartMs += darkMs;
    this.#stateSinceMs += darkMs;
    this.#restartUntilMs = nowMs + this.#smoothedRttMs;
    this.#rounds.restart(this.#rounds.seenDeliveredBytes, nowMs);
    this.#lastAckAtMs = nowMs;
    this.#updatePacing();
  }

  onPeerMoved(nowMs: number): void {
    this.#ignoreLossSentBeforeMs = nowMs;
    this.#path.reopenMinRtt(Infinity, nowMs);
  }

  onAppLimited(): void {}

  onMaxDatagramChanged(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.windowBytes = Math.max(this.windowBytes, this.#smallestWindowBytes);
    if (this.#path.maxBandwidth === 0) {
      this.windowBytes = Math.max(this.windowBytes, this.#firstWindowBytes);
    }
    this.#setQuantum();
  }

  // What the model allows.

  get #firstWindowBytes(): number {
    const packet = this.#maxDatagramBytes;
    return Math.min(FIRST_WINDOW_PACKETS * packet, Math.max(48_000, 4 * packet));
  }

  /** What startup has in flight at least on a path with this RTT. */
  #leastStartWindow(rttMs: number): number {
    const rate = rttMs >= FAST_GROWTH_RTT_MS && !this.startsCarefully
      ? FAST_FIRST_RATE_BYTES_PER_MS
      : FIRST_RATE_BYTES_PER_MS;
    return Math.min(rttMs * rate, LARGEST_FIRST_WINDOW_PACKETS * this.#maxDatagramBytes);
  }

  get #smallestWindowBytes(): number {
    return SMALLEST_WINDOW_PACKETS * this.#maxDatagramBytes;
  }

  get #bandwidth(): number {
    const long = this.#path.maxBandwidth;
    return long < this.#bounds.shortTermBandwidth ? long : this.#bounds.shortTermBandwidth;
  }

  /** Bytes in flight that keep the path this full, the peer's ACK delay included. */
  #inFlightAt(gain: number): number {
    const minRttMs = this.#path.minRttMs;
    if (!(minRttMs < Infinity)) return this.#firstWindowBytes;
    const ackDelayMs = minRttMs < 40 ? minRttMs / 8 : 5;
    const slackMs = minRttMs < NOISY_RTT_MS ? SCHEDULER_SLACK_MS - 1 : 0;
    const bytes = this.#bandwidth * (gain * minRttMs + ackDelayMs + slackMs) / 1000;
    const smallest = this.#smallestWindowBytes;
    return bytes > smallest ? bytes : smallest;
  }

  /** Startup on a long round trip: the window must not slow down what pacing lets grow by more than twice. */
  get #isGrowingFast(): boolean {
    return this.#state === "startup" && this.#path.minRttMs >= FAST_GROWTH_RTT_MS;
  }

  /** The largest window the model justifies. */
  #windowTarget(): number {
    const path = this.#path;
    if (!(path.minRttMs < Infinity)) return this.#firstWindowBytes;
    const gain = this.#isGrowingFast
      ? STARTUP_GAIN
      : this.#hasStandingQueue && this.#isYielding && this.#windowGain > SHARING_WINDOW_GAIN
      ? SHARING_WINDOW_GAIN
      : this.#windowGain;
    let spanMs = gain * path.minRttMs;
    const slackMs = path.minRttMs + SCHEDULER_SLACK_MS;
    if (spanMs < slackMs) spanMs = slackMs;
    const bytes = this.#bandwidth * (spanMs + 2 * path.jitterMs) / 1000 + path.extraAckedBytes;
    const smallest = Math.max(this.#smallestWindowBytes, 3 * this.sendQuantumBytes);
    return bytes > smallest ? bytes : smallest;
  }

  #isDelayed(nowMs: number): boolean {
    const { minRttMs, jitterMs } = this.#path;
    return this.#rounds.recentMinRttMs(nowMs) - minRttMs > congestionDelayMs(minRttMs, jitterMs);
  }

  // Rounds.

  #onRoundEnd(sample: AckSample): void {
    const rounds = this.#rounds;
    const { minRttMs, jitterMs } = this.#path;
    const queueMs = rounds.lastMinRttMs - minRttMs;
    const isQueueSmall = queueMs < freeDelayMs(minRttMs, jitterMs);
    const isGrowing = !this.#isFilled && this.#filling.isGrowing;
    if (isQueueSmall && (this.#isRoundCruised || isGrowing)) this.#losses.learn(rounds);
    const wasCruising = this.#isRoundCruised;
    this.#isRoundCruised = this.#state === "cruise";

    if (this.#state !== "up" && rounds.count >= this.#probeEndsAtRound) this.#endProbe(sample);
    const isDelayed = queueMs > congestionDelayMs(minRttMs, jitterMs);
    this.#hasStandingQueue = isDelayed && wasCruising;
    if (this.#state === "startup") this.#checkStartupLoss(isDelayed);
    else if (wasCruising && this.#state === "cruise" && isDelayed) {
      this.#lowerShortTerm(isDelayed);
    }
    if (rounds.count - this.#reducedInRound > UNDO_ROUNDS) this.#bounds.forgetUndo();
    this.#bursts.onRoundEnd(rounds, this.#losses, {
      queueMs,
      minRttMs,
      jitterMs,
      sendQuantumBytes: this.sendQuantumBytes,
      pacingRateBytesPerSecond: this.pacingRateBytesPerSecond,
      maxDatagramBytes: this.#maxDatagramBytes,
      isFilled: this.#isFilled,
    });
    if (this.#state === "up" && this.#bounds.longTermBytes < Infinity) this.#raiseLongTerm();
  }

  /** Startup overflowed the queue: it is over. §5.3.1.3, with corroboration. */
  #checkStartupLoss(isDelayed: boolean): void {
    const rounds = this.#rounds;
    if (rounds.lastLossBursts < STARTUP_LOSS_BURSTS || !this.#isLastRoundTooLossy(isDelayed)) {
      return;
    }
    this.#saveForUndo(rounds.lastLostBytes);
    this.#isFilled = true;
    this.#bounds.longTermBytes = Math.max(this.#inFlightAt(1), rounds.lastDeliveredBytes);
  }

  /** Loss while cruising: less room until the next probe. §5.5.10.3, with corroboration. */
  #lowerShortTerm(isDelayed: boolean): void {
    const rounds = this.#rounds;
    if (rounds.lastLossBursts < PROBE_LOSS_BURSTS || !this.#isLastRoundTooLossy(isDelayed)) return;
    this.#saveForUndo(rounds.lastLostBytes);
    const bandwidth = Math.min(this.#bounds.shortTermBandwidth, this.#path.maxBandwidth);
    const inFlight = Math.min(this.#bounds.shortTermBytes, this.windowBytes);
    this.#bounds.shortTermBandwidth = Math.max(rounds.lastMaxRate, BETA * bandwidth);
    this.#bounds.shortTermBytes = Math.max(rounds.lastDeliveredBytes, BETA * inFlight);
  }

  #isLastRoundTooLossy(isDelayed: boolean): boolean {
    const rounds = this.#rounds;
    return this.#losses.isTooHigh(
      rounds.lastLostBytes,
      rounds.lastLostBytes + rounds.lastDeliveredBytes,
      isDelayed,
      this.#maxDatagramBytes,
    );
  }

  // The state machine.

  #updateState(sample: AckSample): void {
    const nowMs = sample.nowMs;
    const roundsInState = this.#rounds.count - this.#stateSinceRound;
    switch (this.#state) {
      case "startup":
        if (
          this.#filling.isPlateau || this.#filling.isDelayed(nowMs, this.#rounds, this.#path)
        ) this.#isFilled = true;
        if (this.#isFilled) {
          // The queue may have been there before us, and what was found be far from all.
          if (!this.#filling.isPlateau) this.#earlyProbes = EARLY_PROBES;
          this.#enterDrain(nowMs);
        }
        break;
      case "drain":
        if (sample.inFlightBytes <= this.#inFlightAt(1) || roundsInState >= 6) {
          this.#enterDown(nowMs);
          this.#probeWaitMs = Math.min(this.#probeWaitMs, 4 * this.#path.minRttMs + 200);
        }
        break;
      case "down":
        if (this.#isTimeToProbe(nowMs)) this.#enterRefill(nowMs);
        else if (this.#isDrained(sample) || roundsInState >= 5) this.#enterCruise(nowMs);
        break;
      case "cruise":
        if (this.#isTimeToProbe(nowMs)) this.#enterRefill(nowMs);
        break;
      case "refill":
        if (roundsInState >= 1 && this.#rounds.isRoundStart) this.#enterUp(nowMs);
        break;
      case "up":
        if (this.#isProbedEnough(sample, roundsInState)) this.#enterDown(nowMs);
        break;
      case "probe-rtt":
        break;
    }
  }

  #isDrained(sample: AckSample): boolean {
    return sample.inFlightBytes <= this.#inFlightAt(1) &&
      sample.inFlightBytes <= this.#bounds.longTermBytes * (1 - HEADROOM);
  }

  #isTimeToProbe(nowMs: number): boolean {
    const elapsedMs = nowMs - this.#cycleStartMs;
    if (elapsedMs >= this.#probeWaitMs) return true;
    return this.#rounds.count - this.#cycleStartRound >= PROBE_WAIT_ROUNDS &&
      elapsedMs >= SHORTEST_PROBE_WAIT_MS;
  }

  #isProbedEnough(sample: AckSample, roundsInState: number): boolean {
    if (roundsInState < 1) return false;
    if (this.#filling.isPlateau) return true;
    if (this.#queuedRttMs > 0) {
      const riseMs = this.#rounds.lastMinRttMs - this.#queuedRttMs;
      return riseMs >= SHARED_PROBE_DELAY * this.#path.minRttMs ||
        roundsInState >= SHARED_PROBE_ROUNDS;
    }
    return sample.inFlightBytes >= this.#inFlightAt(UP_GAIN);
  }

  #enter(state: State, nowMs: number, pacingGain: number, windowGain: number): void {
    this.#state = state;
    this.#stateSinceMs = nowMs;
    this.#stateSinceRound = this.#rounds.count;
    this.#pacingGain = pacingGain;
    this.#windowGain = windowGain;
  }

  #enterStartup(nowMs: number): void {
    this.#enter("startup", nowMs, STARTUP_GAIN, WINDOW_GAIN);
    this.#isFilled = false;
    this.#filling.restart(0);
  }

  #enterDrain(nowMs: number): void {
    this.#enter("drain", nowMs, 0.5, WINDOW_GAIN);
  }

  #enterDown(nowMs: number): void {
    const growth = this.#queuedRttMs > 0 ? SHARED_GROWTH : GROWTH;
    // The first round of a probe delivers what was sent before it.
    if (this.#state === "up" && this.#rounds.count - this.#stateSinceRound >= 2) {
      this.#isYielding = this.#rounds.lastMeanRate < FREE_GROWTH * this.#rateBeforeProbe;
    }
    const hasGrown = this.#state === "up" &&
      this.#path.maxBandwidth > growth * this.#bandwidthBeforeProbe;
    this.#enter("down", nowMs, 0.9, WINDOW_GAIN);
    this.#cycleStartMs = nowMs;
    this.#cycleStartRound = this.#rounds.count;
    this.#probeEndsAtRound = this.#rounds.count + 1;
    // More was found: there may be more still, look again soon.
    this.#probeWaitMs = hasGrown || this.#earlyProbes-- > 0
      ? 4 * this.#path.minRttMs + 100
      : PROBE_WAIT_MS + 1000 * this.#random();
  }

  #enterCruise(nowMs: number): void {
    this.#enter("cruise", nowMs, 1, WINDOW_GAIN);
    this.#isRoundCruised = false;
  }

  #enterRefill(nowMs: number): void {
    this.#enter("refill", nowMs, 1, WINDOW_GAIN);
    this.#bounds.resetShortTerm();
    this.#rounds.restart(this.#rounds.seenDeliveredBytes, nowMs);
  }

  #enterUp(nowMs: number): void {
    this.#rateBeforeProbe = this.#rounds.lastMeanRate;
    this.#queuedRttMs = this.#hasStandingQueue ? this.#rounds.lastMinRttMs : NaN;
    this.#enter("up", nowMs, UP_GAIN, UP_WINDOW_GAIN);
    this.#bandwidthBeforeProbe = this.#path.maxBandwidth;
    this.#filling.restart(this.#path.latestBandwidth);
    this.#isJudgingProbe = true;
    this.#probeLostBytes = 0;
    this.#probeDeliveredBytes = 0;
    this.#rounds.restart(this.#rounds.seenDeliveredBytes, nowMs);
  }

  /** The last packets sent while probing have been answered for. */
  #endProbe(sample: AckSample): void {
    this.#probeEndsAtRound = Infinity;
    if (!sample.isAppLimited) this.#path.advanceBandwidthFilter();
    if (!this.#isJudgingProbe) return;
    this.#isJudgingProbe = false;
    const total = this.#probeLostBytes + this.#probeDeliveredBytes;
    const isLossy = total > 0 &&
      this.#probeLostBytes / total > this.#losses.baseRatio + POLICER_LOSS;
    this.#policerProbes = isLossy ? this.#policerProbes + 1 : 0;
    if (this.#policerProbes >= POLICER_PROBES) {
      this.#onTooMuchInFlight(sample.sentInFlightBytes, sample.nowMs);
    }
  }

  /** Probing lost too much: remember how much room there is. §5.5.10.2. */
  #onTooMuchInFlight(sentInFlightBytes: number, nowMs: number): void {
    this.#saveForUndo(this.#rounds.lostBytes);
    this.#isJudgingProbe = false;
    this.#bounds.longTermBytes = Math.max(
      sentInFlightBytes,
      BETA * Math.min(this.#inFlightAt(1), this.windowBytes),
    );
    if (this.#state === "up") this.#enterDown(nowMs);
  }

  /** A round of probing lost little: the bound from earlier losses was too careful. §5.5.10.2. */
  #raiseLongTerm(): void {
    const rounds = this.#rounds;
    const total = rounds.lastLostBytes + rounds.lastDeliveredBytes;
    const limit = (this.#losses.baseRatio + POLICER_LOSS) * total;
    if (rounds.lastLostBytes < limit) this.#bounds.longTermBytes *= UP_GAIN;
    else if (rounds.lastLossBursts >= PROBE_LOSS_BURSTS) this.#filling.isPlateau = true;
  }

  // The RTT probe. §5.3.4.

  #checkProbeRtt(sample: AckSample): void {
    const nowMs = sample.nowMs;
    if (this.#state !== "probe-rtt") {
      if (!this.#isFilled) return;
      const { lastMinRttMs } = this.#rounds;
      if (this.#longer.isSuspected) {
        this.#longer.onProbed(nowMs);
        this.#rttProbe.beginForLonger(this.windowBytes, nowMs, lastMinRttMs, this.#longer.flightMs);
      } else if (this.#rttProbe.isDue(this.#path, nowMs)) {
        this.#rttProbe.begin(this.windowBytes, nowMs, this.#hasStandingQueue);
      } else return;
      this.#isJudgingProbe = false;
      if (this.#state === "up") this.#probeEndsAtRound = this.#rounds.count + 1;
      this.#enter("probe-rtt", nowMs, 1, WINDOW_GAIN);
    }
    if (!this.#rttProbe.onAck(sample, this.#probeRttWindow(), this.#rounds, this.#path)) return;
    this.windowBytes = Math.max(this.windowBytes, this.#rttProbe.windowBeforeBytes);
    this.#bounds.resetShortTerm();
    this.#enterDown(nowMs);
    this.#enterCruise(nowMs);
  }

  /** What losses leave of the window in this state. §5.6.4.7. */
  #boundBytes(): number {
    let bound = this.#bounds.longTermBytes;
    if (this.#state === "startup" || this.#state === "drain") bound = Infinity;
    else if (this.#state === "cruise") bound *= 1 - HEADROOM;
    return bound < this.#bounds.shortTermBytes ? bound : this.#bounds.shortTermBytes;
  }

  #probeRttWindow(): number {
    const bytes = this.#bandwidth * this.#rttProbe.share * this.#path.minRttMs / 1000;
    return Math.max(bytes, this.#smallestWindowBytes);
  }

  // Undo and restart.

  #saveForUndo(lostBytes: number): void {
    this.#bounds.save(lostBytes);
    this.#stateAtReduction = this.#state;
    this.#reducedInRound = this.#rounds.count;
  }

  #undo(nowMs: number): void {
    this.#bounds.undo();
    const before = this.#stateAtReduction;
    if (before === "startup" && this.#state !== "startup") this.#enterStartup(nowMs);
    else if (before === "up" && this.#state === "down") this.#probeWaitMs = 0;
  }

  #forgetPath(nowMs: number): void {
    this.#ignoreLossSentBeforeMs = nowMs;
    this.#rounds.restart(this.#rounds.seenDeliveredBytes, nowMs);
    this.#path.reset();
    this.#losses.reset();
    this.#bounds.reset();
    this.#isJudgingProbe = false;
    this.windowBytes = this.#firstWindowBytes;
    this.#enterStartup(nowMs);
    this.#setPacing(STARTUP_GAIN * this.windowBytes * 1000 / NOMINAL_RTT_MS);
  }

  // The decisions. §5.6.

  #updatePacing(): void {
    const bandwidth = this.#bandwidth;
    if (!(bandwidth > 0)) {
      const rttMs = this.#smoothedRttMs > 0 ? this.#smoothedRttMs : NOMINAL_RTT_MS;
      this.#setPacing(STARTUP_GAIN * this.windowBytes * 1000 / rttMs);
      return;
    }
    if (this.#lastAckAtMs < this.#restartUntilMs) this.#setPacing(RESTART_GAIN * bandwidth);
    else if (this.#isFilled) {
      let rate = this.#pacingGain * bandwidth * PACING_MARGIN;
      // Where losses bound the window, spread it over the round trip: ACKs would clock bursts.
      const bounded = this.#boundBytes() * 1000 /
        (this.#smoothedRttMs + Math.min(this.#smoothedRttMs / 8, 5));
      if (rate > bounded) rate = bounded;
      this.#setPacing(rate);
    } else {
      // Early samples are too low: half the window per RTT is the least that is known to fit.
      const known = this.windowBytes * 500 / this.#smoothedRttMs;
      this.#setPacing(STARTUP_GAIN * (bandwidth > known ? bandwidth : known));
    }
  }

  #setPacing(rate: number): void {
    const slowest = this.#maxDatagramBytes;
    this.pacingRateBytesPerSecond = rate > slowest ? rate : slowest;
    this.#setQuantum();
  }

  #setQuantum(): void {
    const quantum = pacingQuantumBytes(this.pacingRateBytesPerSecond, this.#maxDatagramBytes);
    const limit = Math.max(this.#bursts.bytes, 2 * this.#maxDatagramBytes);
    this.sendQuantumBytes = quantum < limit ? quantum : limit;
    const bandwidth = this.#bandwidth;
    if (bandwidth > 0) this.#path.burstMs = this.sendQuantumBytes * 1000 / bandwidth;
  }

  #updateWindow(sample: AckSample): void {
    const target = this.#windowTarget();
    let window = this.windowBytes;
    if (this.#isFilled) {
      window = Math.min(window + sample.ackedBytes, target);
    } else {
      if (window < target || sample.deliveredBytes < this.#firstWindowBytes) {
        window += this.#isGrowingFast ? 2 * sample.ackedBytes : sample.ackedBytes;
      }
      const least = this.#leastStartWindow(this.#path.minRttMs);
      if (window < least) window = least;
    }
    const limit = this.#state === "probe-rtt" ? this.#probeRttWindow() : this.#boundBytes();
    if (window > limit) window = limit;
    const smallest = this.#smallestWindowBytes;
    this.windowBytes = window > smallest ? window : smallest;
  }
}

/** BBRv3 with loss that must be corroborated by delay. draft-ietf-ccwg-bbr. */
export const congestionController = {
  name: "bbr",
  create: (options: ControllerOptions): CongestionController => new Bbr(options),
} satisfies CongestionControllerFactory;
