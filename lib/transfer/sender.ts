/**
 * The sending half of a transfer.
 *
 * ```text
 * receiver → sender   u32 count ‖ scheme of the hashes (17 bytes, if the sender is known to read it) ‖
 *                     count × leaf hash                 what is held   } only when the file
 * sender → receiver   u32 first leaf to come                           } is larger than a leaf;
 *                                                                        no claim when it was said
 *                                                                        before that nothing is held
 *                     the highest bit of count: compare all of them before anything else; for a
 *                     sender that is known to do so. That claim may hold a last leaf that is shorter
 * sender → receiver   the bytes from there to the end
 * sender → receiver   root of the tree hash, 32 bytes
 *                     what limited the sender, 1 byte, if the receiver is known to read it
 *                     end of stream (from the caller)
 * ```
 *
 * @module
 */
import { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  HASH_BYTES,
  LEAF_BYTES,
  LEAF_SCHEME_BYTES,
  type LeafHasher,
  type LeafHashing,
  LeafTree,
  type PassingLeaves,
  plainLeaves,
  Sha256,
} from "../crypto/mod.ts";
import { countEqualLeaves, LeafBlock, type SourceFile } from "../files/mod.ts";
import { encodeLimit, type LimitWatch, type TransferLimit } from "./limits.ts";
import type { TransferPeer } from "./peer.ts";
import { plainSha256 } from "./plain_hash.ts";
import { ProgressSteps } from "./progress.ts";
import {
  claimableLeaves,
  COMPARE_ALL,
  isResumable,
  leavesComparedFirst,
  MAX_CLAIMED_LEAVES,
  planResume,
  type ResumePlan,
} from "./resume_plan.ts";
import { TransferError } from "./transfer_error.ts";

/** Bytes handed to the stream at once: the grain of progress and of cancelling. */
const WRITE_BYTES = 64 * 1024;

/** What the two halves of a transfer take. */
export interface MoveOptions {
  /** What errors name the file. */
  readonly path: string;
  /** Also compute the plain SHA-256 of the bytes that pass. */
  readonly plainHash?: boolean | undefined;
  /** Both sides agree on the first byte. */
  readonly onStart?: ((startOffset: number) => void) | undefined;
  /** Both sides know already that the receiver claims nothing: it does not say so again. */
  readonly isClaimless?: boolean | undefined;
  /** Given when a receiver's claim says how leaves are hashed; without it they are hashed plainly. */
  readonly leafHashing?: LeafHashing | undefined;
  /** How the leaves of a large file are hashed when there is no claim to say it; plainly by default. */
  readonly leafHasher?: LeafHasher | undefined;
  /** The sender is known to compare all of a claim first when it is asked to. */
  readonly comparesAll?: boolean | undefined;
  /** How many bytes of the file are done: at most one report for each 64 KiB. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Finds out what limits the transfer. */
  readonly watch?: LimitWatch | undefined;
  /** The receiver reads what the sender says about that. */
  readonly tellsLimit?: boolean | undefined;
}

/** What was sent. Whether it arrived is for the receiver to say. */
export interface SentFile {
  /** First byte that was sent; those before were held by the receiver. */
  readonly startOffset: number;
  /** Plain SHA-256 of the whole file in hex, when it was asked for. */
  readonly sha256: string | null;
  /** What limited the sender; null when that is not known. */
  readonly limit: TransferLimit | null;
}

/**
 * Sends a file and its root, reading each byte once; bytes that the receiver holds are read to be
 * compared, unless their hashes are remembered. The caller ends the stream (on failure: cuts it), lets the
 * source forget its hashes when the receiver finds others, and closes it.
 *
 * @throws {TransferError} `changed`; `integrity` when what the receiver holds is of another source; `protocol`.
 * @throws {FileError} when the disk fails.
 * @throws {StreamError}
 */
export async function sendFile(
  peer: TransferPeer,
  source: SourceFile,
  options: MoveOptions,
): Promise<SentFile> {
  const { sizeBytes } = source.status;
  const resume = isResumable(sizeBytes)
    ? await agreeOnStart(peer, source, options)
    : FROM_THE_START;
  const { hasher } = resume;
  const startOffset = Math.min(resume.plan.startOffset, sizeBytes);
  options.onStart?.(startOffset);
  options.watch?.begin();

  const tree = treeBefore(startOffset, resume.leaves);
  const plain = options.plainHash && startOffset === 0 ? new Sha256() : null;
  const comparison = new BackgroundComparison(source, resume);
  try {
    await sendBytes(peer, source, { startOffset, hasher, tree, plain, comparison, options });
    await comparison.done;
    comparison.assertEqual(options.path);
  } finally {
    await comparison.stop();
  }

  if (await source.hasChanged()) throw new TransferError("changed", options.path);
  await peer.stream.write(tree.root());
  const limit = options.watch?.sent() ?? null;
  if (options.tellsLimit) await peer.stream.write(encodeLimit(limit));
  const isRereading = options.plainHash && plain === null;
  return {
    startOffset,
    sha256: isRereading ? await plainSha256(source) : (plain?.digest().toHex() ?? null),
    limit,
  };
}

