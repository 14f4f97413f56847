/**
 * X25519 (RFC 7748) on raw 32-byte keys.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { constantTimeEqual } from "./constant_time.ts";
import { plainBytes } from "./hash.ts";

/** Length of a public key, a private key and a shared secret. */
export const KEY_BYTES = 32;

/** The public key that belongs to a 32-byte private key. Any 32 bytes are a private key. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const encoded = createPublicKey(importPrivateKey(privateKey))
    .export({ type: "spki", format: "der" });
  return plainBytes(encoded).slice(-KEY_BYTES);
}

/**
 * The 32-byte secret shared with the holder of `publicKey`, or null for a public key of low order:
 * with such a key the result would not depend on our own, and anyone could know it (RFC 7748 §6.1).
 */
export function agree(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null {
  checkLength(publicKey);
  let shared: Uint8Array;
  try {
    shared = plainBytes(diffieHellman({
      privateKey: importPrivateKey(privateKey),
      publicKey: createPublicKey({
        key: encode(SPKI_PREFIX, publicKey),
        format: "der",
        type: "spki",
      }),
    }));
  } catch {
    return null; // The library refuses an all-zero result by throwing.
  }
  return constantTimeEqual(shared, new Uint8Array(KEY_BYTES)) ? null : shared;
}

/**
 * Whether `publicKey` is one of the encodings of a point of order 1, 2, 4 or 8, on the curve or its
 * twist: the keys for which `agree` returns null. Far cheaper than trying.
 */
export function hasLowOrder(publicKey: Uint8Array): boolean {
  checkLength(publicKey);
  const coordinate = publicKey.slice();
  coordinate[KEY_BYTES - 1]! &= 0x7f; // X25519 ignores the highest bit, RFC 7748 §5.
  const text = coordinate.toHex();
  return LOW_ORDER_POINTS.includes(text);
}

/** 0, 1, the two of order 8, and p − 1, p, p + 1, little-endian. */
const LOW_ORDER_POINTS: readonly string[] = [
  "00".repeat(KEY_BYTES),
  "01" + "00".repeat(31),
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ec" + "ff".repeat(30) + "7f",
  "ed" + "ff".repeat(30) + "7f",
  "ee" + "ff".repeat(30) + "7f",
];

/** DER of everything before the 32 key bytes, RFC 8410 §7 and §4. */
const PKCS8_PREFIX = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];
const SPKI_PREFIX = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0];

function importPrivateKey(privateKey: Uint8Array): KeyObject {
  checkLength(privateKey);
  const der = encode(PKCS8_PREFIX, privateKey);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

function encode(prefix: readonly number[], key: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from(prefix), key]);
}

function checkLength(key: Uint8Array): void {
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`Cannot use a key of ${key.length} bytes: expected ${KEY_BYTES}`);
  }
}
