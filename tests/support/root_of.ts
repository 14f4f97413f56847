import { LEAF_BYTES, type LeafHasher, plainLeaves, treeRoot } from "../../lib/crypto/mod.ts";

/** The root of some content, as a sender tells it. */
export function rootOf(content: Uint8Array, hasher: LeafHasher = plainLeaves): Uint8Array {
  const leaves: Uint8Array[] = [];
  for (let offset = 0; offset < content.length; offset += LEAF_BYTES) {
    leaves.push(hasher.hash(leaves.length, content.subarray(offset, offset + LEAF_BYTES)));
  }
  return treeRoot(leaves, content.length);
}
