/**
 * Packet protection by `node:crypto`: needs no permission and runs everywhere, at 5–11 µs a packet.
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  type AeadKey,
  type AeadProvider,
  checkInside,
  checkKeyLengths,
  destroyedKeyError,
  type Gmac,
  isInside,
  noMessageError,
  NONCE_BYTES,
  PacketNonce,
  type SuiteName,
  SUITES,
  TAG_BYTES,
} from "./aead.ts";
import { plainBytes } from "./hash.ts";

/** The provider that is always there. */
export const nodeAeadProvider: AeadProvider = {
  name: "node",
  createKey(suite: SuiteName, key: Uint8Array, iv: Uint8Array): AeadKey {
    checkKeyLengths(suite, key, iv);
    return new NodeAeadKey(suite, key, iv);
  },
  isQuickWithLeaves: false,
  createGmac: () => new NodeGmac(),
};

/** Deno takes associated data right only when it comes as one piece. */
class NodeGmac implements Gmac {
  readonly #key = new Uint8Array(SUITES["aes-128-gcm"].keyBytes);
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  /** What came of the message; null when none was begun. */
  #pieces: Uint8Array[] | null = null;

  start(key: Uint8Array, nonce: Uint8Array): void {
    checkKeyLengths("aes-128-gcm", key, nonce);
    this.#key.set(key);
    this.#nonce.set(nonce);
    this.#pieces = [];
  }

  update(data: Uint8Array): void {
    if (this.#pieces === null) throw noMessageError();
    this.#pieces.push(data.slice());
  }

  tag(): Uint8Array {
    const pieces = this.#pieces;
    if (pieces === null) throw noMessageError();
    this.#pieces = null;
    const message = new ByteWriter();
    for (const piece of pieces) message.bytes(piece);
    const cipher = createCipheriv("aes-128-gcm", this.#key, this.#nonce, OPTIONS);
    cipher.setAAD(message.finish(), { plaintextLength: 0 });
    cipher.final();
    return plainBytes(cipher.getAuthTag());
  }

  destroy(): void {
    this.#key.fill(0);
    this.#pieces = null;
  }
}

const OPTIONS = { authTagLength: TAG_BYTES };

class NodeAeadKey implements AeadKey {
  // Typed as one of the two so that the right overload is chosen: both suites are used the same way.
  readonly #cipherName: "chacha20-poly1305";
  readonly #key: Uint8Array;
  readonly #nonce: PacketNonce;
  #isDestroyed = false;

  constructor(suite: SuiteName, key: Uint8Array, iv: Uint8Array) {
    this.#cipherName = suite as "chacha20-poly1305";
    this.#key = key.slice();
    this.#nonce = new PacketNonce(iv);
  }

  seal(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    plaintextLength: number,
    packetNumber: number,
  ): void {
    const bodyStart = start + headerLength;
    this.sealFrom(buffer, start, headerLength, buffer, bodyStart, plaintextLength, packetNumber);
  }

  sealFrom(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    source: Uint8Array,
    sourceStart: number,
    plaintextLength: number,
    packetNumber: number,
  ): void {
    this.#checkUsable();
    checkInside(buffer, start, headerLength, source, sourceStart, plaintextLength);
    this.#nonce.setForSealing(packetNumber);
    const bodyStart = start + headerLength;
    const tagStart = bodyStart + plaintextLength;
    const cipher = createCipheriv(this.#cipherName, this.#key, this.#nonce.bytes, OPTIONS);
    cipher.setAAD(buffer.subarray(start, bodyStart), { plaintextLength });
    const plaintext = source.subarray(sourceStart, sourceStart + plaintextLength);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    buffer.set(ciphertext, bodyStart);
    buffer.set(cipher.getAuthTag(), tagStart);
  }

  open(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    ciphertextLength: number,
    packetNumber: number,
  ): boolean {
    this.#checkUsable();
    if (!isInside(buffer, start, headerLength, ciphertextLength)) return false;
    this.#nonce.setForOpening(packetNumber);
    const bodyStart = start + headerLength;
    const tagStart = bodyStart + ciphertextLength - TAG_BYTES;
    const decipher = createDecipheriv(this.#cipherName, this.#key, this.#nonce.bytes, OPTIONS);
    decipher.setAuthTag(buffer.subarray(tagStart, tagStart + TAG_BYTES));
    decipher.setAAD(buffer.subarray(start, bodyStart), {
      plaintextLength: ciphertextLength - TAG_BYTES,
    });
    // update() hands out plaintext that nothing vouches for yet; only a verified one reaches the buffer.
    const plaintext = decipher.update(buffer.subarray(bodyStart, tagStart));
    try {
      decipher.final();
    } catch {
      return false;
    }
    buffer.set(plaintext, bodyStart);
    return true;
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#key.fill(0);
    this.#nonce.wipe();
  }

  #checkUsable(): void {
    if (this.#isDestroyed) throw destroyedKeyError();
  }
}
