/**
 * The server's side of connecting: who is answered, with what, and how much it may cost.
 *
 * Nothing here believes a source address before a packet has come back from it. The cheapest check comes
 * first: length, type, version, then, under load, the token; the keys last.
 *
 * @module
 */
import { TruncatedError } from "../bytes/byte_reader.ts";
import {
  type AeadProvider,
  type Entropy,
  HandshakeError,
  type Identity,
  type SuiteName,
} from "../crypto/mod.ts";
import { CONNECTION_ID_BYTES, ConnectionId, readU32, writeU32 } from "../wire/connection_id.ts";
import {
  LONG_HEADER_BYTES,
  type LongHeader,
  type LongPacketType,
  MIN_INITIAL_BYTES,
  readLongHeader,
  VERSION,
  writeLongHeader,
} from "../wire/packet_header.ts";
import type { TransportParameters } from "../wire/transport_parameters.ts";
import { isUsableSource } from "./address_filter.ts";
import {
  AMPLIFICATION_FACTOR,
  ANSWERS_PER_SECOND,
  HALF_OPEN_LIFETIME_MS,
  HANDSHAKES_PER_SECOND,
  INITIALS_PER_SECOND,
  MAX_HALF_OPEN,
  RETRY_ABOVE_HALF_OPEN,
  TOKEN_CHECKS_PER_SECOND,
} from "./constants.ts";
import { type HandshakeResult, readInitial, ServerHandshake } from "./handshake.ts";
import { KnockMemory } from "./knock_memory.ts";
import type { Address } from "./path.ts";
import { RateGate } from "./rate_gate.ts";
import { RETRY_TOKEN_BYTES, RetryTokens } from "./retry_token.ts";

/** What the server's handshakes are made from. */
export interface ServerHandshakeOptions {
  /** Long-term key pair. */
  readonly identity: Identity;
  /** Source of keys and connection IDs. */
  readonly entropy: Entropy;
  /** Our transport parameters. */
  readonly parameters: () => TransportParameters;
  /** The secret of each way of proving oneself; null refuses. */
  readonly pskFor: (method: number) => Uint8Array | null;
  /** Protects tokens. */
  readonly aead: AeadProvider;
  /** Cipher of the tokens. */
  readonly tokenSuite: SuiteName;
  /** Where our socket is bound, when that is known: we do not answer ourselves. */
  readonly ownAddress: Address | undefined;
  /** True when there are too many connections for one more from this host. */
  readonly isFull: (hostname: string) => boolean;
  /** Takes a packet that is to be sent. */
  readonly send: (bytes: Uint8Array, address: Address) => void;
}

/** What has come from strangers and what they were answered, since the start. */
export interface HandshakeCounters {
  /** INITIAL packets. */
  initials: number;
  /** Bytes of packets from addresses not proved. */
  unprovenBytesIn: number;
  /** Bytes of answers to such addresses. */
  unprovenBytesOut: number;
  /** Answers: RETRY packets. */
  retries: number;
  /** Answers: refusals and version lists. */
  refusals: number;
  /** Answers: REPLY packets. */
  replies: number;
  /** Runs of the key exchange. */
  handshakes: number;
  /** INITIALs that were dropped because of their number. */
  dropped: number;
  /** Tokens that were none, too old, or somebody else's. */
  badTokens: number;
}

/** A client that has proved that it received our REPLY. */
export interface AcceptedClient {
  /** Where it received that REPLY. */
  readonly address: Address;
  /** What was agreed on. */
  readonly result: HandshakeResult;
}

/** Why a server refuses, in a packet without protection: a hint, not a fact. */
export const REFUSAL_CODES = { method: 1, proof: 2, full: 3 } as const;

/** FINISH packets that do not open, after which a handshake is forgotten: each costs a key exchange. */
const MAX_BAD_FINISHES = 4;
/** Where an INITIAL has the length of its token: one byte, since ours are shorter than 64. */
const TOKEN_LENGTH_AT = LONG_HEADER_BYTES + 1;
const TOKEN_AT = TOKEN_LENGTH_AT + 1;
/** Where it has the client's connection ID. */
const CLIENT_ID_AT = 5 + CONNECTION_ID_BYTES;
/** First bytes of a Noise message: the client's fresh key. */
const EPHEMERAL_BYTES = 16;

