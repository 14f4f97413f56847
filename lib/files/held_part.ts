/**
 * What an earlier transfer has left of a file: its part and journal, taken over as far as they are true.
 *
 * @module
 */
import { constantTimeEqual, LEAF_BYTES, type LeafHasher, type LeafHashing } from "../crypto/mod.ts";
import type { DiskFile } from "./disk.ts";
import { osCode } from "./file_error.ts";
import { HeldLeavesCheck } from "./held_leaves_check.ts";
import { wholeLeafHashes } from "./leaf_hashes.ts";
import { readFully } from "./read_fully.ts";
import { removeIfThere, type StagingPlace } from "./staging.ts";
import { type JournalHeader, type RecoveredJournal, TransferJournal } from "./transfer_journal.ts";

/** Part and journal, open and locked. */
export interface HeldPart {
  /** The content. */
  readonly part: DiskFile;
  /** The file of the journal. */
  readonly log: DiskFile;
  /** What is known of the content. */
  readonly journal: TransferJournal;
  /** How its leaves are hashed. */
  readonly hasher: LeafHasher;
  /** Hashes of the leaves that are held. */
  readonly leaves: readonly Uint8Array[];
  /** They came from the same version of the source. */
  readonly isOfSameSource: boolean;
  /** Reads back what is held of them. */
  readonly check: HeldLeavesCheck;
}

/** What a part is for. */
export interface HeldPartSetup {
  /** What its journal belongs to. */
  readonly header: JournalHeader;
  /** Knows the hashes of a journal. */
  readonly hashing: LeafHashing;
  /** How leaves are hashed when it begins anew, or when what is held is hashed anew. */
  readonly hasher: LeafHasher;
  /** It begins anew when they were hashed in another way. */
  readonly isHasherFixed: boolean;
  /** Asked while what is held is read: true ends that. */
  readonly isStopped: () => boolean;
}

/**
 * Opens the part of this name for the one who has its journal open and locked; begins both anew where
 * nothing of them can be used.
 *
 * @throws {FileError} `cancelled` when it was ended: what is held stays as it is.
 */
export async function openHeldPart(
  place: StagingPlace,
  name: string,
  log: DiskFile,
  setup: HeldPartSetup,
): Promise<HeldPart> {
  return await recoverPart(place, name, log, setup) ?? await startPart(place, name, log, setup);
}

async function recoverPart(
  place: StagingPlace,
  name: string,
  log: DiskFile,
  setup: HeldPartSetup,
): Promise<HeldPart | null> {
  const { header, hashing, hasher: wanted, isHasherFixed } = setup;
  const recovered = await TransferJournal.recover(log, header, hashing);
  if (recovered === null) return null;
  const { hasher } = recovered;
  if (isHasherFixed && !constantTimeEqual(hasher.scheme, wanted.scheme)) return null;
  const part = await openUnpublished(place, name);
  if (part === null) return null;
  try {
    const held = recovered.isKeyOfAnother
      ? await hashAnew(part, recovered, setup)
      : await checkHeld(part, recovered, setup);
    return { part, log, isOfSameSource: recovered.isSameSource, ...held };
  } catch (error) {
    part.close();
    throw error;
  }
}

type Held = Pick<HeldPart, "journal" | "hasher" | "leaves" | "check">;

/** Takes over as many leaves as are as the journal claims. */
async function checkHeld(
  part: DiskFile,
  { journal, hasher, leaves }: RecoveredJournal,
  { isStopped }: HeldPartSetup,
): Promise<Held> {
  const check = await HeldLeavesCheck.start({
    read: (buffer, offset) => readFully(part, buffer, offset),
    hasher,
    leaves,
    isStopped,
  });
  try {
    await journal.cutTo(check.count);
  } catch (error) {
    await check.stop();
    throw error;
  }
  return { journal, hasher, leaves: leaves.slice(0, check.count), check };
}

/**
 * Hashes what is there, whatever it is, with a key of today. Who was told the key in the journal may have sent
 * other content of the same hashes, which the sender of today would take for its own.
 */
async function hashAnew(
  part: DiskFile,
  { journal, leaves: claimed }: RecoveredJournal,
  { hasher, isStopped }: HeldPartSetup,
): Promise<Held> {
  const { sizeBytes } = await part.status();
  const count = Math.min(claimed.length, Math.floor(sizeBytes / LEAF_BYTES));
  const read = (buffer: Uint8Array, offset: number) => readFully(part, buffer, offset);
  const leaves = await wholeLeafHashes({ read, hasher, count, isStopped });
  const check = HeldLeavesCheck.ofRead(count);
  return { journal: await journal.rehash(hasher, leaves), hasher, leaves, check };
}

async function startPart(
  place: StagingPlace,
  name: string,
  log: DiskFile,
  { header, hasher }: HeldPartSetup,
): Promise<HeldPart> {
  await removeIfThere(place.directory, name);
  const journal = await TransferJournal.start(log, header, hasher);
  const part = await place.directory.openFile(name, { access: "write", create: "new" });
  const check = HeldLeavesCheck.ofRead(0);
  return { part, log, journal, hasher, leaves: [], isOfSameSource: true, check };
}

/** `null` when there is no part, or when it has a second name: a crash came just after publishing. */
async function openUnpublished(place: StagingPlace, name: string): Promise<DiskFile | null> {
  const part = await openForWriting(place, name);
  if (part === null || (await part.status()).linkCount === 1) return part;
  part.close(); // writing to it would change the published file
  return null;
}

/** `null` when there is no part, or one that cannot be written any more. */
async function openForWriting(place: StagingPlace, name: string): Promise<DiskFile | null> {
  try {
    return await place.directory.openFile(name, { access: "write" });
  } catch (error) {
    if (osCode(error) === "ENOENT") return null;
    if (!NOT_PERMITTED.has(osCode(error) ?? "")) throw error;
  }
  // Sealed with the mode of a read-only source, and not published: a crash came between, or the name was taken.
  try {
    await makeWritable(await place.directory.openFile(name, { access: "read" }));
    return await place.directory.openFile(name, { access: "write" });
  } catch (error) {
    if (NOT_PERMITTED.has(osCode(error) ?? "")) return null;
    throw error;
  }
}

const NOT_PERMITTED: ReadonlySet<string> = new Set(["EACCES", "EPERM"]);

async function makeWritable(part: DiskFile): Promise<void> {
  try {
    const { linkCount, modifiedMs } = await part.status();
    // With a second name it is published: its mode is no longer ours to change.
    if (linkCount === 1) await part.setAttributes({ mode: 0o600, modifiedMs });
  } finally {
    part.close();
  }
}
