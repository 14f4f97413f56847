/**
 * When to send, and how much at once: congestion window, pacing, the user's cap, and what there is.
 *
 * @module
 */
import type { ConnectionParts } from "./connection_parts.ts";
import { TailRepetition } from "./tail_repetition.ts";

/** The parts that decide. */
export type SendBudgetParts = Pick<
  ConnectionParts,
  "path" | "loss" | "control" | "transient" | "streams" | "fate" | "limits" | "deadlines"
>;

/** Decides for one connection. */
export class SendBudget {
  readonly #parts: SendBudgetParts;
  readonly #tail = new TailRepetition();
  #isAppLimited = true;

  /** Uses these parts for the connection's life. */
  constructor(parts: SendBudgetParts) {
    this.#parts = parts;
  }

  /** True when sending stopped for want of data, not of window: the window is then not being tried. */
  get isAppLimited(): boolean {
    return this.#isAppLimited;
  }

  /** True when a packet would carry more than an acknowledgement. */
  get hasSomethingToSend(): boolean {
    const { control, transient, streams } = this.#parts;
    return control.hasWaiting || transient.frames.length > 0 || streams.hasPending();
  }

  /** Bytes that congestion control and pacing let go now; sets the pacing deadline when it is too early. */
  takeBytes(segmentBytes: number, nowMs: number): number {
    const { path, loss, limits, deadlines } = this.#parts;
    const { controller, sampler } = path;
    if (deadlines.at("pacing") !== Infinity) deadlines.clear("pacing");
    const { inFlightBytes } = loss;
    const roomBytes = path.windowBytes - inFlightBytes;
    if (roomBytes < segmentBytes && inFlightBytes > 0) {
      this.#isAppLimited = false;
      limits.enter(controller.isBoundByLoss ? "loss" : "path", nowMs);
      return 0;
    }
    if (!this.hasSomethingToSend && !this.#repeatTail(segmentBytes, nowMs)) {
      this.#onNothingToSend(nowMs);
      return segmentBytes;
    }
    const allowance = path.pacingAllowanceBytes(nowMs);
    // The cap is to the controller what an application is that has nothing to send.
    this.#isAppLimited = path.isCapTheLimit;
    if (this.#isAppLimited) sampler.onAppLimited(inFlightBytes);
    if (allowance === 0) {
      const dueAtMs = path.nextSendMs();
      deadlines.set("pacing", dueAtMs);
      const isLossy = controller.isBoundByLoss;
      limits.enter(path.isHeldByCap ? "cap" : isLossy ? "loss" : "path", nowMs, dueAtMs);
      return 0;
    }
    return Math.max(segmentBytes, Math.min(roomBytes, allowance));
  }

  /** Stream bytes left for the first time: nothing is repeated before they have had their time. */
  onNewData(): void {
    this.#tail.onNewData(this.#parts.loss.ring);
  }

  #onNothingToSend(nowMs: number): void {
    const { path, loss, limits, streams } = this.#parts;
    const { controller, sampler } = path;
    if (!this.#isAppLimited || !sampler.isAppLimited) {
      this.#isAppLimited = true;
      sampler.onAppLimited(loss.inFlightBytes);
      controller.onAppLimited(nowMs);
    }
    limits.enter(streams.isBlockedByPeer ? "peer" : "idle", nowMs);
  }

  /** Nothing is left to send: repeats what left half a round trip ago, if this path loses packets. */
  #repeatTail(segmentBytes: number, nowMs: number): boolean {
    const { loss, streams, path, fate, deadlines } = this.#parts;
    deadlines.clear("tail");
    if (loss.lostPackets === 0 || !streams.isEnding) return false;
    const { controller, rtt } = path;
    const packets = this.#tail.choose(loss.ring, loss.oldestOutstanding, {
      count: Math.max(1, Math.floor(controller.sendQuantumBytes / segmentBytes)),
      nowMs,
      smoothedRttMs: rtt.smoothedMs,
    });
    fate.repeat(packets);
    deadlines.set("tail", this.#tail.deadlineMs);
    return packets.length > 0;
  }
}
