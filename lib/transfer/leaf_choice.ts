/**
 * Which way the leaves of a file are hashed that begins to be moved: its receiver says, and its sender follows.
 *
 * @module
 */
import { type LeafHasher, plainLeaves } from "../crypto/mod.ts";
import type { FileRoot } from "../files/mod.ts";

export { LEAF_SCHEME_BYTES, type LeafHasher } from "../crypto/mod.ts";

/** How a receiver wants leaves to be hashed below `root`; plainly when the sender cannot be told. */
export function hasherOfReceiver(
  root: FileRoot,
  { canTell }: { readonly canTell: boolean },
): LeafHasher {
  return canTell ? root.leafHashing.fresh() : plainLeaves;
}

/** What a sender makes of the scheme that it was told, plain leaves when there is none; null for an unknown one. */
export function hasherOfSender(root: FileRoot, scheme: Uint8Array | undefined): LeafHasher | null {
  return scheme === undefined ? plainLeaves : root.leafHashing.of(scheme);
}