interface HalfOpen {
  readonly handshake: ServerHandshake;
  readonly address: Address;
  /** Tells this INITIAL from others. */
  readonly clientKey: string;
  repliedAtMs: number;
  readonly expiresAtMs: number;
  receivedBytes: number;
  sentBytes: number;
  replyCount: number;
  badFinishCount: number;
}

/** Handshakes with clients, from INITIAL to FINISH. */
export class ServerHandshakes {
  /** What happened so far. */
  readonly counters: HandshakeCounters = {
    initials: 0,
    unprovenBytesIn: 0,
    unprovenBytesOut: 0,
    retries: 0,
    refusals: 0,
    replies: 0,
    handshakes: 0,
    dropped: 0,
    badTokens: 0,
  };
  readonly #options: ServerHandshakeOptions;
  readonly #tokens: RetryTokens;
  /** By our connection ID, oldest first. */
  readonly #halfOpen = new Map<number, HalfOpen>();
  readonly #byClient = new Map<string, HalfOpen>();
  readonly #initialGate = new RateGate(INITIALS_PER_SECOND, INITIALS_PER_SECOND / 10);
  readonly #tokenGate = new RateGate(TOKEN_CHECKS_PER_SECOND, TOKEN_CHECKS_PER_SECOND / 10);
  readonly #answerGate = new RateGate(ANSWERS_PER_SECOND, ANSWERS_PER_SECOND / 10);
  readonly #strangerGate = new RateGate(HANDSHAKES_PER_SECOND, RETRY_ABOVE_HALF_OPEN);
  readonly #provenGate = new RateGate(HANDSHAKES_PER_SECOND, RETRY_ABOVE_HALF_OPEN);

  readonly #repeatedGate = new RateGate(ANSWERS_PER_SECOND, ANSWERS_PER_SECOND / 10);
  readonly #knocks: KnockMemory;

