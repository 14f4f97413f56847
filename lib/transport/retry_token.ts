/**
 * Tokens of RETRY packets: proof that a client receives at its address, without remembering the client.
 * RFC 9000 §8.1.2 and §8.1.4.
 *
 * ```
 *  0 u8   generation of the key
 *  1 u48  sequence: the nonce
 *  7 u48  when it was made, ms
 * 13      tag over time, connection ID, port and address
 * ```
 * The tag is that of the packet cipher with nothing to encrypt: with libcrypto it is checked in 1 µs,
 * where an HMAC takes 8 µs.
 *
 * @module
 */
import {
  type AeadKey,
  type AeadProvider,
  type Entropy,
  NONCE_BYTES,
  type SuiteName,
  SUITES,
  TAG_BYTES,
} from "../crypto/mod.ts";
import { CONNECTION_ID_BYTES } from "../wire/connection_id.ts";
import type { Address } from "./path.ts";

/** Length of every token. */
export const RETRY_TOKEN_BYTES = 13 + TAG_BYTES;
/** A token is good for this long. */
export const RETRY_TOKEN_LIFE_MS = 10_000;
/** A new key after this long; the one before stays for the tokens that it made. */
const KEY_LIFE_MS = 60_000;

const SEQUENCE_AT = 1;
const ISSUED_AT = 7;
const TAG_AT = 13;
/** Longest address text: IPv6 with an embedded IPv4 address and a zone. */
const MAX_HOSTNAME_BYTES = 80;
/** Time, connection ID and port in front of the address. */
const CLAIM_HEAD_BYTES = 6 + CONNECTION_ID_BYTES + 2;

interface KeyGeneration {
  readonly number: number;
  readonly key: AeadKey;
  readonly madeAtMs: number;
  sequence: number;
}

/** Makes and checks tokens; keeps two keys and nothing else. */
export class RetryTokens {
  readonly #aead: AeadProvider;
  readonly #suite: SuiteName;
  readonly #entropy: Entropy;
  readonly #claim = new Uint8Array(CLAIM_HEAD_BYTES + MAX_HOSTNAME_BYTES + TAG_BYTES);
  #current: KeyGeneration | null = null;
  #previous: KeyGeneration | null = null;

  /** Makes no key before the first token. */
  constructor(options: { aead: AeadProvider; suite: SuiteName; entropy: Entropy }) {
    this.#aead = options.aead;
    this.#suite = options.suite;
    this.#entropy = options.entropy;
  }

  /** A token for the client whose INITIAL begins at `bytes[start]`, or null for an address without text. */
  create(bytes: Uint8Array, start: number, from: Address, nowMs: number): Uint8Array | null {
    const generation = this.#generationAt(nowMs);
    const token = new Uint8Array(RETRY_TOKEN_BYTES);
    const sequence = generation.sequence++;
    token[0] = generation.number;
    writeU48(token, SEQUENCE_AT, sequence);
    writeU48(token, ISSUED_AT, Math.floor(nowMs));
    const claimBytes = this.#fillClaim(token, ISSUED_AT, bytes, start, from);
    if (claimBytes === 0) return null;
    generation.key.seal(this.#claim, 0, claimBytes, 0, sequence);
    token.set(this.#claim.subarray(claimBytes, claimBytes + TAG_BYTES), TAG_AT);
    return token;
  }

  /**
   * True when `bytes[tokenAt, tokenAt + RETRY_TOKEN_BYTES)` is a token that was made here, not long ago,
   * for the INITIAL that begins at `bytes[start]` and came from this address.
   */
  isValid(
    bytes: Uint8Array,
    packet: { start: number; tokenAt: number },
    from: Address,
    nowMs: number,
  ): boolean {
    const { start, tokenAt } = packet;
    const generation = this.#find(bytes[tokenAt]!);
    if (generation === null) return false;
    const ageMs = Math.floor(nowMs) - readU48(bytes, tokenAt + ISSUED_AT);
    const sequence = readU48(bytes, tokenAt + SEQUENCE_AT);
    if (ageMs < 0 || ageMs > RETRY_TOKEN_LIFE_MS || sequence >= generation.sequence) return false;
    const claimBytes = this.#fillClaim(bytes, tokenAt + ISSUED_AT, bytes, start, from);
    if (claimBytes === 0) return false;
    for (let i = 0; i < TAG_BYTES; i++) this.#claim[claimBytes + i] = bytes[tokenAt + TAG_AT + i]!;
    return generation.key.open(this.#claim, 0, claimBytes, TAG_BYTES, sequence);
  }

  /** Writes what a token vouches for; returns its length, 0 when the address is no address. */
  #fillClaim(
    token: Uint8Array,
    issuedAt: number,
    bytes: Uint8Array,
    start: number,
    from: Address,
  ): number {
    const claim = this.#claim;
    const { hostname, port } = from;
    if (hostname.length > MAX_HOSTNAME_BYTES) return 0;
    for (let i = 0; i < 6; i++) claim[i] = token[issuedAt + i]!;
    // The client's own connection ID: the second one in a long header.
    const idAt = start + 5 + CONNECTION_ID_BYTES;
    for (let i = 0; i < CONNECTION_ID_BYTES; i++) claim[6 + i] = bytes[idAt + i]!;
    claim[14] = port >>> 8;
    claim[15] = port;
    for (let i = 0; i < hostname.length; i++) claim[CLAIM_HEAD_BYTES + i] = hostname.charCodeAt(i);
    return CLAIM_HEAD_BYTES + hostname.length;
  }

  #find(number: number): KeyGeneration | null {
    if (this.#current?.number === number) return this.#current;
    return this.#previous?.number === number ? this.#previous : null;
  }

  #generationAt(nowMs: number): KeyGeneration {
    const current = this.#current;
    if (current !== null && nowMs - current.madeAtMs < KEY_LIFE_MS) return current;
    const secret = new Uint8Array(SUITES[this.#suite].keyBytes + NONCE_BYTES);
    this.#entropy.fill(secret);
    const iv = secret.subarray(0, NONCE_BYTES);
    const key = this.#aead.createKey(this.#suite, secret.subarray(NONCE_BYTES), iv);
    secret.fill(0);
    this.#previous?.key.destroy();
    this.#previous = current;
    const number = current === null ? 0 : (current.number + 1) & 0xff;
    this.#current = { number, key, madeAtMs: nowMs, sequence: 0 };
    return this.#current;
  }
}

function readU48(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 8) | bytes[at + 1]!;
  const low = ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) |
    bytes[at + 5]!) >>> 0;
  return high * 0x1_0000_0000 + low;
}

function writeU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = value >>> 24;
  bytes[at + 3] = value >>> 16;
  bytes[at + 4] = value >>> 8;
  bytes[at + 5] = value;
}
