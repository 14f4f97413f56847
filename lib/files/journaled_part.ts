import { assert } from "../bytes/invariant.ts";
import {
  constantTimeEqual,
  LEAF_BYTES,
  type LeafHasher,
  type LeafHashing,
  plainLeaves,
} from "../crypto/mod.ts";
import type { DiskFile } from "./disk.ts";
import type { PromisedRoom } from "./disk_guard.ts";
import { FileError, fileErrorFrom, osCode } from "./file_error.ts";
import type { HeldLeavesCheck } from "./held_leaves_check.ts";
import { type HeldPart, openHeldPart } from "./held_part.ts";
import { LeafWriter } from "./leaf_writer.ts";
import { openLocked } from "./locked_file.ts";
import type { PartialFile, PartialOptions } from "./partial_file.ts";
import { type Destination, publishFile, sealFile, UnreliablePartError } from "./publication.ts";
import { assertWithinQuota } from "./sender_quota.ts";
import {
  beginStaged,
  JOURNAL_SUFFIX,
  PART_SUFFIX,
  removeIfThere,
  type StagingContext,
  type StagingPlace,
} from "./staging.ts";
import type { ThreadPatience } from "./thread_patience.ts";
import type { JournalHeader, TransferJournal } from "./transfer_journal.ts";

/** Bytes between two flushes in the background. They only bound what a power loss costs. */
const CHECKPOINT_BYTES = 256 * 1024 * 1024;

/** The same in time, where there is a clock. */
const CHECKPOINT_MS = 5000;

/** What {@linkcode openJournaledPart} needs besides the served folder. */
export interface JournaledPartSetup {
  /** Where the file goes. */
  readonly destination: Destination;
  /** What it will be. */
  readonly options: PartialOptions;
  /** Begins the names of part and journal; the same for the same sender and target. */
  readonly id: string;
  /** What the names of all parts of the same sender begin with. */
  readonly senderId: string;
  /** What the journal belongs to. */
  readonly header: JournalHeader;
  /** Knows the hashes of a journal. */
  readonly hashing: LeafHashing;
  /** A clock for checkpoints, if there is one. */
  readonly nowMs: (() => number) | undefined;
  /** Says when a leaf that is waited for is written on this thread. */
  readonly patience: ThreadPatience;
}

/**
 * Opens the part with an id, takes over what it holds, or starts it.
 *
 * Leaves that the journal claims are read back and hashed, the last ones before this resolves: what is not
 * as claimed, and everything after it, is dropped.
 *
 * @throws {FileError} `busy` when another program writes it, `no-space` when there is no room for the rest of it.
 */
export async function openJournaledPart(
  context: StagingContext,
  setup: JournaledPartSetup,
): Promise<PartialFile> {
  const { destination } = setup;
  const { begun } = await beginStaged(context, destination, (place) => openPartAt(place, setup));
  try {
    await begun.claimRoom();
  } catch (error) {
    await begun.park();
    throw error;
  }
  return begun;
}

async function openPartAt(place: StagingPlace, setup: JournaledPartSetup): Promise<JournaledPart> {
  const names = {
    part: `${place.prefix}${setup.id}${PART_SUFFIX}`,
    log: `${place.prefix}${setup.id}${JOURNAL_SUFFIX}`,
  };
  const { destination: { guard, path }, senderId, header, hashing, options } = setup;
  const { leafHasher: hasher = plainLeaves, isHasherFixed = false } = options;
  const { isStopped = () => false } = options;
  const { directory } = place;
  const log = await guard.inTurn(async () => {
    if (guard.isStrict && await directory.lookUp(names.part) === null) {
      await assertWithinQuota(place, { prefix: `${place.prefix}${senderId}`, path });
    }
    // The lock of the journal covers the part as well.
    return await openLocked(directory, names.log, { create: "if-missing" });
  });
  if (log === null) throw new FileError("busy", path);
  try {
    const open = await openHeldPart(place, names.part, log, {
      ...{ header, hashing, hasher, isHasherFixed, isStopped },
    });
    return new JournaledPart(place, names, open, setup);
  } catch (error) {
    log.close();
    throw error;
  }
}

/** What was held of a file is not what its journal says; what is left of it may be resumed. */
class DamagedPartError extends FileError {
  constructor(path: string) {
    super("changed", path, { reason: "what was held of it is damaged" });
  }
}

