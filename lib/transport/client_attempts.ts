/**
 * The client's side of connecting: attempts, what the server answers, and when to give up.
 *
 * Whatever comes before the REPLY opens is a hint that anyone on the way could have written. A hint is
 * believed only when nothing better follows it within a short grace.
 *
 * @module
 */
import { type Entropy, HandshakeError, type Identity } from "../crypto/mod.ts";
import { type ConnectionId, readU32 } from "../wire/connection_id.ts";
import { LONG_HEADER_BYTES, type LongHeader, VERSION } from "../wire/packet_header.ts";
import type { TransportParameters } from "../wire/transport_parameters.ts";
import { isLoopbackHost } from "./address_filter.ts";
import { HANDSHAKE_RETRY_MS } from "./constants.ts";
import { ClientHandshake, type HandshakeResult } from "./handshake.ts";
import { type Address, isSameAddress } from "./path.ts";
import type { ConnectionEnd } from "./transport_error.ts";

/** A connection that we are trying to make. */
export interface ConnectAttempt {
  /** Where to. */
  readonly address: Address;
}

/** How an attempt ended that failed. */
export interface FailedAttempt {
  /** The attempt. */
  readonly attempt: ConnectAttempt;
  /** Why. */
  readonly end: ConnectionEnd;
}

/** How an attempt ended that succeeded. */
export interface SucceededAttempt {
  /** The attempt. */
  readonly attempt: ConnectAttempt;
  /** The FINISH that the server waits for. */
  readonly finish: Uint8Array;
  /** What was agreed on. */
  readonly result: HandshakeResult;
}

/** What handshakes are made from. */
export interface AttemptOptions {
  /** Long-term key pair. */
  readonly identity: Identity;
  /** Source of keys and connection IDs. */
  readonly entropy: Entropy;
  /** Our transport parameters. */
  readonly parameters: () => TransportParameters;
}

/** RETRY packets that one attempt follows: a forged one must not use up the only chance. */
const MAX_RETRIES = 3;
/** Longest token that a client carries. */
const MAX_TOKEN_BYTES = 256;
/** A genuine REPLY follows a forged hint within a round trip and this: the time to ask once more. */
const HINT_GRACE_MS = HANDSHAKE_RETRY_MS + 150;
const NO_TOKEN = new Uint8Array(0);

interface Attempt extends ConnectAttempt {
  /** Newest first. The older ones' INITIALs may still be answered. */
  readonly handshakes: ClientHandshake[];
  readonly method: number;
  readonly psk: Uint8Array;
  sentCount: number;
  sentAtMs: number;
  resendAtMs: number;
  giveUpAtMs: number;
  /** Said without proof that it is the server's word; counts only when nothing better comes. */
  hint: ConnectionEnd | null;
}

/** All attempts of one endpoint. */
export class ClientAttempts {
  readonly #options: AttemptOptions;
  readonly #attempts = new Map<number, Attempt>();

  /** Makes a set without attempts. */
  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Begins an attempt; its INITIAL is due at once. */
  begin(
    address: Address,
    proof: { method: number; psk: Uint8Array },
    time: { nowMs: number; timeoutMs: number },
  ): ConnectAttempt {
    const { method, psk } = proof;
    const handshake = this.#handshake({ method, psk, token: NO_TOKEN });
    const attempt: Attempt = {
      address,
      handshakes: [handshake],
      method,
      psk,
      sentCount: 0,
      sentAtMs: time.nowMs,
      resendAtMs: time.nowMs,
      giveUpAtMs: time.nowMs + time.timeoutMs,
      hint: null,
    };
    this.#attempts.set(handshake.localId.key, attempt);
    return attempt;
  }

  /** Takes a REPLY. Returns the success, or null when it answers nothing or does not open. */
  handleReply(packet: Uint8Array, header: LongHeader, nowMs: number): SucceededAttempt | null {
    const attempt = this.#find(header.destination);
    if (attempt === undefined || header.version !== VERSION) return null;
    const payload = packet.subarray(LONG_HEADER_BYTES);
    const parameters = this.#options.parameters();
    let failure = "";
    for (const [age, handshake] of attempt.handshakes.entries()) {
      try {
        const { finish, result } = handshake.onReply(payload, header.source, parameters);
        this.#attempts.delete(handshake.localId.key);
        const leastRttMs = nowMs - attempt.sentAtMs;
        const rttMs = age === 0 && attempt.sentCount === 1 ? leastRttMs : NaN;
        return { attempt, finish, result: { ...result, rttMs, leastRttMs } };
      } catch (error) {
        if (!(error instanceof HandshakeError)) throw error;
        failure = error.message;
      }
    }
    // Not from the server that we reached, or another key: the genuine reply may still come.
    attempt.hint ??= { kind: "handshake-failed", code: 0, reason: failure };
    return null;
  }

