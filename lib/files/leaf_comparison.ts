/**
 * Comparing what is on a disk with the hashes that it should have.
 *
 * @module
 */
import { constantTimeEqual, LEAF_BYTES, type LeafHasher } from "../crypto/mod.ts";
import { allEnded } from "./all_ended.ts";
import { LeafBlock } from "./leaf_block.ts";

/** Leaves that are read and hashed at the same time; hashing one takes twice as long as reading it. */
const PARALLEL_LEAVES = 4;

/** Which leaves are compared, and with what. */
export interface LeafComparison {
  /** Fills a buffer from an offset of the file; returns how many bytes, fewer at its end. */
  readonly read: (buffer: Uint8Array, offset: number) => Promise<number>;
  /** How they are hashed. */
  readonly hasher: LeafHasher;
  /** The hashes by index. */
  readonly leaves: readonly Uint8Array[];
  /** First leaf to compare. */
  readonly from: number;
  /** Leaf behind the last one. */
  readonly until: number;
  /** The hash that a leaf of the file is known to have, which saves reading it; null when it is not. */
  readonly known?: (index: number) => Uint8Array | null;
  /** Asked before each leaf; true ends the work there. */
  readonly isStopped?: () => boolean;
}

/** Index of the first leaf that is not as it should be, or `until`. Ends before the file may be closed. */
export async function countEqualLeaves(comparison: LeafComparison): Promise<number> {
  const { from, until } = comparison;
  let next = from;
  let firstWrong = until;
  const worker = async () => {
    const block = new LeafBlock();
    while (next < firstWrong) {
      const index = next++;
      if (!await isEqual(comparison, block, index)) firstWrong = Math.min(firstWrong, index);
    }
  };
  const count = Math.min(PARALLEL_LEAVES, Math.max(0, until - from));
  await allEnded(Array.from({ length: count }, worker));
  return firstWrong;
}

async function isEqual(
  { read, hasher, leaves, known, isStopped }: LeafComparison,
  block: LeafBlock,
  index: number,
): Promise<boolean> {
  if (isStopped?.()) return false;
  const hash = known?.(index) ?? await readHash();
  return constantTimeEqual(hash, leaves[index]!);

  async function readHash(): Promise<Uint8Array> {
    return await block.digest(hasher, index, await read(block.data, index * LEAF_BYTES));
  }
}
