/**
 * The server's side of connecting: who is answered, with what, and how much it may cost.
 *
 * Nothing here believes a source address before a packet has come back from it. The cheapest check comes
 * first: length, type, version, then, under load, the token; the keys last.
 *
 * @module
 */
import { TruncatedError } from "../bytes/byte_reader.ts";
import { type Entropy, HandshakeError, type Identity } from "../crypto/mod.ts";
import { readU32 } from "../wire/connection_id.ts";
import {
  LONG_HEADER_BYTES,
  type LongHeader,
  MIN_INITIAL_BYTES,
  readLongHeader,
  VERSION,
} from "../wire/packet_header.ts";
import type { TransportParameters } from "../wire/transport_parameters.ts";
import { isUsableSource } from "./address_filter.ts";
import {
  AMPLIFICATION_FACTOR,
  HANDSHAKES_PER_SECOND,
  HANDSHAKES_PER_SOURCE,
  INITIALS_PER_SECOND,
  RETRY_ABOVE_HALF_OPEN,
} from "./constants.ts";
import { type HalfOpen, HalfOpenHandshakes } from "./half_open_handshakes.ts";
import { type HandshakeResult, readInitial, ServerHandshake } from "./handshake.ts";
import { createHandshakeCounters, type HandshakeCounters } from "./handshake_counters.ts";
import type { Address } from "./path.ts";
import { RateGate } from "./rate_gate.ts";
import { SourceGates } from "./source_gates.ts";
import { type AnswerOptions, REFUSAL_CODES, StatelessAnswers } from "./stateless_answers.ts";

/** What the server's handshakes are made from. */
export interface ServerHandshakeOptions extends AnswerOptions {
  /** Long-term key pair. */
  readonly identity: Identity;
  /** Source of keys and connection IDs. */
  readonly entropy: Entropy;
  /** Our transport parameters. */
  readonly parameters: () => TransportParameters;
  /** The secret of each way of proving oneself; null refuses. */
  readonly pskFor: (method: number) => Uint8Array | null;
  /** True when there are too many connections for one more from this host. */
  readonly isFull: (hostname: string) => boolean;
  /** Takes a packet that is to be sent. */
  readonly send: (bytes: Uint8Array, address: Address) => void;
}

/** A client that has proved that it received our REPLY. */
export interface AcceptedClient {
  /** Where it received that REPLY. */
  readonly address: Address;
  /** What was agreed on. */
  readonly result: HandshakeResult;
}

/** FINISH packets that do not open, after which a handshake is forgotten: each costs a key exchange. */
const MAX_BAD_FINISHES = 4;
/** First bytes of a Noise message: the client's fresh key. */
const EPHEMERAL_BYTES = 16;

/** Handshakes with clients, from INITIAL to FINISH. */
export class ServerHandshakes {
  /** What happened so far. */
  readonly counters: HandshakeCounters = createHandshakeCounters();
  readonly #options: ServerHandshakeOptions;
  readonly #answers: StatelessAnswers;
  readonly #halfOpen = new HalfOpenHandshakes();
  readonly #initialGate = new RateGate(INITIALS_PER_SECOND, INITIALS_PER_SECOND / 10);
  readonly #strangerGate = new RateGate(HANDSHAKES_PER_SECOND, RETRY_ABOVE_HALF_OPEN);
  readonly #provenGate = new RateGate(HANDSHAKES_PER_SECOND, RETRY_ABOVE_HALF_OPEN);
  readonly #sourceGates = new SourceGates(HANDSHAKES_PER_SOURCE, RETRY_ABOVE_HALF_OPEN / 2);

  /** Waits for clients. */
  constructor(options: ServerHandshakeOptions) {
    this.#options = options;
    const send = (bytes: Uint8Array, address: Address) => this.#send(bytes, address);
    this.#answers = new StatelessAnswers(options, this.counters, send);
  }

  /** Handshakes that wait for their FINISH. */
  get halfOpenCount(): number {
    return this.#halfOpen.size;
  }

  /** When the oldest handshake is forgotten; Infinity when there is none. */
  get deadlineMs(): number {
    return this.#halfOpen.deadlineMs;
  }

  /** Forgets handshakes that nobody finished. */
  handleTimeout(nowMs: number): void {
    this.#halfOpen.handleTimeout(nowMs);
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
      this.#answers.tellVersions(bytes, start, from, nowMs);
      return;
    }
    this.handleTimeout(nowMs);
    const isFrequent = !this.#initialGate.tryPass(nowMs);
    const isProven = this.#answers.hasToken(bytes, start, from, nowMs);
    if (!isProven && (isFrequent || this.#halfOpen.size >= RETRY_ABOVE_HALF_OPEN)) {
      this.#answers.retry(bytes, start, from, nowMs);
      return;
    }
    this.#begin(bytes.subarray(start, start + packetBytes), { from, isProven, nowMs });
  }

  /** Takes a FINISH. Returns the client that it makes, or null when it finishes nothing. */
  handleFinish(packet: Uint8Array, header: LongHeader, nowMs: number): AcceptedClient | null {
    const halfOpen = this.#halfOpen.ofFinish(header, nowMs);
    if (halfOpen === null) return null;
    try {
      const result = halfOpen.handshake.onFinish(packet.subarray(LONG_HEADER_BYTES));
      this.#halfOpen.forget(halfOpen);
      const leastRttMs = nowMs - halfOpen.repliedAtMs;
      const rttMs = halfOpen.replyCount === 1 ? leastRttMs : NaN;
      // The address that received the REPLY has proved itself, whatever this packet says it came from.
      return { address: halfOpen.address, result: { ...result, rttMs, leastRttMs } };
    } catch (error) {
      // Forged: the genuine FINISH may still come.
      if (!(error instanceof HandshakeError)) throw error;
      if (++halfOpen.badFinishCount >= MAX_BAD_FINISHES) this.#halfOpen.abandon(halfOpen);
      return null;
    }
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
    const known = this.#halfOpen.ofClient(clientKey);
    if (known !== undefined) {
      known.receivedBytes += packet.length;
      this.#reply(known, nowMs);
      return;
    }
    const refuse = (code: number) => this.#answers.refuse(packet, code, from, nowMs);
    if (this.#options.isFull(from.hostname)) {
      refuse(REFUSAL_CODES.full);
      return;
    }
    // Those who have proved their address have a share of their own, which no forger can use up.
    if (!isProven && !this.#strangerGate.tryPass(nowMs)) {
      this.#answers.retry(packet, 0, from, nowMs);
      return;
    }
    // Of that share none of them has more than a part.
    if (
      isProven &&
      !(this.#sourceGates.tryPass(from.hostname, nowMs) && this.#provenGate.tryPass(nowMs))
    ) {
      this.counters.dropped++;
      return;
    }
    try {
      const handshake = this.#answerKeys(packet);
      if (handshake === null) {
        refuse(REFUSAL_CODES.method);
        return;
      }
      const initial = { clientKey, from, packetBytes: packet.length };
      this.#reply(this.#halfOpen.add(handshake, initial, nowMs), nowMs);
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
    const remoteId = readHeader(packet).source;
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
}

/** The header of an INITIAL whose type was checked. */
function readHeader(packet: Uint8Array): LongHeader {
  return readLongHeader(packet, 0)!;
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
  return `${from.hostname} ${from.port} ${readHeader(packet).source} ${key.join(" ")}`;
}
