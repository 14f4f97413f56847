/**
 * What limited a transfer, from measured facts: what held the sender's transport back, how long either
 * side waited for its disk, and how busy its main thread was.
 *
 * The sender sees the path, the cap and its own source; that the receiver does not read, but not why. So it
 * says what it saw behind the last byte, and the receiver, who knows the rest, decides.
 *
 * @module
 */
import type { SendTimes } from "../bytes/send_times.ts";
import type { TransferPeer } from "./peer.ts";

/** Where a transfer reads what it is judged by. */
export interface LoadMeter {
  /** Now, ms. */
  nowMs(): number;
  /** Processor time that the main thread has wanted so far, ms; NaN where that cannot be told. */
  cpuMs(): number;
  /** What held sending back so far. */
  sendTimes(): SendTimes;
}

/** What limited a transfer; `receiver` when the sender knows no more than that. */
export type TransferLimit =
  | "path"
  | "loss"
  | "cap"
  | "cpu"
  | "sender-disk"
  | "receiver-disk"
  | "receiver";

/** The same as one side sees it. */
export type LimitedBy = "path" | "loss" | "disk-here" | "disk-there" | "cpu" | "cap";

/** Words on the wire, in the order of their numbers; the list only ever grows at its end. */
export const TRANSFER_LIMITS: readonly (TransferLimit | "unknown")[] = [
  "unknown",
  "path",
  "loss",
  "cap",
  "cpu",
  "sender-disk",
  "receiver-disk",
  "receiver",
];

/** Shorter transfers say nothing about what limits one. */
export const LEAST_JUDGED_SECONDS = 1;
/** What was watched for less than this is not judged: buffers took it. */
const LEAST_WATCHED_MS = 200;
/** Share of a span for which a thread that counts as saturated wanted a core: its turns have gaps. */
const SATURATED = 0.75;
/** The same for a receiver whose sender found the path to be the limit: that needs proof. */
const CERTAINLY_SATURATED = 0.9;
/** Less, and a sender that never waited for anything else must have waited for the socket. */
const BUSY = 0.5;
/** Share of a span spent waiting for the disk that makes it the limit: reads and hashes take turns. */
const MOSTLY = 0.7;
/** The same when it is known that the receiver was the limit. */
const PARTLY = 0.4;

/** Watches one side of one transfer. */
export class LimitWatch {
  readonly #meter: LoadMeter;
  #startMs = NaN;
  #startCpuMs = NaN;
  #startTimes: SendTimes | null = null;
  #diskMs = 0;

  /** Reads this meter at the beginning, at the end, and around waits for the disk. */
  constructor(meter: LoadMeter) {
    this.#meter = meter;
  }

  /** The bytes begin. */
  begin(): void {
    this.#startMs = this.#meter.nowMs();
    this.#startCpuMs = this.#meter.cpuMs();
    this.#startTimes = this.#meter.sendTimes();
  }

  /** Waits for the disk, and counts the time. */
  async disk<Result>(work: Promise<Result>): Promise<Result> {
    const startMs = this.#meter.nowMs();
    try {
      return await work;
    } finally {
      this.#diskMs += this.#meter.nowMs() - startMs;
    }
  }

  /** What limited the sender, who has just handed over the last byte; null when nothing can be said. */
  sent(): TransferLimit | null {
    const span = this.#span();
    if (span === null || this.#startTimes === null) return null;
    const now = this.#meter.sendTimes();
    const { pathMs, lossMs, capMs, peerMs, idleMs, busyMs } = difference(now, this.#startTimes);
    const congestionMs = pathMs + lossMs;
    const most = Math.max(congestionMs, capMs, peerMs, idleMs, busyMs);
    if (most === capMs) return "cap";
    if (most === peerMs) return "receiver";
    // What there was to send waited for the disk to read it, or for somebody to hash it.
    const isDisk = span.diskShare >= MOSTLY && !(span.cpuShare >= SATURATED);
    if (most === idleMs) return isDisk ? "sender-disk" : "cpu";
    // A thread that is not busy waited for the socket: the link behind it takes no more.
    if (most === busyMs && !(span.cpuShare < BUSY)) return "cpu";
    return lossMs > pathMs ? "loss" : "path";
  }

  /** What limited the transfer, for the receiver; `told` is what the sender said, null when it said nothing. */
  received(told: TransferLimit | null): TransferLimit | null {
    const span = this.#span();
    if (span === null) return null;
    if (told === "cap" || told === "cpu" || told === "sender-disk") return told;
    if (span.cpuShare >= CERTAINLY_SATURATED) return "cpu";
    if (span.diskShare >= MOSTLY) return "receiver-disk";
    if (told !== "receiver") return told;
    if (span.diskShare >= PARTLY) return "receiver-disk";
    // It read in time: the windows were too small for the path.
    return span.cpuShare >= BUSY ? "cpu" : "path";
  }

  #span(): { readonly cpuShare: number; readonly diskShare: number } | null {
    const elapsedMs = this.#meter.nowMs() - this.#startMs;
    if (!(elapsedMs >= LEAST_WATCHED_MS)) return null;
    return {
      cpuShare: (this.#meter.cpuMs() - this.#startCpuMs) / elapsedMs,
      diskShare: this.#diskMs / elapsedMs,
    };
  }
}

/** The limit in the words of one side. */
export function limitSeenBy(side: "sender" | "receiver", limit: TransferLimit): LimitedBy {
  switch (limit) {
    case "sender-disk":
      return side === "sender" ? "disk-here" : "disk-there";
    case "receiver-disk":
    case "receiver":
      return side === "receiver" ? "disk-here" : "disk-there";
    default:
      return limit;
  }
}

/** What the sender says of the limit behind its last byte; nothing when it does not know. */
export function encodeLimit(limit: TransferLimit | null): Uint8Array {
  return limit === null ? new Uint8Array(0) : Uint8Array.of(TRANSFER_LIMITS.indexOf(limit));
}

/** The limit of that number; null for one that is not known here. */
export function limitFromCode(code: number): TransferLimit | null {
  const limit = TRANSFER_LIMITS[code] ?? "unknown";
  return limit === "unknown" ? null : limit;
}

/** Reads what the sender says of the limit, if it does; its end of stream is next. Throws `StreamError`. */
export async function readLimit(reader: TransferPeer["reader"]): Promise<TransferLimit | null> {
  const byte = await reader.some(1);
  return byte === null ? null : limitFromCode(byte[0]!);
}

function difference(now: SendTimes, start: SendTimes): SendTimes {
  return {
    pathMs: now.pathMs - start.pathMs,
    lossMs: now.lossMs - start.lossMs,
    capMs: now.capMs - start.capMs,
    peerMs: now.peerMs - start.peerMs,
    idleMs: now.idleMs - start.idleMs,
    busyMs: now.busyMs - start.busyMs,
  };
}
