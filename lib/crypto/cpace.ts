/**
 * CPace: two sides find out whether they know the same code, and nobody else learns anything that a
 * code could be tried against later (draft-irtf-cfrg-cpace-21, suite CPACE-RISTR255-SHA512, initiator
 * and responder, with the key confirmation of §10.4).
 *
 * One run is one guess for whoever does not know the code. The password goes into the generator, so
 * what is sent is a uniformly random element whatever the password; the tags that confirm can only be
 * made with the shared secret.
 *
 * CPace and not OPAQUE: both sides hold the same short-lived code, so there is no password file for
 * OPAQUE's asymmetry to protect. `@serenity-kit/opaque` works too, but needs a registration with
 * Argon2 (300 ms) at every start of the server and 60 ms to load; it hides its random numbers, so
 * no published vector can be checked through it. This file is short, takes its randomness from
 * outside and agrees with the draft's vectors.
 *
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { constantTimeEqual } from "./constant_time.ts";
import type { Entropy } from "./entropy.ts";
import { plainBytes } from "./hash.ts";
import type { Ristretto255 } from "./ristretto255.ts";

/** Length of a share: an encoded element. */
export const CPACE_SHARE_BYTES = 32;
/** Length of a confirmation tag: HMAC-SHA-512. */
export const CPACE_TAG_BYTES = 64;

/** An element of the group. */
export interface RistrettoPoint {
  /** The neutral element: a product that does not depend on our scalar. */
  readonly isIdentity: boolean;
  /** `scalar` times this element; the scalar is from 1 to the order of the group less 1. */
  multiply(scalar: bigint): RistrettoPoint;
  /** The 32-byte encoding. */
  encode(): Uint8Array;
}

/** What both sides must agree on for a run to succeed. */
export interface CpaceOptions {
  /** The group. */
  readonly group: Ristretto255;
  /** Who we are in this run: the initiator sends its share first. */
  readonly role: "initiator" | "responder";
  /** The code, PRS in the draft. */
  readonly password: Uint8Array;
  /** What the run is about, CI in the draft. */
  readonly channel: Uint8Array;
  /** Never the same twice, sid in the draft: the hash of the connection's handshake. */
  readonly sessionId: Uint8Array;
  /** Who the initiator is, ADa in the draft. */
  readonly initiator: Uint8Array;
  /** Who the responder is, ADb in the draft. */
  readonly responder: Uint8Array;
  /** Source of our scalar. */
  readonly entropy: Entropy;
}

/** What a finished run gives; it proves nothing before the peer's tag was checked. */
export interface CpaceKeys {
  /** The tag that proves us to the peer, {@linkcode CPACE_TAG_BYTES} bytes. */
  readonly ownTag: Uint8Array;
  /** Whether the peer has proved itself by this tag. */
  isPeerTag(tag: Uint8Array): boolean;
  /** Intermediate session key, ISK in the draft, 64 bytes. */
  readonly sessionKey: Uint8Array;
}

/** One side of one run. */
export class Cpace {
  /** Our share, to be sent to the peer. */
  readonly share: Uint8Array;
  readonly #options: CpaceOptions;
  #scalar: bigint;

  /** Draws a scalar and makes our share. */
  constructor(options: CpaceOptions) {
    this.#options = options;
    const { group, password, channel, sessionId } = options;
    const uniform = sha512(generatorString(password, channel, sessionId));
    this.#scalar = drawScalar(options.entropy);
    this.share = group.derive(uniform).multiply(this.#scalar).encode();
  }

  /**
   * Takes the peer's share; null when it is no element that an honest peer would send. Call once: the
   * scalar is forgotten.
   */
  finish(peerShare: Uint8Array): CpaceKeys | null {
    const { group, role, sessionId, initiator, responder } = this.#options;
    const scalar = this.#scalar;
    this.#scalar = 0n;
    if (scalar === 0n || peerShare.length !== CPACE_SHARE_BYTES) return null;
    // Our own share sent back would prove us to ourselves.
    if (constantTimeEqual(peerShare, this.share)) return null;
    const secret = group.decode(peerShare);
    if (secret === null || secret.isIdentity) return null;
    const shared = secret.multiply(scalar).encode();
    const isInitiator = role === "initiator";
    const own = lengthValues(this.share, isInitiator ? initiator : responder);
    const peer = lengthValues(peerShare, isInitiator ? responder : initiator);
    const transcript = isInitiator ? [own, peer] : [peer, own];
    const sessionKey = sha512(lengthValues(ISK_DSI, sessionId, shared), ...transcript);
    shared.fill(0);
    const macKey = sha512(MAC_LABEL, sessionId, sessionKey);
    return {
      sessionKey,
      ownTag: hmacSha512(macKey, own),
      isPeerTag: (tag) =>
        tag.length === CPACE_TAG_BYTES && constantTimeEqual(tag, hmacSha512(macKey, peer)),
    };
  }
}

const encoder = new TextEncoder();
const DSI = encoder.encode("CPaceRistretto255");
const ISK_DSI = encoder.encode("CPaceRistretto255_ISK");
const MAC_LABEL = encoder.encode("CPaceMac");
/** Input block of SHA-512: the code and its padding fill the first one, whatever the code's length. */
const BLOCK_BYTES = 128;
const SCALAR_BYTES = 32;
/** Bits of a scalar; the order of the group is a little above 2^252. */
const SCALAR_BITS = 252;

/** generator_string of §8.1. Exported for the vectors. */
export function generatorString(
  password: Uint8Array,
  channel: Uint8Array,
  sessionId: Uint8Array,
): Uint8Array {
  const prefix = lengthValues(password).length + lengthValues(DSI).length;
  const padding = new Uint8Array(Math.max(0, BLOCK_BYTES - prefix - 1));
  return lengthValues(DSI, password, padding, channel, sessionId);
}

/** lv_cat of §6.3: each part with its length in front, in LEB128. */
function lengthValues(...parts: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(256);
  for (const part of parts) {
    let length = part.length;
    for (; length > 0x7f; length >>>= 7) writer.u8((length & 0x7f) | 0x80);
    writer.u8(length).bytes(part);
  }
  return writer.finish();
}

/** sample_scalar of §8.3: uniform bits, little-endian. Zero has a chance of 2^-252. */
function drawScalar(entropy: Entropy): bigint {
  const bytes = new Uint8Array(SCALAR_BYTES);
  for (;;) {
    entropy.fill(bytes);
    const scalar = BigInt.asUintN(SCALAR_BITS, BigInt(`0x${bytes.reverse().toHex()}`));
    bytes.fill(0);
    if (scalar !== 0n) return scalar;
  }
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return plainBytes(hash.digest());
}

function hmacSha512(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return plainBytes(createHmac("sha512", key).update(bytes).digest());
}
