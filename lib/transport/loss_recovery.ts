/**
 * What acknowledgements and the loss timer set going: congestion control, probes, frames sent again.
 * RFC 9002 §6, A.7 to A.10.
 *
 * @module
 */
import type { AckFrame } from "../wire/ack_frame.ts";
import type { ConnectionParts } from "./connection_parts.ts";
import { BLACKOUT_PROBES } from "./constants.ts";
import type { AckOutcome } from "./loss_detection.ts";
import { emptyAckSample, emptyLossSample } from "./samples.ts";
import type { SendBudget } from "./send_budget.ts";

/** Packets that one probe timeout repeats, RFC 9002 §6.2.4; one is enough to find the end of a blackout. */
const PROBE_PACKETS = 2;

/** The parts that it sets going. */
export type LossRecoveryParts = Pick<
  ConnectionParts,
  | "config"
  | "path"
  | "loss"
  | "fate"
  | "streams"
  | "control"
  | "transient"
  | "ackFrequency"
  | "deadlines"
>;

/** Loss recovery of one connection. */
export class LossRecovery {
  /** Probe packets that should go out, whatever congestion control says. */
  probesDue = 0;
  readonly #parts: LossRecoveryParts;
  readonly #budget: SendBudget;
  readonly #ackSample = emptyAckSample();
  readonly #lossSample = emptyLossSample();
  #lastProgressAtMs = -Infinity;

  /** Uses these parts for the connection's life. */
  constructor(parts: LossRecoveryParts, budget: SendBudget) {
    this.#parts = parts;
    this.#budget = budget;
  }

  /** Takes an ACK frame. @throws {TransportError} when it acknowledges what was never sent. */
  onAck(ack: AckFrame, nowMs: number): void {
    const { path, loss, fate, ackFrequency } = this.#parts;
    const { rtt, controller, sampler } = path;
    const priorInFlightBytes = loss.inFlightBytes;
    const outcome = loss.onAckReceived(ack, nowMs);
    const ackDelayMs = Math.min(ack.delayUs / 1000, ackFrequency.maxAckDelayMs);
    const wasDark = outcome.probesBefore >= BLACKOUT_PROBES;
    // What comes back may be another path: from Wi-Fi to mobile, another satellite.
    if (wasDark) rtt.forgetMinimum();
    if (!Number.isNaN(outcome.rttSampleMs)) {
      rtt.onSample(outcome.rttSampleMs, ackDelayMs, nowMs);
    }
    if (outcome.acked.length === 0 && outcome.spurious.length === 0) return;
    if (wasDark) controller.onBlackoutEnd(nowMs - this.#lastProgressAtMs, nowMs);
    this.#lastProgressAtMs = nowMs;
    loss.detectAndRemoveLostPackets(nowMs);
    fate.onAcked(outcome.acked, nowMs);
    fate.onAcked(outcome.spurious, nowMs);
    this.#applyLost(outcome, nowMs);
    if (outcome.spurious.length > 0) {
      controller.onSpuriousLoss(outcome.spurious.length, outcome.spuriousBytes, nowMs);
    }
    const sample = this.#ackSample;
    sample.minRttMs = rtt.minMs;
    sample.priorInFlightBytes = priorInFlightBytes;
    sample.inFlightBytes = loss.inFlightBytes;
    sample.rttMs = outcome.rttSampleMs;
    sample.smoothedRttMs = rtt.smoothedMs;
    sample.isWindowLimited = !this.#budget.isAppLimited;
    sample.ackDelayMs = ackDelayMs;
    if (sampler.fillAckSample(sample, nowMs)) controller.onAck(sample);
    this.#afterControllerChange(priorInFlightBytes);
  }

  /** The loss timer fired: what it was set for, or that the peer has been silent for too long. §A.9. */
  onTimeout(nowMs: number): "loss" | "probe" | "silence" {
    const { loss } = this.#parts;
    if (loss.isLossTimerSet) {
      const { inFlightBytes } = loss;
      loss.beginTimeout();
      this.#applyLost(loss.detectAndRemoveLostPackets(nowMs), nowMs);
      this.#afterControllerChange(inFlightBytes);
      this.setDeadline();
      return "loss";
    }
    if (this.#isPeerSilent(nowMs)) return "silence";
    loss.onProbeTimeout(nowMs);
    this.#probe(loss.ptoCount > BLACKOUT_PROBES ? 1 : PROBE_PACKETS);
    return "probe";
  }

  /** The peer has moved: what travels to the old address is lost, which the answer to a probe will tell. */
  onMoved(): void {
    const { loss } = this.#parts;
    loss.ptoCount = 0;
    if (loss.hasOutstanding()) this.#probe(PROBE_PACKETS);
  }

  #probe(count: number): void {
    const { fate, control, streams, transient } = this.#parts;
    this.probesDue = count;
    fate.repeatOldest(count);
    if (!control.hasWaiting && !streams.hasPending()) transient.pushPing();
    this.setDeadline();
  }

  /** Sets the loss timer anew. §A.8. */
  setDeadline(): void {
    const { deadlines, loss, ackFrequency } = this.#parts;
    deadlines.set("loss", loss.deadlineMs(ackFrequency.maxAckDelayMs));
  }

  #applyLost(outcome: AckOutcome, nowMs: number): void {
    const { path, loss, fate } = this.#parts;
    fate.onLost(outcome.lost, nowMs);
    const { controller, sampler, rtt } = path;
    const sample = this.#lossSample;
    sample.inFlightBytes = loss.inFlightBytes;
    sample.smoothedRttMs = rtt.smoothedMs;
    if (sampler.fillLossSample(sample, nowMs)) controller.onLoss(sample);
  }

  #afterControllerChange(priorInFlightBytes: number): void {
    const { path, streams, control, ackFrequency } = this.#parts;
    streams.onFlight(priorInFlightBytes);
    streams.onRate(path.rateBytesPerSecond);
    const frame = ackFrequency.choose({
      windowPackets: path.windowBytes / path.mtu.datagramBytes,
      smoothedRttMs: path.rtt.smoothedMs,
    });
    if (frame !== null) control.push(frame);
  }

  /**
   * Packets have been waiting for an acknowledgement for the silence timeout. A peer that talks all the time
   * but acknowledges nothing would keep us sending for ever, so only acknowledgements count.
   */
  #isPeerSilent(nowMs: number): boolean {
    const { config, loss } = this.#parts;
    const { ring, oldestOutstanding } = loss;
    const waitingSinceMs = ring.sentAtMs[ring.slot(oldestOutstanding)]!;
    const unansweredSinceMs = Math.max(this.#lastProgressAtMs, waitingSinceMs);
    return nowMs - unansweredSinceMs >= config.silenceTimeoutMs;
  }
}
