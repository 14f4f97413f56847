/**
 * How long a connection lives without a word from the peer, and the PING that keeps it alive.
 * RFC 9000 §10.1.
 *
 * @module
 */
import type { ConnectionParts } from "./connection_parts.ts";
import { KEEPALIVE_MS } from "./constants.ts";

/**
 * When a server falls silent in the middle of something, its client asks after so long: if the client has moved,
 * or its NAT has given it another port, the server talks to the old address until it hears from the new one.
 */
const TALK_SILENCE_MS = 500;
/** A peer with a very short idle timeout is not asked more often than this. */
const MIN_KEEPALIVE_MS = 1000;

/** The parts that silence concerns. */
export type IdleParts = Pick<ConnectionParts, "deadlines" | "transient" | "streams">;

/** The idle timeout of one connection; the client alone keeps it alive. */
export class IdleTimeout {
  readonly #parts: IdleParts;
  readonly #isClient: boolean;
  readonly #idleMs: number;
  readonly #keepaliveMs: number;
  #isTalking = false;

  /** Starts both timers. `idleMs` is the shorter of what both sides want. */
  constructor(
    parts: IdleParts,
    options: { role: "client" | "server"; idleMs: number; nowMs: number },
  ) {
    const { role, idleMs, nowMs } = options;
    this.#parts = parts;
    this.#isClient = role === "client";
    this.#idleMs = idleMs;
    this.#keepaliveMs = Math.min(KEEPALIVE_MS, Math.max(idleMs / 3, MIN_KEEPALIVE_MS));
    this.onHeard(nowMs);
  }

  /** The peer sent something that wants an acknowledgement: more may follow. */
  onTalk(): void {
    this.#isTalking = true;
  }

  /** A packet of the peer was authentic. */
  onHeard(nowMs: number): void {
    this.#parts.deadlines.set("idle", nowMs + this.#idleMs);
    this.#setKeepalive(nowMs);
  }

  /** The peer has not been heard for some time: asks it for a sign of life. */
  onKeepalive(nowMs: number): void {
    this.#isTalking = false;
    this.#parts.transient.pushPing();
    this.#setKeepalive(nowMs);
  }

  #setKeepalive(nowMs: number): void {
    if (!this.#isClient) return;
    const { deadlines, streams } = this.#parts;
    const isMoreAwaited = this.#isTalking && streams.count > 0;
    const waitMs = isMoreAwaited ? TALK_SILENCE_MS : this.#keepaliveMs;
    deadlines.set("keepalive", nowMs + waitMs);
  }
}
