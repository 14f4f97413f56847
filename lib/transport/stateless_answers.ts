/**
 * Answers to strangers of whom nothing is remembered: RETRY with a token, refusals, our versions.
 *
 * There are only so many a second, and each costs little more than its own bytes.
 *
 * @module
 */
import type { AeadProvider, Entropy, SuiteName } from "../crypto/mod.ts";
import { CONNECTION_ID_BYTES, ConnectionId, writeU32 } from "../wire/connection_id.ts";
import {
  LONG_HEADER_BYTES,
  type LongPacketType,
  readLongHeader,
  VERSION,
  writeLongHeader,
} from "../wire/packet_header.ts";
import { isUsableSource } from "./address_filter.ts";
import { ANSWERS_PER_SECOND, TOKEN_CHECKS_PER_SECOND } from "./constants.ts";
import type { HandshakeCounters } from "./handshake_counters.ts";
import { KnockMemory } from "./knock_memory.ts";
import type { Address } from "./path.ts";
import { RateGate } from "./rate_gate.ts";
import { RETRY_TOKEN_BYTES, RetryTokens } from "./retry_token.ts";

/** Why a server refuses, in a packet without protection: a hint, not a fact. */
export const REFUSAL_CODES = { method: 1, proof: 2, full: 3 } as const;

/** What the answers are made from. */
export interface AnswerOptions {
  /** Source of the tokens' keys. */
  readonly entropy: Entropy;
  /** Protects tokens. */
  readonly aead: AeadProvider;
  /** Cipher of the tokens. */
  readonly tokenSuite: SuiteName;
  /** Where our socket is bound, when that is known: we do not answer ourselves. */
  readonly ownAddress: Address | undefined;
}

/** Where an INITIAL has the length of its token: one byte, since ours are shorter than 64. */
const TOKEN_LENGTH_AT = LONG_HEADER_BYTES + 1;
const TOKEN_AT = TOKEN_LENGTH_AT + 1;
/** Where it has the client's connection ID. */
const CLIENT_ID_AT = 5 + CONNECTION_ID_BYTES;

/**
 * Answers INITIALs. Each of them, at `bytes[start…]`, has been found long enough; nothing is kept of it.
 */
export class StatelessAnswers {
  readonly #options: AnswerOptions;
  readonly #counters: HandshakeCounters;
  readonly #send: (bytes: Uint8Array, address: Address) => void;
  readonly #tokens: RetryTokens;
  readonly #knocks: KnockMemory;
  readonly #tokenGate = new RateGate(TOKEN_CHECKS_PER_SECOND, TOKEN_CHECKS_PER_SECOND / 10);
  readonly #answerGate = new RateGate(ANSWERS_PER_SECOND, ANSWERS_PER_SECOND / 10);
  readonly #repeatedGate = new RateGate(ANSWERS_PER_SECOND, ANSWERS_PER_SECOND / 10);

  /** Counts in `counters`; what is to be sent goes to `send`. */
  constructor(
    options: AnswerOptions,
    counters: HandshakeCounters,
    send: (bytes: Uint8Array, address: Address) => void,
  ) {
    this.#options = options;
    this.#counters = counters;
    this.#send = send;
    this.#knocks = new KnockMemory(options.entropy);
    this.#tokens = new RetryTokens({
      aead: options.aead,
      suite: options.tokenSuite,
      entropy: options.entropy,
    });
  }

  /** Whether an INITIAL carries a token that we gave to this address. */
  hasToken(bytes: Uint8Array, start: number, from: Address, nowMs: number): boolean {
    if (bytes[start + TOKEN_LENGTH_AT] !== RETRY_TOKEN_BYTES) return false;
    if (!this.#tokenGate.tryPass(nowMs)) return false;
    const tokenAt = start + TOKEN_AT;
    if (this.#tokens.isValid(bytes, { start, tokenAt }, from, nowMs)) return true;
    this.#counters.badTokens++;
    return false;
  }

  /** Asks for a token first. */
  retry(bytes: Uint8Array, start: number, from: Address, nowMs: number): void {
    // Who knocks again is more likely real: forgers cannot use up the answers that are kept for them.
    const isRepeated = this.#knocks.isRepeated(bytes, start + CLIENT_ID_AT, nowMs);
    if (!(isRepeated && this.#repeatedGate.tryPass(nowMs)) && !this.#answerGate.tryPass(nowMs)) {
      this.#counters.dropped++;
      return;
    }
    if (!isUsableSource(from, this.#options.ownAddress)) return;
    const token = this.#tokens.create(bytes, start, from, nowMs);
    if (token === null) return;
    this.#counters.retries++;
    this.#answer(bytes, start, from, { type: "retry", payload: token });
  }

  /** Tells which versions we speak. */
  tellVersions(bytes: Uint8Array, start: number, from: Address, nowMs: number): void {
    if (!this.#mayRefuse(from, nowMs)) return;
    this.#answer(bytes, start, from, { type: "version-negotiation", payload: OUR_VERSIONS });
  }

  /** Refuses the INITIAL that is the whole of `packet`, with one of {@linkcode REFUSAL_CODES}. */
  refuse(packet: Uint8Array, code: number, from: Address, nowMs: number): void {
    if (!this.#mayRefuse(from, nowMs)) return;
    this.#answer(packet, 0, from, { type: "refusal", payload: Uint8Array.of(code) });
  }

  #mayRefuse(from: Address, nowMs: number): boolean {
    if (!this.#answerGate.tryPass(nowMs)) {
      this.#counters.dropped++;
      return false;
    }
    if (!isUsableSource(from, this.#options.ownAddress)) return false;
    this.#counters.refusals++;
    return true;
  }

  #answer(
    question: Uint8Array,
    start: number,
    to: Address,
    { type, payload }: { type: LongPacketType; payload: Uint8Array },
  ): void {
    // Its type was checked.
    const destination = readLongHeader(question, start)!.source;
    const packetBytes = LONG_HEADER_BYTES + payload.length;
    const bytes = new Uint8Array(packetBytes);
    const version = type === "version-negotiation" ? 0 : VERSION;
    const source = new ConnectionId(0, 0);
    writeLongHeader(bytes, 0, { type, version, destination, source, packetBytes });
    bytes.set(payload, LONG_HEADER_BYTES);
    this.#send(bytes, { hostname: to.hostname, port: to.port });
  }
}

const OUR_VERSIONS = new Uint8Array(4);
writeU32(OUR_VERSIONS, 0, VERSION);
