/**
 * Hashes of files that are in memory as a whole.
 *
 * @module
 */
import {
  constantTimeEqual,
  HASH_BYTES,
  LEAF_BYTES,
  leafHash,
  sha256,
  treeRoot,
} from "../crypto/mod.ts";

/** Root of the tree hash of a file of one leaf at most. Throws `RangeError` for a longer one. */
export function wholeFileRoot(bytes: Uint8Array): Uint8Array {
  if (bytes.length > LEAF_BYTES) throw new RangeError(`Expected one leaf, found ${bytes.length}`);
  return treeRoot(bytes.length === 0 ? [] : [leafHash(0, bytes)], bytes.length);
}

/** Length of a root. */
export const ROOT_BYTES: number = HASH_BYTES;

/** Whether two roots are of the same content. */
export function isSameRoot(a: Uint8Array, b: Uint8Array): boolean {
  return constantTimeEqual(a, b);
}

/** The plain SHA-256 of bytes in lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return sha256(bytes).toHex();
}
