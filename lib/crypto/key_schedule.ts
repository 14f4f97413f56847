/**
 * From a secret to packet keys: HMAC and HKDF with SHA-256 (RFC 2104, RFC 5869), the label form of
 * RFC 8446 §7.1, and the packet keys and key update of RFC 9001 §5.1 and §6.1 under Ferry's own labels.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { NONCE_BYTES, type SuiteName, SUITES } from "./aead.ts";
import { HASH_BYTES, plainBytes } from "./hash.ts";

/** Length of every traffic secret. */
const SECRET_BYTES = 32;

/** Prefix of every label, as `tls13 ` is in TLS: keys of Ferry can never be keys of something else. */
const LABEL_PREFIX = "ferry ";
const EMPTY = new Uint8Array(0);

/**
 * The packet protection key (16 or 32 bytes, by suite) and the 12-byte IV that belong to a traffic
 * secret. Labels `ferry key` and `ferry iv`. The caller wipes both after use.
 */
export function packetKeys(
  secret: Uint8Array,
  suite: SuiteName,
): { key: Uint8Array; iv: Uint8Array } {
  return {
    key: hkdfExpandLabel(secret, "key", EMPTY, SUITES[suite].keyBytes),
    iv: hkdfExpandLabel(secret, "iv", EMPTY, NONCE_BYTES),
  };
}

/** The traffic secret that follows `secret` at a key update (label `ferry ku`). One-way: wipe the old one. */
export function nextSecret(secret: Uint8Array): Uint8Array {
  return hkdfExpandLabel(secret, "ku", EMPTY, SECRET_BYTES);
}

/**
 * HKDF-Expand-Label, RFC 8446 §7.1, with the prefix `ferry ` in place of `tls13 `.
 *
 * @param context At most 255 bytes.
 * @param lengthBytes How much to derive, at most 8160.
 */
export function hkdfExpandLabel(
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  const name = new TextEncoder().encode(LABEL_PREFIX + label);
  if (name.length > 255 || context.length > 255) {
    throw new RangeError(`Cannot derive "${label}": label and context are limited to 255 bytes`);
  }
  const info = new ByteWriter(4 + name.length + context.length)
    .u16(lengthBytes).u8(name.length).bytes(name).u8(context.length).bytes(context).finish();
  return hkdfExpand(secret, info, lengthBytes);
}

/** HKDF-Extract with SHA-256, RFC 5869 §2.2. An empty salt counts as 32 zero bytes. */
export function hkdfExtract(salt: Uint8Array, inputKeyMaterial: Uint8Array): Uint8Array {
  return hmacSha256(salt, inputKeyMaterial);
}

/** HKDF-Expand with SHA-256, RFC 5869 §2.3. Throws `RangeError` above 255 · 32 bytes. */
export function hkdfExpand(
  pseudoRandomKey: Uint8Array,
  info: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  const blockCount = Math.ceil(lengthBytes / HASH_BYTES);
  if (!(lengthBytes >= 0 && blockCount <= 255)) {
    throw new RangeError(`Cannot derive ${lengthBytes} bytes: the limit is ${255 * HASH_BYTES}`);
  }
  const output = new Uint8Array(lengthBytes);
  let block: Uint8Array = EMPTY;
  for (let index = 0; index < blockCount; index++) {
    const previous = block;
    block = hmacSha256(pseudoRandomKey, previous, info, Uint8Array.of(index + 1));
    previous.fill(0);
    const offset = index * HASH_BYTES;
    output.set(block.subarray(0, Math.min(HASH_BYTES, lengthBytes - offset)), offset);
  }
  block.fill(0);
  return output;
}

/** HMAC-SHA-256 of the concatenation of `parts`, 32 bytes. RFC 2104. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return plainBytes(hmac.digest());
}