/** What both sides agreed on: the plan, how leaves are hashed, and the hashes of those before its start. */
interface AgreedStart {
  readonly plan: ResumePlan;
  readonly hasher: LeafHasher;
  readonly leaves: readonly Uint8Array[];
}

const FROM_THE_START: AgreedStart = { plan: planResume(0, 0), hasher: plainLeaves, leaves: [] };

/** Hears what the receiver holds, compares the first portion, and says where the bytes start. */
async function agreeOnStart(
  peer: TransferPeer,
  source: SourceFile,
  options: MoveOptions,
): Promise<AgreedStart> {
  const word = options.isClaimless ? 0 : new ByteReader(await peer.reader.exactly(4)).u32();
  const count = word % COMPARE_ALL;
  const { sizeBytes } = source.status;
  const isWhole = word >= COMPARE_ALL && count === Math.ceil(sizeBytes / LEAF_BYTES);
  if (count > claimableLeaves(sizeBytes) && !(isWhole && count <= MAX_CLAIMED_LEAVES)) {
    throw new TransferError("protocol", options.path);
  }
  const hasher = await readHasher(peer, options);
  const claimed: Uint8Array[] = [];
  while (claimed.length < count) claimed.push((await peer.reader.exactly(HASH_BYTES)).slice());

  const compared = word >= COMPARE_ALL ? count : leavesComparedFirst(count);
  const agreeing = await countEqualLeaves({
    read: (buffer, offset) => source.readInto(buffer, offset),
    known: (index) => source.knownLeafHash(hasher, index),
    hasher,
    leaves: claimed,
    from: 0,
    until: compared,
  });
  const plan = planResume(count, agreeing, compared);
  await peer.stream.write(new ByteWriter(4).u32(plan.startLeaf).finish());
  return { plan, hasher, leaves: claimed.slice(0, plan.startLeaf) };
}

/** How leaves are hashed, as the claim says, or as was said before it. */
async function readHasher(
  { reader }: TransferPeer,
  { isClaimless, leafHashing, leafHasher = plainLeaves, path }: MoveOptions,
): Promise<LeafHasher> {
  if (isClaimless || leafHashing === undefined) return leafHasher;
  const hasher = leafHashing.of(await reader.exactly(LEAF_SCHEME_BYTES));
  if (hasher === null) throw new TransferError("protocol", path);
  return hasher;
}

/** The tree of what is not sent: whole leaves, or all of them, of which the last one may be shorter. */
function treeBefore(startOffset: number, leaves: readonly Uint8Array[]): LeafTree {
  if (leaves.length * LEAF_BYTES === startOffset) return new LeafTree(leaves);
  const tree = new LeafTree(leaves.slice(0, -1));
  return tree.addLeaf(leaves.at(-1)!, startOffset - tree.sizeBytes);
}

/** The second portion of the comparison, while bytes are sent. Its failures wait to be asked for. */
class BackgroundComparison {
  /** Resolves at the end; never rejects. */
  readonly done: Promise<void>;
  #isStopped = false;
  #outcome: "running" | "equal" | "different" | { readonly error: unknown } = "running";

  constructor(source: SourceFile, agreed: AgreedStart) {
    this.done = this.#run(source, agreed);
  }