  /** Waits for clients. */
  constructor(options: ServerHandshakeOptions) {
    this.#options = options;
    this.#knocks = new KnockMemory(options.entropy);
    this.#tokens = new RetryTokens({
      aead: options.aead,
      suite: options.tokenSuite,
      entropy: options.entropy,
    });
  }

  /** Handshakes that wait for their FINISH. */
  get halfOpenCount(): number {
    return this.#halfOpen.size;
  }

  /** When the oldest handshake is forgotten; Infinity when there is none. */
  get deadlineMs(): number {
    for (const halfOpen of this.#halfOpen.values()) return halfOpen.expiresAtMs;
    return Infinity;
  }

  /** Forgets handshakes that nobody finished. */
  handleTimeout(nowMs: number): void {
    for (const halfOpen of this.#halfOpen.values()) {
      if (halfOpen.expiresAtMs > nowMs) return;
      this.#abandon(halfOpen);
    }
  }

  /**
   * Takes the INITIAL at `bytes[start, start + packetBytes)`. Under a flood it ends before anything is
   * allocated.
   */
  handleInitial(
    bytes: Uint8Array,
    packet: { start: number; packetBytes: number },
    from: Address,
    nowMs: number,
  ): void {
    const { counters } = this;
    const { start, packetBytes } = packet;
    counters.initials++;
    counters.unprovenBytesIn += packetBytes;
    // Nothing shorter is answered, so that no answer is larger than its question. RFC 9000 §8.1.
    if (packetBytes < MIN_INITIAL_BYTES) return;
    if (readU32(bytes, start + 1) !== VERSION) {
      this.#answer(bytes, start, from, {
        type: "version-negotiation",
        payload: OUR_VERSIONS,
        nowMs,
      });
      return;
    }
    this.handleTimeout(nowMs);
    const isFrequent = !this.#initialGate.tryPass(nowMs);
    const isProven = this.#hasToken(bytes, start, from, nowMs);
    if (!isProven && (isFrequent || this.#halfOpen.size >= RETRY_ABOVE_HALF_OPEN)) {
      this.#retry(bytes, start, from, nowMs);
      return;
    }
    this.#begin(bytes.subarray(start, start + packetBytes), { from, isProven, nowMs });
  }

  /** Takes a FINISH. Returns the client that it makes, or null when it finishes nothing. */
  handleFinish(packet: Uint8Array, header: LongHeader, nowMs: number): AcceptedClient | null {
    const halfOpen = this.#halfOpen.get(header.destination.key);
    if (halfOpen === undefined || halfOpen.expiresAtMs <= nowMs) return null;
    if (!halfOpen.handshake.localId.equals(header.destination)) return null;
    if (!halfOpen.handshake.remoteId.equals(header.source)) return null;
    try {
      const result = halfOpen.handshake.onFinish(packet.subarray(LONG_HEADER_BYTES));
      this.#forget(halfOpen);
      const leastRttMs = nowMs - halfOpen.repliedAtMs;
      const rttMs = halfOpen.replyCount === 1 ? leastRttMs : NaN;
      // The address that received the REPLY has proved itself, whatever this packet says it came from.
      return { address: halfOpen.address, result: { ...result, rttMs, leastRttMs } };
    } catch (error) {
      // Forged: the genuine FINISH may still come.
      if (!(error instanceof HandshakeError)) throw error;
      if (++halfOpen.badFinishCount >= MAX_BAD_FINISHES) this.#abandon(halfOpen);
      return null;
    }
  }

  #hasToken(bytes: Uint8Array, start: number, from: Address, nowMs: number): boolean {
    if (bytes[start + TOKEN_LENGTH_AT] !== RETRY_TOKEN_BYTES) return false;
    if (!this.#tokenGate.tryPass(nowMs)) return false;
    const tokenAt = start + TOKEN_AT;
    if (this.#tokens.isValid(bytes, { start, tokenAt }, from, nowMs)) return true;
    this.counters.badTokens++;
    return false;
  }

  #retry(bytes: Uint8Array, start: number, from: Address, nowMs: number): void {
    // Who knocks again is more likely real: forgers cannot use up the answers that are kept for them.
    const isRepeated = this.#knocks.isRepeated(bytes, start + CLIENT_ID_AT, nowMs);
    if (!(isRepeated && this.#repeatedGate.tryPass(nowMs)) && !this.#answerGate.tryPass(nowMs)) {
      this.counters.dropped++;
      return;
    }
    if (!isUsableSource(from, this.#options.ownAddress)) return;
    const token = this.#tokens.create(bytes, start, from, nowMs);
    if (token === null) return;
    this.counters.retries++;
    this.#sendAnswer(readHeader(bytes, start), from, "retry", token);
  }

  #answer(
    bytes: Uint8Array,
    start: number,
    from: Address,
    answer: { type: "version-negotiation" | "refusal"; payload: Uint8Array; nowMs: number },
  ): void {
    if (!this.#answerGate.tryPass(answer.nowMs)) {
      this.counters.dropped++;
      return;
    }
    if (!isUsableSource(from, this.#options.ownAddress)) return;
    this.counters.refusals++;
    this.#sendAnswer(readHeader(bytes, start), from, answer.type, answer.payload);
  }

  #sendAnswer(
    header: LongHeader,
    to: Address,
    type: LongPacketType,
    payload: Uint8Array,
  ): void {
    const packetBytes = LONG_HEADER_BYTES + payload.length;
    const bytes = new Uint8Array(packetBytes);
    const version = type === "version-negotiation" ? 0 : VERSION;
    const source = new ConnectionId(0, 0);
    writeLongHeader(bytes, 0, { type, version, destination: header.source, source, packetBytes });
    bytes.set(payload, LONG_HEADER_BYTES);
    this.#send(bytes, { hostname: to.hostname, port: to.port });
  }

  #send(bytes: Uint8Array, address: Address): void {
    this.counters.unprovenBytesOut += bytes.length;
    this.#options.send(bytes, address);
  }

  // ── With state and keys ────────────────────────────────────────────────────────────────────────

  #begin(
    packet: Uint8Array,
    context: { from: Address; isProven: boolean; nowMs: number },
  ): void {
    const { from, isProven, nowMs } = context;
    if (!isUsableSource(from, this.#options.ownAddress)) return;
    const clientKey = clientKeyOf(packet, from);
    if (clientKey === null) return;
    const known = this.#byClient.get(clientKey);
    if (known !== undefined) {
      known.receivedBytes += packet.length;
      this.#reply(known, nowMs);
      return;
    }
    const refuse = (code: number) => {
      this.#answer(packet, 0, from, { type: "refusal", payload: Uint8Array.of(code), nowMs });
    };
    if (this.#options.isFull(from.hostname)) {
      refuse(REFUSAL_CODES.full);
      return;
    }
    // Those who have proved their address have a share of their own, which no forger can use up.
    if (!isProven && !this.#strangerGate.tryPass(nowMs)) {
      this.#retry(packet, 0, from, nowMs);
      return;
    }
    if (isProven && !this.#provenGate.tryPass(nowMs)) {
      this.counters.dropped++;
      return;
    }
    try {
      const handshake = this.#answerKeys(packet);
      if (handshake === null) {
        refuse(REFUSAL_CODES.method);
        return;
      }
      this.#makeRoom();
      const halfOpen: HalfOpen = {
        handshake,
        address: { hostname: from.hostname, port: from.port },
        clientKey,
        repliedAtMs: NaN,
        expiresAtMs: nowMs + HALF_OPEN_LIFETIME_MS,
        receivedBytes: packet.length,
        sentBytes: 0,
        replyCount: 0,
        badFinishCount: 0,
      };
      this.#halfOpen.set(handshake.localId.key, halfOpen);
      this.#byClient.set(clientKey, halfOpen);
      this.#reply(halfOpen, nowMs);
    } catch (error) {
      if (error instanceof TruncatedError) return;
      if (!(error instanceof HandshakeError)) throw error;
      refuse(REFUSAL_CODES.proof);
    }
  }

  /** Runs the key exchange; null when this way of proving oneself is not wanted. */
  #answerKeys(packet: Uint8Array): ServerHandshake | null {
    const { identity, entropy, parameters, pskFor } = this.#options;
    const request = readInitial(packet);
    const psk = pskFor(request.method);
    if (psk === null) return null;
    this.counters.handshakes++;
    const remoteId = readHeader(packet, 0).source;
    return new ServerHandshake({
      identity,
      entropy,
      parameters: parameters(),
      psk,
      request,
      remoteId,
    });
  }

  /** The REPLY goes out, again if need be, while it is within what its address has paid for. */
  #reply(halfOpen: HalfOpen, nowMs: number): void {
    const { reply } = halfOpen.handshake;
    const allowedBytes = AMPLIFICATION_FACTOR * halfOpen.receivedBytes;
    if (halfOpen.sentBytes + reply.length > allowedBytes) return;
    halfOpen.sentBytes += reply.length;
    halfOpen.repliedAtMs = nowMs;
    halfOpen.replyCount++;
    this.counters.replies++;
    this.#send(reply, halfOpen.address);
  }

  /** The oldest goes: an honest client needs one round trip, and has had the longest time for it. */
  #makeRoom(): void {
    if (this.#halfOpen.size < MAX_HALF_OPEN) return;
    for (const oldest of this.#halfOpen.values()) {
      this.#abandon(oldest);
      return;
    }
  }

  #abandon(halfOpen: HalfOpen): void {
    halfOpen.handshake.destroy();
    this.#forget(halfOpen);
  }

  #forget(halfOpen: HalfOpen): void {
    this.#halfOpen.delete(halfOpen.handshake.localId.key);
    this.#byClient.delete(halfOpen.clientKey);
  }
}

const OUR_VERSIONS = new Uint8Array(4);
writeU32(OUR_VERSIONS, 0, VERSION);

/** The header of an INITIAL whose type was checked. */
function readHeader(bytes: Uint8Array, start: number): LongHeader {
  return readLongHeader(bytes, start)!;
}

/**
 * What tells one INITIAL from every other: address, connection ID and the Noise message's fresh key.
 * So nobody can take a client's place by repeating its connection ID. Null when it is malformed.
 */
function clientKeyOf(packet: Uint8Array, from: Address): string | null {
  let message: Uint8Array;
  try {
    message = readInitial(packet).message;
  } catch (error) {
    if (error instanceof TruncatedError) return null;
    throw error;
  }
  const key = message.subarray(0, EPHEMERAL_BYTES);
  return `${from.hostname} ${from.port} ${readHeader(packet, 0).source} ${key.join(" ")}`;
}
