/**
 * The receiving half of a transfer; `sender.ts` shows what passes.
 *
 * @module
 */
import { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { HASH_BYTES, LEAF_BYTES, type LeafHasher, Sha256 } from "../crypto/mod.ts";
import { FileError, type PartialFile } from "../files/mod.ts";
import type { BegunFile } from "./held_file.ts";
import { readLimit, type TransferLimit } from "./limits.ts";
import type { TransferPeer } from "./peer.ts";
import { ProgressSteps } from "./progress.ts";
import { claimableLeaves, COMPARE_ALL, isResumable, leavesComparedFirst } from "./resume_plan.ts";
import type { MoveOptions } from "./sender.ts";
import { TransferError } from "./transfer_error.ts";

/** Hashes of a claim that are written at once. */
const HASHES_PER_WRITE = 1024;

/** What the receiving half takes. */
export interface ReceiveOptions extends MoveOptions {
  /** The length that the sender said. */
  readonly sizeBytes: number;
  /** What is here already, as both sides have agreed. */
  readonly begun?: BegunFile | undefined;
  /** Asked while nothing is received or sent: true ends the work. */
  readonly isStopped?: (() => boolean) | undefined;
}

/** What was received, verified and published. */
export interface ReceivedFile {
  /** First byte that was received; those before were here already. */
  readonly startOffset: number;
  /**
   * Plain SHA-256 of the whole file in hex, when it was asked for and every byte passed here: null after
   * a resume, when the published file has to be read for it.
   */
  readonly sha256: string | null;
  /** What limited the transfer; null when that is not known. */
  readonly limit: TransferLimit | null;
}

/**
 * Receives a file of `sizeBytes` into `partial`, checks its root and publishes it. On failure the part
 * is still open, unless publication itself failed: the caller parks or discards it.
 *
 * @throws {TransferError} `integrity` when the root differs, `protocol`.
 * @throws {FileError} when the disk fails.
 * @throws {StreamError}
 */
export async function receiveFile(
  peer: TransferPeer,
  partial: PartialFile,
  options: ReceiveOptions,
): Promise<ReceivedFile> {
  const { begun } = options;
  const startOffset = begun?.heldBytes ?? await agreeOnStart(peer, partial, options);
  options.onStart?.(startOffset);
  options.watch?.begin();

  if (begun !== undefined) await copyBegun(begun, partial);
  const plain = options.plainHash && begun === undefined && startOffset === 0 ? new Sha256() : null;
  const from = begun?.sizeBytes ?? startOffset;
  await receiveBytes(peer, partial, { startOffset: from, plain, options });
  const root = (await peer.reader.exactly(HASH_BYTES)).slice();
  const told = options.watch === undefined ? null : await readLimit(peer.reader);
  await peer.reader.end();
  try {
    const committed = partial.commit(root);
    await (options.watch?.disk(committed) ?? committed);
  } catch (error) {
    if (!(error instanceof FileError) || error.kind !== "changed") throw error;
    throw new TransferError("integrity", options.path, { cause: error });
  }
  const limit = options.watch?.received(told) ?? null;
  return { startOffset, sha256: plain?.digest().toHex() ?? null, limit };
}

/** What an earlier part holds is not what was agreed on. */
async function copyBegun(begun: BegunFile, partial: PartialFile): Promise<void> {
  if (partial.leaves.length > 0) await partial.discardFrom(0);
  await begun.copyTo(partial);
}

/** Says which leaves are held and hears where the bytes start; drops what the sender disagrees with. */
async function agreeOnStart(
  peer: TransferPeer,
  partial: PartialFile,
  options: ReceiveOptions,
): Promise<number> {
  const { sizeBytes, path, isClaimless } = options;
  const { leafHasher: hasher } = partial;
  const held = partial.leaves;
  if (!isResumable(sizeBytes)) {
    if (held.length > 0) await partial.discardFrom(0);
    return 0;
  }
  const claimed = isClaimless ? [] : held.slice(0, leavesToClaim(partial, options));
  const comparesAll = !partial.isOfSameSource && options.comparesAll === true;
  if (!isClaimless) await sendClaim(peer, { hasher, leaves: claimed, comparesAll }, options);
  const startLeaf = new ByteReader(await peer.reader.exactly(4)).u32();
  if (startLeaf > claimed.length) throw new TransferError("protocol", path);
  if (startLeaf < held.length) await partial.discardFrom(startLeaf);
  return startLeaf * LEAF_BYTES;
}

/**
 * How many leaves may be claimed. When the source is another by now, a sender that would compare the first
 * portion only is not told of more.
 */
function leavesToClaim(
  { isOfSameSource }: PartialFile,
  { sizeBytes, comparesAll }: ReceiveOptions,
): number {
  const most = claimableLeaves(sizeBytes);
  return isOfSameSource || comparesAll ? most : leavesComparedFirst(most);
}

/** What a receiver says of what it holds. */
export interface Claim {
  /** How the leaves are hashed, and those that are to come. */
  readonly hasher: LeafHasher;
  /** The hashes of what is held. */
  readonly leaves: readonly Uint8Array[];
  /** All of it is to be compared before anything else. */
  readonly comparesAll: boolean;
}

/** Says what is held, and how it is hashed to a sender who reads that. */
export async function sendClaim(
  { stream }: TransferPeer,
  { hasher, leaves, comparesAll }: Claim,
  { leafHashing }: Pick<MoveOptions, "leafHashing">,
): Promise<void> {
  const word = leaves.length + (comparesAll ? COMPARE_ALL : 0);
  const opening = new ByteWriter().u32(word);
  if (leafHashing !== undefined) opening.bytes(hasher.scheme);
  await stream.write(opening.finish());
  for (let index = 0; index < leaves.length; index += HASHES_PER_WRITE) {
    const portion = leaves.slice(index, index + HASHES_PER_WRITE);
    const hashes = new ByteWriter(portion.length * HASH_BYTES);
    for (const leaf of portion) hashes.bytes(leaf);
    await stream.write(hashes.finish());
  }
}

/** Stream to disk, up to the size that was announced. */
async function receiveBytes(
  peer: TransferPeer,
  partial: PartialFile,
  { startOffset, plain, options }: {
    startOffset: number;
    plain: Sha256 | null;
    options: ReceiveOptions;
  },
): Promise<void> {
  const { sizeBytes } = options;
  const progress = new ProgressSteps({
    totalBytes: sizeBytes,
    startBytes: startOffset,
    report: options.onProgress,
  });
  for (let offset = startOffset; offset < sizeBytes;) {
    const room = partial.room();
    const count = await peer.reader.into(room);
    if (count === 0) throw new TransferError("protocol", options.path);
    plain?.update(room.subarray(0, count));
    const written = partial.fill(count);
    await (options.watch?.disk(written) ?? written);
    offset += count;
    progress.reach(offset);
  }
}