  /** Throws when a difference is known. */
  assertEqual(path: string): void {
    if (this.#outcome === "different") throw new TransferError("integrity", path);
    if (typeof this.#outcome === "object") throw this.#outcome.error;
  }

  /** Ends the work soon and waits for that: the source may be closed afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.done;
  }

  async #run(source: SourceFile, { plan, hasher, leaves }: AgreedStart): Promise<void> {
    const until = plan.compareUntil;
    const first = leavesComparedFirst(until);
    try {
      const equal = await countEqualLeaves({
        read: (buffer, offset) => source.readInto(buffer, offset),
        known: (index) => source.knownLeafHash(hasher, index),
        hasher,
        leaves,
        from: Math.min(first, until),
        until,
        isStopped: () => this.#isStopped,
      });
      this.#outcome = equal === until ? "equal" : "different";
    } catch (error) {
      this.#outcome = { error };
    }
  }
}

/** Disk to stream, one leaf being read and hashed while the one before is sent. */
async function sendBytes(
  peer: TransferPeer,
  source: SourceFile,
  { startOffset, hasher, tree, plain, comparison, options }: {
    startOffset: number;
    hasher: LeafHasher;
    tree: LeafTree;
    plain: Sha256 | null;
    comparison: BackgroundComparison;
    options: MoveOptions;
  },
): Promise<void> {
  const { sizeBytes } = source.status;
  const progress = new ProgressSteps({
    totalBytes: sizeBytes,
    startBytes: startOffset,
    report: options.onProgress,
  });
  const leaves = new ReadAhead(source, hasher, { startOffset, watch: options.watch });
  const passing = hasher.passing();
  try {
    for (let offset = startOffset; offset < sizeBytes;) {
      const { data, hash } = await leaves.next();
      if (data.length === 0) throw new TransferError("changed", options.path);
      comparison.assertEqual(options.path);
      const index = offset / LEAF_BYTES;
      plain?.update(data);
      for (let position = 0; position < data.length; position += WRITE_BYTES) {
        const slice = data.subarray(position, position + WRITE_BYTES);
        if (hash === null) passing!.update(index, slice);
        await peer.stream.write(slice);
        progress.reach(offset + position + slice.length);
      }
      tree.addLeaf(hash ?? await finishLeaf(source, hasher, passing!, index), data.length);
      offset += data.length;
    }
  } finally {
    passing?.close();
    await leaves.settle();
  }
}

async function finishLeaf(
  source: SourceFile,
  hasher: LeafHasher,
  passing: PassingLeaves,
  index: number,
): Promise<Uint8Array> {
  const hash = passing.finish();
  await source.keepLeafHash(hasher, index, hash);
  return hash;
}

/** A leaf that was read. */
interface ReadLeaf {
  /** Its bytes; none at the end of the file. */
  readonly data: Uint8Array;
  /** Its hash; null when it is to be computed while the bytes are sent. */
  readonly hash: Uint8Array | null;
}

const NOTHING_LEFT: ReadLeaf = { data: new Uint8Array(0), hash: new Uint8Array(0) };

/** Reads a source leaf by leaf into two blocks in turn: one is filled and hashed while the other is in use. */
class ReadAhead {
  #source: SourceFile;
  #hasher: LeafHasher;
  #watch: LimitWatch | undefined;
  #offset: number;
  #blocks: readonly [LeafBlock, LeafBlock];
  #turn: 0 | 1 = 0;
  #pending: Promise<ReadLeaf | { readonly error: unknown }>;

  constructor(
    source: SourceFile,
    hasher: LeafHasher,
    { startOffset, watch }: { startOffset: number; watch: LimitWatch | undefined },
  ) {
    const left = source.status.sizeBytes - startOffset;
    this.#source = source;
    this.#hasher = hasher;
    this.#watch = watch;
    this.#offset = startOffset;
    this.#blocks = [new LeafBlock(left), new LeafBlock(Math.max(0, left - LEAF_BYTES))];
    this.#pending = left > 0 ? this.#read() : Promise.resolve(NOTHING_LEFT);
  }

  /** The next leaf, valid until the next call; empty at the end. */
  async next(): Promise<ReadLeaf> {
    const leaf = await this.#pending;
    if ("error" in leaf) throw leaf.error;
    this.#offset += leaf.data.length;
    this.#turn = this.#turn === 0 ? 1 : 0;
    if (this.#offset < this.#source.status.sizeBytes) this.#pending = this.#read();
    return leaf;
  }

  /** Waits until the source is not read any more. */
  async settle(): Promise<void> {
    await this.#pending;
  }

  /** Fills the block whose turn it is. A failure is a value: nobody may be waiting for it yet. */
  async #read(): Promise<ReadLeaf | { readonly error: unknown }> {
    const block = this.#blocks[this.#turn];
    const index = this.#offset / LEAF_BYTES;
    try {
      const reading = this.#source.readInto(block.data, this.#offset);
      const length = await (this.#watch?.disk(reading) ?? reading);
      const hash = this.#hasher.isQuick
        ? this.#source.knownLeafHash(this.#hasher, index)
        : await this.#source.leafHash(this.#hasher, block, index, length);
      return { data: block.data.subarray(0, length), hash };
    } catch (error) {
      return { error };
    }
  }
}
