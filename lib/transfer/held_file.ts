/**
 * Receiving a file that may be there already, under its name: then nothing of it is moved.
 *
 * Of a file of several leaves all hashes are claimed, as of an unfinished one, and the sender compares them
 * before anything else. A smaller one comes anyway, and is not written once more.
 *
 * @module
 */
import { ByteReader } from "../bytes/byte_reader.ts";
import { constantTimeEqual, HASH_BYTES, LEAF_BYTES, plainLeaves, treeRoot } from "../crypto/mod.ts";
import { type ExistingFile, leafHashes, type PartialFile } from "../files/mod.ts";
import { readLimit } from "./limits.ts";
import type { TransferPeer } from "./peer.ts";
import { type Claim, type ReceivedFile, type ReceiveOptions, sendClaim } from "./receiver.ts";
import { isResumable, MAX_CLAIMED_LEAVES } from "./resume_plan.ts";
import { TransferError } from "./transfer_error.ts";
import { wholeFileRoot } from "./whole_file.ts";

/** What came of comparing a file with the one that is sent. */
export type HeldFile =
  /** It is the same, verified and durable: the transfer is over. */
  | { readonly kind: "same"; readonly received: ReceivedFile }
  /** It is not: the transfer goes on into a part, which gets this first. */
  | { readonly kind: "other"; readonly begun: BegunFile };

/** Bytes of the file that are here before a part of it was opened. */
export interface BegunFile {
  /** How many: whole leaves, or everything. */
  readonly sizeBytes: number;
  /** How many of them were here before. */
  readonly heldBytes: number;
  /** Writes them to a part that is empty. */
  copyTo(partial: PartialFile): Promise<void>;
}

/** Whether a file of this size can be compared with its sender. */
export function isComparable(
  { sizeBytes, comparesAll }: Pick<ReceiveOptions, "sizeBytes" | "comparesAll">,
): boolean {
  if (!isResumable(sizeBytes)) return true;
  return comparesAll === true && sizeBytes <= MAX_CLAIMED_LEAVES * LEAF_BYTES;
}

/**
 * Begins a transfer by comparing the file that is sent with one that is here, of the same size. What is here
 * is as durable afterwards as what {@linkcode receiveFile} publishes.
 *
 * @throws {TransferError} `integrity` when the sender contradicts itself or what is here changes meanwhile.
 * @throws {FileError}
 * @throws {StreamError}
 */
export async function compareHeldFile(
  peer: TransferPeer,
  held: ExistingFile,
  options: ReceiveOptions,
): Promise<HeldFile> {
  const { sizeBytes, path } = options;
  const hasher = isResumable(sizeBytes) ? options.leafHasher ?? plainLeaves : plainLeaves;
  const leaves = await leafHashes(held.source, hasher, options.isStopped);
  const root = treeRoot(leaves, sizeBytes);
  const begun = isResumable(sizeBytes)
    ? await claimAll(peer, held, { hasher, leaves, comparesAll: true }, options)
    : await receiveSmall(peer, sizeBytes, root);
  if (begun !== null) return { kind: "other", begun };
  const startOffset = isResumable(sizeBytes) ? sizeBytes : 0;
  options.onStart?.(startOffset);
  options.onProgress?.(sizeBytes);
  options.watch?.begin();
  const told = (await peer.reader.exactly(HASH_BYTES)).slice();
  const limit = options.watch === undefined ? null : await readLimit(peer.reader);
  await peer.reader.end();
  const isSame = constantTimeEqual(told, root) && !await held.source.hasChanged();
  if (!isSame) throw new TransferError("integrity", path);
  await held.settle();
  return { kind: "same", received: { startOffset, sha256: null, limit } };
}

/** Null when the sender has the same leaves. */
async function claimAll(
  peer: TransferPeer,
  held: ExistingFile,
  claim: Claim,
  options: ReceiveOptions,
): Promise<BegunFile | null> {
  await sendClaim(peer, claim, options);
  const { leaves } = claim;
  const startLeaf = new ByteReader(await peer.reader.exactly(4)).u32();
  if (startLeaf > leaves.length) throw new TransferError("protocol", options.path);
  if (startLeaf === leaves.length) return null;
  const heldBytes = startLeaf * LEAF_BYTES;
  return {
    sizeBytes: heldBytes,
    heldBytes,
    copyTo: (partial) => copyLeaves(held, partial, startLeaf, options),
  };
}

/** What changes in the copied leaves meanwhile makes the root wrong, which is noticed. */
async function copyLeaves(
  { source }: ExistingFile,
  partial: PartialFile,
  count: number,
  { isStopped, path }: ReceiveOptions,
): Promise<void> {
  const buffer = new Uint8Array(LEAF_BYTES);
  for (let index = 0; index < count; index++) {
    if (isStopped?.()) throw new TransferError("cancelled", path);
    await source.readInto(buffer, index * LEAF_BYTES);
    await partial.write(buffer);
  }
}

/** Null when the bytes that came are the same. */
async function receiveSmall(
  peer: TransferPeer,
  sizeBytes: number,
  root: Uint8Array,
): Promise<BegunFile | null> {
  const bytes = (await peer.reader.exactly(sizeBytes)).slice();
  if (constantTimeEqual(wholeFileRoot(bytes), root)) return null;
  return { sizeBytes, heldBytes: 0, copyTo: (partial) => partial.write(bytes) };
}
