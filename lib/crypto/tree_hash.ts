/**
 * The hash of a file's contents as a tree: a broken transfer can be checked leaf by leaf, and the root
 * proves the whole. The shape is that of RFC 6962 §2.1 with SHA-256:
 *
 * ```text
 * leaf  = SHA-256(00 ‖ u64 leaf index ‖ up to 1 MiB of data)
 * inner = SHA-256(01 ‖ left ‖ right)         left holds the largest power of two of leaves
 * root  = SHA-256(02 ‖ u64 size ‖ tree)      tree of no leaves = SHA-256 of nothing
 * ```
 *
 * These leaves are the plain ones. `leaf_hashing.ts` has others for files of more than one, below the same tree.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { HASH_BYTES, Sha256, sha256 } from "./hash.ts";

/** Data bytes in every leaf but the last, which may be shorter. */
export const LEAF_BYTES = 1 << 20;

/** Bytes that are hashed before a leaf's data. */
export const LEAF_PREFIX_BYTES = 9;

/** The leaves of a file from front to back, as their hashes come. Memory: 32 bytes for each leaf. */
export class LeafTree {
  /** The hashes of all leaves, back to back: as objects they would take six times the memory. */
  #hashes: Uint8Array;
  #leafCount = 0;
  #sizeBytes = 0;
  #isFinished = false;

  /** Starts behind whole leaves with these hashes. */
  constructor(leaves: readonly Uint8Array[] = []) {
    this.#hashes = new Uint8Array(Math.max(16, leaves.length) * HASH_BYTES);
    for (const leaf of leaves) this.#append(leaf);
    this.#sizeBytes = leaves.length * LEAF_BYTES;
  }

  /** Hashes of the leaves so far: a snapshot of views, not to be written to. */
  get leaves(): readonly Uint8Array[] {
    return Array.from(
      { length: this.#leafCount },
      (_, index) => this.#hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
    );
  }

  /** Size of all leaves so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Takes the hash of the next leaf of `dataBytes` bytes: a whole one, or the last.
   */
  addLeaf(hash: Uint8Array, dataBytes: number): this {
    assert(!this.#isFinished, "A finished tree got another leaf");
    assert(this.#sizeBytes % LEAF_BYTES === 0, "A leaf follows whole leaves");
    this.#append(hash);
    this.#sizeBytes += dataBytes;
    return this;
  }

  /** The root, 32 bytes. Call once; nothing can be added afterwards. */
  root(): Uint8Array {
    assert(!this.#isFinished, "The root of a tree was asked for twice");
    this.#isFinished = true;
    return treeRoot(this.leaves, this.#sizeBytes);
  }

  #append(hash: Uint8Array): void {
    assert(hash.length === HASH_BYTES, "A leaf hash has 32 bytes");
    const offset = this.#leafCount * HASH_BYTES;
    if (offset === this.#hashes.length) {
      const grown = new Uint8Array(2 * offset);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes.set(hash, offset);
    this.#leafCount++;
  }
}

/** The hash of one leaf; `data` is at most 1 MiB. */
export function leafHash(index: number, data: Uint8Array): Uint8Array {
  return startLeaf(index).update(data).digest();
}

/**
 * The root of a file of `sizeBytes` whose leaves are all known.
 *
 * @throws {RangeError} when the number of leaves is not the one that belongs to the size.
 */
export function treeRoot(leaves: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  if (leaves.length !== Math.ceil(sizeBytes / LEAF_BYTES)) {
    throw new RangeError(`Cannot hash ${sizeBytes} bytes: ${leaves.length} leaves do not fit`);
  }
  const size = new ByteWriter(9).u8(2).u64(sizeBytes).finish();
  return sha256(size, foldLeaves(leaves));
}

const INNER = Uint8Array.of(1);

/**
 * The tree over the leaves, in one pass: like a binary counter, equal subtrees merge as soon as the
 * second is complete, and at the end the rest merges from the right.
 */
function foldLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!;
  const subtrees: Uint8Array[] = [];
  const mergeLastTwo = (): void => {
    const right = subtrees.pop()!;
    const left = subtrees.pop()!;
    subtrees.push(sha256(INNER, left, right));
  };
  for (const [index, leaf] of leaves.entries()) {
    subtrees.push(leaf);
    for (let count = index + 1; count % 2 === 0; count /= 2) mergeLastTwo();
  }
  while (subtrees.length > 1) mergeLastTwo();
  return subtrees[0] ?? sha256();
}

function startLeaf(index: number): Sha256 {
  const prefix = new Uint8Array(LEAF_PREFIX_BYTES);
  writeLeafPrefix(prefix, index);
  return new Sha256().update(prefix);
}

/** Writes what is hashed before the data of leaf `index` to the first 9 bytes of `bytes`. */
export function writeLeafPrefix(bytes: Uint8Array, index: number): void {
  new ByteWriter(bytes).u8(0).u64(index);
}
