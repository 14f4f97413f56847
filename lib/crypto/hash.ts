/**
 * SHA-256, one-shot and streaming.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";

/** Length of a SHA-256 digest. */
export const HASH_BYTES = 32;

/** A SHA-256 computation that takes its input in pieces. */
export class Sha256 {
  readonly #hash: Hash = createHash("sha256");

  /** Appends `bytes` to the input; they may be reused as soon as this returns. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The 32-byte digest of everything so far. Ends the computation: no other call may follow. */
  digest(): Uint8Array {
    return plainBytes(this.#hash.digest());
  }
}

/** SHA-256 of the concatenation of `parts`, 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return plainBytes(hash.digest());
}

/**
 * The same memory as a plain `Uint8Array`: a `Buffer` has a `slice` that does not copy, and other
 * surprises for code that expects the standard type.
 */
export function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