  /** Takes a RETRY: the INITIAL goes again, with the server's token and a fresh key. RFC 9000 §8.1.2. */
  handleRetry(packet: Uint8Array, header: LongHeader, from: Address, nowMs: number): void {
    const attempt = this.#find(header.destination);
    if (attempt === undefined || header.version !== VERSION) return;
    const token = packet.slice(LONG_HEADER_BYTES);
    if (token.length === 0 || token.length > MAX_TOKEN_BYTES) return;
    const { method, psk, handshakes } = attempt;
    if (handshakes.length > MAX_RETRIES || !isFrom(from, attempt.address)) return;
    const localId = handshakes[0]!.localId;
    handshakes.unshift(this.#handshake({ method, psk, token, localId }));
    attempt.sentCount = 0;
    attempt.resendAtMs = nowMs;
  }

  /** Takes a refusal or a list of versions: believed after a grace in which a REPLY may prove it wrong. */
  handleHint(packet: Uint8Array, header: LongHeader, from: Address, nowMs: number): void {
    const attempt = this.#find(header.destination);
    if (attempt === undefined || !isFrom(from, attempt.address)) return;
    if (header.type === "version-negotiation") {
      // A server that lists our version would have answered it. RFC 9000 §6.2.
      if (listsOurVersion(packet)) return;
      attempt.hint = { kind: "version-mismatch", code: 0, reason: "" };
    } else {
      attempt.hint = { kind: "refused", code: packet[LONG_HEADER_BYTES] ?? 0, reason: "" };
    }
    // On loopback nobody can forge the server's address who could not do worse.
    const graceMs = isLoopbackHost(from.hostname)
      ? 0
      : HINT_GRACE_MS + Math.max(0, nowMs - attempt.sentAtMs);
    attempt.giveUpAtMs = Math.min(attempt.giveUpAtMs, nowMs + graceMs);
  }

  /** Ends the attempts whose time is over. */
  handleTimeout(nowMs: number): readonly FailedAttempt[] {
    return this.#end(
      (attempt) => nowMs >= attempt.giveUpAtMs,
      { kind: "unreachable", code: 0, reason: "" },
    );
  }

  /** The local network refuses to send to this address. */
  onSendRefused(address: Address): readonly FailedAttempt[] {
    return this.#onSendFailed(address, "send-refused");
  }

  /** The local network takes no packet of the smallest size for this address. */
  onSendTooBig(address: Address): readonly FailedAttempt[] {
    return this.#onSendFailed(address, "path-too-narrow");
  }

  #onSendFailed(
    address: Address,
    kind: "send-refused" | "path-too-narrow",
  ): readonly FailedAttempt[] {
    return this.#end(
      (attempt) => isSameAddress(attempt.address, address),
      { kind, code: 0, reason: "" },
    );
  }

  /** When `handleTimeout` or `poll` has something to do; Infinity when nothing waits. */
  nextDeadlineMs(): number {
    let earliestMs = Infinity;
    for (const attempt of this.#attempts.values()) {
      earliestMs = Math.min(earliestMs, attempt.resendAtMs, attempt.giveUpAtMs);
    }
    return earliestMs;
  }

  /** The next INITIAL that should go out now, or null. */
  poll(nowMs: number): { bytes: Uint8Array; address: Address } | null {
    for (const attempt of this.#attempts.values()) {
      if (nowMs < attempt.resendAtMs) continue;
      attempt.sentAtMs = nowMs;
      attempt.resendAtMs = nowMs + HANDSHAKE_RETRY_MS * Math.min(2, 2 ** attempt.sentCount++);
      return { bytes: attempt.handshakes[0]!.initial, address: attempt.address };
    }
    return null;
  }

  #handshake(
    part: { method: number; psk: Uint8Array; token: Uint8Array; localId?: ConnectionId },
  ): ClientHandshake {
    const { identity, entropy, parameters } = this.#options;
    return new ClientHandshake({ identity, entropy, parameters: parameters(), ...part });
  }

  #find(id: ConnectionId): Attempt | undefined {
    const attempt = this.#attempts.get(id.key);
    if (attempt === undefined) return undefined;
    return attempt.handshakes[0]!.localId.equals(id) ? attempt : undefined;
  }

  #end(isOver: (attempt: Attempt) => boolean, otherwise: ConnectionEnd): readonly FailedAttempt[] {
    const failed: FailedAttempt[] = [];
    for (const [key, attempt] of this.#attempts) {
      if (!isOver(attempt)) continue;
      this.#attempts.delete(key);
      failed.push({ attempt, end: attempt.hint ?? otherwise });
    }
    return failed;
  }
}

/** True when a packet comes from where an attempt goes: no zone is reported of where it comes from. */
function isFrom(from: Address, { hostname, port }: Address): boolean {
  const zoneAt = hostname.indexOf("%");
  return isSameAddress(from, { hostname: zoneAt < 0 ? hostname : hostname.slice(0, zoneAt), port });
}

function listsOurVersion(packet: Uint8Array): boolean {
  for (let at = LONG_HEADER_BYTES; at + 4 <= packet.length; at += 4) {
    if (readU32(packet, at) === VERSION) return true;
  }
  return false;
}
