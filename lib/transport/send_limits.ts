/**
 * What held sending back, and for how long: six sums of time, kept at no cost per packet.
 *
 * Whenever the connection stops to send it knows why; the time until it asks again goes to that reason.
 * Time between two batches goes to the process itself: it had something to send, was allowed to, and was
 * busy with the batch before or with something else.
 *
 * @module
 */
import type { SendTimes } from "../bytes/send_times.ts";

/** One reason. */
export type SendLimit = "path" | "loss" | "cap" | "peer" | "idle" | "busy";

const LIMITS: readonly SendLimit[] = ["path", "loss", "cap", "peer", "idle", "busy"];
/** Pacing keeps credit for so long: a process that is later than this has lost rate by its own doing. */
const TOO_LATE_MS = 10;

/** Adds up the times of one connection. */
export class SendLimits {
  readonly #sums = new Float64Array(LIMITS.length);
  #current = LIMITS.indexOf("idle");
  #sinceMs: number;
  #dueAtMs = Infinity;

  /** Nothing has been sent yet. */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** From now on this holds sending back, if it is pacing or the cap until `dueAtMs`. */
  enter(limit: SendLimit, nowMs: number, dueAtMs: number = Infinity): void {
    this.#settle(nowMs);
    this.#current = LIMITS.indexOf(limit);
    this.#dueAtMs = dueAtMs;
  }

  /** The times up to now. */
  times(nowMs: number): SendTimes {
    this.#settle(nowMs);
    const [pathMs = 0, lossMs = 0, capMs = 0, peerMs = 0, idleMs = 0, busyMs = 0] = this.#sums;
    return { pathMs, lossMs, capMs, peerMs, idleMs, busyMs };
  }

  #settle(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (!(elapsedMs > 0)) return;
    const dueAtMs = Math.max(this.#dueAtMs, this.#sinceMs);
    const lateMs = Math.max(0, nowMs - dueAtMs - TOO_LATE_MS);
    this.#sums[this.#current]! += elapsedMs - lateMs;
    if (lateMs > 0) this.#sums[LIMITS.indexOf("busy")]! += lateMs;
    this.#sinceMs = nowMs;
  }
}