/** A file of more than one leaf: written as it arrives, journaled leaf by leaf, resumable. */
class JournaledPart implements PartialFile {
  readonly #place: StagingPlace;
  readonly #names: { readonly part: string; readonly log: string };
  readonly #part: DiskFile;
  readonly #log: DiskFile;
  readonly #journal: TransferJournal;
  readonly #destination: Destination;
  readonly #options: PartialOptions;
  readonly #nowMs: (() => number) | undefined;
  readonly #patience: ThreadPatience;

  readonly leafHasher: LeafHasher;
  readonly isOfSameSource: boolean;
  readonly #check: HeldLeavesCheck;
  #resumed: readonly Uint8Array[];
  #writer: LeafWriter;

  #room: PromisedRoom | null = null;
  #checkpoint: Promise<void> | null = null;
  #checkpointedBytes: number;
  #checkpointedAtMs: number;
  #isNameDurable = false;
  #isEnded = false;

  constructor(
    place: StagingPlace,
    names: { readonly part: string; readonly log: string },
    open: HeldPart,
    { destination, options, nowMs, patience }: JournaledPartSetup,
  ) {
    this.#place = place;
    this.#names = names;
    this.#part = open.part;
    this.#log = open.log;
    this.#journal = open.journal;
    this.#destination = destination;
    this.#options = options;
    this.#nowMs = nowMs;
    this.#patience = patience;
    this.leafHasher = open.hasher;
    this.isOfSameSource = open.isOfSameSource;
    this.#check = open.check;
    this.#resumed = open.leaves;
    this.#writer = this.#startWriter();
    this.#checkpointedBytes = this.resumeOffset;
    this.#checkpointedAtMs = nowMs?.() ?? 0;
  }

  get resumeOffset(): number {
    return this.#resumed.length * LEAF_BYTES;
  }

  get leaves(): readonly Uint8Array[] {
    return this.#resumed;
  }

  /**
   * Has room promised for what is to come. To be called once, before anything else.
   *
   * @throws {FileError} `no-space`.
   */
  async claimRoom(): Promise<void> {
    const { guard, parent, path } = this.#destination;
    // What is parked beyond the verified leaves is not counted as free, which errs by a batch. A folder below the
    // served one may be on another disk.
    this.#room = await guard.promise(parent, path, this.#options.sizeBytes - this.resumeOffset);
  }

