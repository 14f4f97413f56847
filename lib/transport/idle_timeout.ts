/**
 * How long a connection lives without a word from the peer, and the PING that keeps it alive.
 * RFC 9000 §10.1.
 *
 * @module
 */
import type { ConnectionParts } from "./connection_parts.ts";
import { KEEPALIVE_MS } from "./constants.ts";

/** A peer with a very short idle timeout is not asked more often than this. */
const MIN_KEEPALIVE_MS = 1000;

/** The idle timeout of one connection; the client alone keeps it alive. */
export class IdleTimeout {
  readonly #parts: Pick<ConnectionParts, "deadlines" | "transient">;
  readonly #isClient: boolean;
  readonly #idleMs: number;
  readonly #keepaliveMs: number;

  /** Starts both timers. `idleMs` is the shorter of what both sides want. */
  constructor(
    parts: Pick<ConnectionParts, "deadlines" | "transient">,
    options: { role: "client" | "server"; idleMs: number; nowMs: number },
  ) {
    const { role, idleMs, nowMs } = options;
    this.#parts = parts;
    this.#isClient = role === "client";
    this.#idleMs = idleMs;
    this.#keepaliveMs = Math.min(KEEPALIVE_MS, Math.max(idleMs / 3, MIN_KEEPALIVE_MS));
    this.onHeard(nowMs);
  }

  /** A packet of the peer was authentic. */
  onHeard(nowMs: number): void {
    const { deadlines } = this.#parts;
    deadlines.set("idle", nowMs + this.#idleMs);
    if (this.#isClient) deadlines.set("keepalive", nowMs + this.#keepaliveMs);
  }

  /** The peer has not been heard for some time: asks it for a sign of life. */
  onKeepalive(nowMs: number): void {
    this.#parts.transient.pushPing();
    this.#parts.deadlines.set("keepalive", nowMs + this.#keepaliveMs);
  }
}
