/**
 * How a connection ends: its state, the packets that say so, and how long it lingers. RFC 9000 §10.2.
 *
 * @module
 */
import { TRANSPORT_ERROR_CODES } from "../wire/error_code.ts";
import type { TransientFrame } from "../wire/frame.ts";
import type { ConnectionParts } from "./connection_parts.ts";
import { type ConnectionState, transition } from "./connection_state.ts";
import {
  BASE_DATAGRAM_BYTES,
  CLOSE_COPIES,
  CLOSING_PTOS,
  DEFAULT_MAX_ACK_DELAY_MS,
} from "./constants.ts";
import type { TransmitBatch } from "./transmit_batch.ts";
import type { ConnectionEnd, ConnectionEndKind } from "./transport_error.ts";

/** What a closing packet carries besides, stream frames with their headers, and the packets looked at for it. */
const LAST_WORDS_BYTES = 600;
const LAST_WORDS_PACKETS = 8;

/** The parts that an end concerns. */
export type TerminationParts = Pick<
  ConnectionParts,
  "path" | "streams" | "protection" | "builder" | "fate" | "deadlines" | "events"
>;

/** The end of one connection. */
export class ConnectionTermination {
  readonly #parts: TerminationParts;
  #state: ConnectionState = { kind: "established" };
  #copiesDue = 0;
  #frame: TransientFrame | null = null;
  #hasLastWords = false;

  /** Uses these parts for the connection's life. */
  constructor(parts: TerminationParts) {
    this.#parts = parts;
  }

  /** Where the connection stands. */
  get stateName(): ConnectionState["kind"] {
    return this.#state.kind;
  }

  /** True until somebody ends the connection. */
  get isEstablished(): boolean {
    return this.#state.kind === "established";
  }

  /** Why the connection ended, or null while it lives. */
  get end(): ConnectionEnd | null {
    return this.#state.kind === "established" ? null : this.#state.end;
  }

  /** True while everything that the peer has not acknowledged fits into the packet that closes. */
  get fitsInClose(): boolean {
    return this.#parts.streams.closingBytes <= LAST_WORDS_BYTES;
  }

  /** The application ends it: what fits goes along. */
  closeWithLastWords(code: number, reason: string, nowMs: number): void {
    this.#hasLastWords = this.fitsInClose;
    this.close({ kind: "closed", code, reason }, {
      kind: "connection-close",
      isApplication: true,
      code,
      reason,
    }, nowMs);
  }

  /** We end it, and tell the peer in this frame. */
  close(end: ConnectionEnd, frame: TransientFrame, nowMs: number): void {
    if (!this.isEstablished) return;
    const untilMs = this.#lingerUntilMs(nowMs);
    this.#state = transition(this.#state, { kind: "closing", end, untilMs });
    this.#frame = frame;
    this.#copiesDue = CLOSE_COPIES;
    this.#onlyWaitUntil(untilMs);
    this.#reportEnd(end);
  }

  /** The peer has ended it. */
  onConnectionClose(
    close: { isApplication: boolean; code: number; reason: string },
    nowMs: number,
  ): void {
    if (this.#state.kind !== "established" && this.#state.kind !== "closing") return;
    const end: ConnectionEnd = this.#state.kind === "closing" ? this.#state.end : {
      kind: endKindOf(close),
      code: close.code,
      reason: close.reason,
    };
    const untilMs = this.#lingerUntilMs(nowMs);
    const wasEstablished = this.isEstablished;
    this.#state = transition(this.#state, { kind: "draining", end, untilMs });
    this.#onlyWaitUntil(untilMs);
    if (wasEstablished) this.#reportEnd(end);
  }

  /** A packet came although we have closed: its sender is told again. §10.2.1. */
  onPacketReceived(): void {
    if (this.#state.kind === "closing") this.#copiesDue = 1;
  }

  /** It has lingered long enough. */
  onTimeout(): void {
    if (this.#state.kind !== "established") this.finish(this.#state.end);
  }

  /** Ends it at once, without a word to the peer. */
  finish(end: ConnectionEnd): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "established") this.#reportEnd(end);
    this.#state = transition(this.#state, { kind: "closed", end });
    this.#parts.deadlines.clearAll();
    this.#parts.protection.destroy();
  }

  /** Fills `batch` with a packet that closes; false when none is due. */
  poll(batch: TransmitBatch, nowMs: number): boolean {
    if (this.#state.kind !== "closing" || this.#copiesDue === 0 || this.#frame === null) {
      return false;
    }
    this.#copiesDue--;
    if (this.#hasLastWords) this.#parts.fate.repeatOldest(LAST_WORDS_PACKETS);
    batch.length = batch.segmentBytes = this.#parts.builder.build(batch.buffer, 0, {
      limitBytes: BASE_DATAGRAM_BYTES,
      mayCarryData: this.#hasLastWords,
      transient: [],
      last: this.#frame,
      isMtuProbe: false,
      asksForAckAtEnd: false,
    }, nowMs);
    return true;
  }

  #lingerUntilMs(nowMs: number): number {
    return nowMs + CLOSING_PTOS * this.#parts.path.rtt.ptoMs(DEFAULT_MAX_ACK_DELAY_MS);
  }

  #onlyWaitUntil(untilMs: number): void {
    this.#parts.deadlines.clearAll();
    this.#parts.deadlines.set("close", untilMs);
  }

  #reportEnd(end: ConnectionEnd): void {
    this.#parts.streams.release();
    this.#parts.events.push({ kind: "ended", end });
  }
}

function endKindOf(close: { isApplication: boolean; code: number }): ConnectionEndKind {
  if (close.isApplication) return "closed-by-peer";
  return close.code === TRANSPORT_ERROR_CODES.CONNECTION_REFUSED ? "refused" : "error-by-peer";
}