  async discardFrom(leafIndex: number): Promise<void> {
    this.#assertOpen();
    if (this.#writer.acceptedBytes !== this.resumeOffset || leafIndex > this.#resumed.length) {
      throw new RangeError(`Cannot discard from leaf ${leafIndex}: writing is past it`);
    }
    try {
      await this.#journal.cutTo(leafIndex);
      await this.#part.truncate(leafIndex * LEAF_BYTES);
    } catch (error) {
      throw fileErrorFrom(error, this.#destination.path);
    }
    this.#resumed = this.#resumed.slice(0, leafIndex);
    this.#room?.keep(this.#options.sizeBytes - this.resumeOffset);
    this.#writer.close();
    this.#writer = this.#startWriter();
    this.#checkpointedBytes = this.resumeOffset;
  }

  room(): Uint8Array {
    this.#assertOpen();
    return this.#writer.room();
  }

  async fill(count: number): Promise<void> {
    this.#assertOpen();
    await this.#writer.fill(count);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    this.#writer.throwFailure();
    if (bytes.length > this.#options.sizeBytes - this.#writer.acceptedBytes) {
      throw this.#changed("it is too long");
    }
    for (let taken = 0; taken < bytes.length;) {
      const room = this.room();
      const piece = bytes.subarray(taken, taken + room.length);
      room.set(piece);
      await this.fill(piece.length);
      taken += piece.length;
    }
  }

  async writeKept(bytes: Uint8Array): Promise<void> {
    await this.write(bytes);
  }

  async commit(root: Uint8Array): Promise<void> {
    this.#assertOpen();
    try {
      await this.#finishWriting();
      await this.#assertHeldWasTrue();
      this.#verify(root);
      await this.#seal();
      const { part: name } = this.#names;
      const staged = { place: this.#place, name, file: this.#part };
      await publishFile(staged, this.#destination, this.#options);
    } catch (error) {
      await this.#endAfter(error);
      throw fileErrorFrom(
        error instanceof UnreliablePartError ? error.cause : error,
        this.#destination.path,
      );
    }
    await removeIfThere(this.#place.directory, this.#names.log).catch(() => {}); // cleaned up later
    this.#close();
  }

  async park(): Promise<void> {
    if (this.#isEnded) return;
    await this.#settle();
    const { failure, handedBytes } = this.#writer;
    if (failure instanceof UnreliablePartError || handedBytes < LEAF_BYTES) {
      return await this.discard();
    }
    this.#close();
  }

  async discard(): Promise<void> {
    if (this.#isEnded) return;
    await this.#settle();
    try {
      // The part first: a journal without a part is nothing, a part without a journal is an orphan.
      await removeIfThere(this.#place.directory, this.#names.part);
      await removeIfThere(this.#place.directory, this.#names.log);
    } catch (error) {
      throw fileErrorFrom(error, this.#destination.path);
    } finally {
      this.#close();
    }
  }

  #startWriter(): LeafWriter {
    return new LeafWriter({
      part: this.#part,
      journal: this.#journal,
      destination: this.#destination,
      hasher: this.leafHasher,
      leaves: this.#resumed,
      sizeBytes: this.#options.sizeBytes,
      nowMs: this.#nowMs,
      patience: this.#patience,
      onWritten: (bytes) => {
        this.#room?.keep(this.#options.sizeBytes - bytes);
        if (this.#isCheckpointDue(bytes)) this.#startCheckpoint(bytes);
      },
    });
  }

  #isCheckpointDue(writtenBytes: number): boolean {
    if (this.#checkpoint !== null || this.#options.durability === "none") return false;
    if (writtenBytes - this.#checkpointedBytes >= CHECKPOINT_BYTES) return true;
    return this.#nowMs !== undefined && this.#nowMs() - this.#checkpointedAtMs >= CHECKPOINT_MS;
  }

  #startCheckpoint(writtenBytes: number): void {
    this.#checkpointedBytes = writtenBytes;
    this.#checkpoint = this.#flush()
      .catch((error) => this.#writer.fail(new UnreliablePartError(error)))
      .finally(() => {
        this.#checkpoint = null;
        this.#checkpointedAtMs = this.#nowMs?.() ?? 0;
      });
  }

  async #flush(): Promise<void> {
    await this.#part.syncData();
    await this.#log.syncData();
    if (this.#isNameDurable) return;
    await this.#place.sync();
    this.#isNameDurable = true;
  }

  /** Nothing uses the files any more. */
  async #settle(): Promise<void> {
    await this.#writer.settle();
    await this.#checkpoint;
    await this.#check.stop();
  }

  async #finishWriting(): Promise<void> {
    await this.#writer.finish();
    await this.#checkpoint;
    this.#writer.throwFailure();
  }

  /** What was claimed and is not there is cut off, with what came after it. */
  async #assertHeldWasTrue(): Promise<void> {
    const trueCount = await this.#check.trueCount();
    if (trueCount >= this.#resumed.length) return;
    await this.#journal.cutTo(trueCount);
    throw new DamagedPartError(this.#destination.path);
  }

  #verify(root: Uint8Array): void {
    if (this.#writer.acceptedBytes !== this.#options.sizeBytes) {
      throw this.#changed("it is too short");
    }
    if (!constantTimeEqual(this.#writer.root(), root)) throw this.#changed("the hash differs");
  }

  async #seal(): Promise<void> {
    const { sizeBytes } = await this.#part.status();
    // Of an earlier try whose last bytes were others.
    if (sizeBytes !== this.#options.sizeBytes) await this.#part.truncate(this.#options.sizeBytes);
    await sealFile(this.#part, this.#options, this.#destination);
  }

  /** After a failed commit: wrong content goes, right content stays for another try. */
  async #endAfter(error: unknown): Promise<void> {
    const isUnwanted = this.#options.exists === "skip" && osCode(error) === "EEXIST";
    const isWorthless = isUnwanted || error instanceof UnreliablePartError ||
      (error instanceof FileError && error.kind === "changed" &&
        !(error instanceof DamagedPartError));
    await (isWorthless ? this.discard() : this.park()).catch(() => {}); // the first error counts
  }

  #assertOpen(): void {
    assert(!this.#isEnded, "An ended part was used");
  }

  #changed(reason: string): FileError {
    return new FileError("changed", this.#destination.path, { reason });
  }

  #close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#room?.release();
    this.#writer.close();
    this.#part.close();
    this.#log.close();
    this.#place.close();
    this.#destination.release();
  }
}
