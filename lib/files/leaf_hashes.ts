/**
 * Hashing a file that is there, leaf by leaf.
 *
 * @module
 */
import { LEAF_BYTES, type LeafHasher } from "../crypto/mod.ts";
import { allEnded } from "./all_ended.ts";
import { FileError } from "./file_error.ts";
import { LeafBlock } from "./leaf_block.ts";
import type { SourceFile } from "./source_file.ts";

/** Leaves that are read and hashed at the same time. */
const PARALLEL_LEAVES = 4;

/**
 * Hashes of all leaves of a file, those that are remembered unread. Takes a few MiB whatever its size.
 *
 * @param isStopped Asked before each leaf; true ends the work.
 * @throws {FileError} `changed` when the file has become shorter, `cancelled` when the work was ended.
 */
export async function leafHashes(
  source: SourceFile,
  hasher: LeafHasher,
  isStopped: () => boolean = () => false,
): Promise<Uint8Array[]> {
  const { sizeBytes } = source.status;
  return await hashesOf(Math.ceil(sizeBytes / LEAF_BYTES), sizeBytes, async (block, index) => {
    if (isStopped()) throw new FileError("cancelled", "");
    return (source.knownLeafHash(hasher, index) ?? await read(block, index)).slice();
  });

  async function read(block: LeafBlock, index: number): Promise<Uint8Array> {
    const length = await source.readInto(block.data, index * LEAF_BYTES);
    return await source.leafHash(hasher, block, index, length);
  }
}

/** Leaves that are read and hashed, all of them whole. */
export interface WholeLeaves {
  /** Fills a buffer from an offset of the file. */
  readonly read: (buffer: Uint8Array, offset: number) => Promise<number>;
  /** How they are hashed. */
  readonly hasher: LeafHasher;
  /** How many, from the front. */
  readonly count: number;
  /** Asked before each leaf; true ends the work. */
  readonly isStopped: () => boolean;
}

/**
 * Their hashes.
 *
 * @throws {FileError} `cancelled` when the work was ended.
 */
export async function wholeLeafHashes(
  { read, hasher, count, isStopped }: WholeLeaves,
): Promise<Uint8Array[]> {
  return await hashesOf(count, LEAF_BYTES, async (block, index) => {
    if (isStopped()) throw new FileError("cancelled", "");
    return await block.digest(hasher, index, await read(block.data, index * LEAF_BYTES));
  });
}

/** What `hash` makes of each leaf, some at a time, each with a block of its own. */
async function hashesOf(
  count: number,
  blockBytes: number,
  hash: (block: LeafBlock, index: number) => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  const hashes = new Array<Uint8Array>(count);
  let next = 0;
  const worker = async () => {
    const block = new LeafBlock(blockBytes);
    while (next < count) {
      const index = next++;
      hashes[index] = await hash(block, index);
    }
  };
  await allEnded(Array.from({ length: Math.min(PARALLEL_LEAVES, count) }, worker));
  return hashes;
}
