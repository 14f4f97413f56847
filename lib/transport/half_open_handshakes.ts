/**
 * Handshakes that have been answered and wait for their end: how many, how long, and which one a packet
 * belongs to.
 *
 * @module
 */
import type { LongHeader } from "../wire/packet_header.ts";
import { HALF_OPEN_LIFETIME_MS, MAX_HALF_OPEN } from "./constants.ts";
import type { ServerHandshake } from "./handshake.ts";
import type { Address } from "./path.ts";

/** One such handshake. */
export interface HalfOpen {
  /** Its keys and packets. */
  readonly handshake: ServerHandshake;
  /** Where the INITIAL came from. */
  readonly address: Address;
  /** Tells this INITIAL from others. */
  readonly clientKey: string;
  /** When it is forgotten. */
  readonly expiresAtMs: number;
  /** When the REPLY last went out. */
  repliedAtMs: number;
  /** Bytes of its INITIALs. */
  receivedBytes: number;
  /** Bytes of the REPLYs. */
  sentBytes: number;
  /** How many of them. */
  replyCount: number;
  /** FINISH packets that did not open. */
  badFinishCount: number;
}

/** At most {@linkcode MAX_HALF_OPEN} handshakes. */
export class HalfOpenHandshakes {
  /** By our connection ID, oldest first. */
  readonly #byId = new Map<number, HalfOpen>();
  readonly #byClient = new Map<string, HalfOpen>();

  /** How many wait. */
  get size(): number {
    return this.#byId.size;
  }

  /** When the oldest one is forgotten; Infinity when there is none. */
  get deadlineMs(): number {
    for (const halfOpen of this.#byId.values()) return halfOpen.expiresAtMs;
    return Infinity;
  }

  /** Abandons those that nobody finished in time. */
  handleTimeout(nowMs: number): void {
    for (const halfOpen of this.#byId.values()) {
      if (halfOpen.expiresAtMs > nowMs) return;
      this.abandon(halfOpen);
    }
  }

  /** The one that an INITIAL of this client began. */
  ofClient(clientKey: string): HalfOpen | undefined {
    return this.#byClient.get(clientKey);
  }

  /** The one that a FINISH with this header belongs to, or null. */
  ofFinish(header: LongHeader, nowMs: number): HalfOpen | null {
    const halfOpen = this.#byId.get(header.destination.key);
    if (halfOpen === undefined || halfOpen.expiresAtMs <= nowMs) return null;
    if (!halfOpen.handshake.localId.equals(header.destination)) return null;
    return halfOpen.handshake.remoteId.equals(header.source) ? halfOpen : null;
  }

  /** Keeps a handshake whose INITIAL had so many bytes; makes room for it if need be. */
  add(
    handshake: ServerHandshake,
    initial: { clientKey: string; from: Address; packetBytes: number },
    nowMs: number,
  ): HalfOpen {
    const { clientKey, from, packetBytes } = initial;
    this.#makeRoom();
    const halfOpen: HalfOpen = {
      handshake,
      address: { hostname: from.hostname, port: from.port },
      clientKey,
      expiresAtMs: nowMs + HALF_OPEN_LIFETIME_MS,
      repliedAtMs: NaN,
      receivedBytes: packetBytes,
      sentBytes: 0,
      replyCount: 0,
      badFinishCount: 0,
    };
    this.#byId.set(handshake.localId.key, halfOpen);
    this.#byClient.set(clientKey, halfOpen);
    return halfOpen;
  }

  /** Destroys its keys and forgets it. */
  abandon(halfOpen: HalfOpen): void {
    halfOpen.handshake.destroy();
    this.forget(halfOpen);
  }

  /** Forgets one whose keys somebody else has now. */
  forget(halfOpen: HalfOpen): void {
    this.#byId.delete(halfOpen.handshake.localId.key);
    this.#byClient.delete(halfOpen.clientKey);
  }

  /** The oldest goes: an honest client needs one round trip, and has had the longest time for it. */
  #makeRoom(): void {
    if (this.#byId.size < MAX_HALF_OPEN) return;
    for (const oldest of this.#byId.values()) {
      this.abandon(oldest);
      return;
    }
  }
}
