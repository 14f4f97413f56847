/**
 * How a finished file gets its name, so that after any crash the name means the old content or the
 * new one, whole, and success is reported only for what a crash cannot undo.
 *
 * @module
 */
import { LEAF_BYTES } from "../crypto/mod.ts";
import type { DirectorySync } from "./directory_sync.ts";
import type { DiskFile } from "./disk.ts";
import type { DiskGuard } from "./disk_guard.ts";
import type { DiskFlushes } from "./disk_flushes.ts";
import { type Place, renameExclusively } from "./exclusive_rename.ts";
import { osCode } from "./file_error.ts";
import type { PartialOptions } from "./partial_file.ts";
import { STAGING_PREFIX } from "./remote_path.ts";
import { removeIfThere, type StagingPlace, type StagingTarget } from "./staging.ts";

/** The name that a finished file gets. */
export interface Destination extends StagingTarget {
  /** The name in it. */
  readonly name: string;
  /** The whole path, for errors. */
  readonly path: string;
  /** Nothing had the name when the transfer began. */
  readonly isNew: boolean;
  /** Flushes folders. */
  readonly syncs: DirectorySync;
  /** Flushes files. */
  readonly flushes: DiskFlushes;
  /** Says whether the disk has room. */
  readonly guard: DiskGuard;
  /** Permission bits to take away. */
  readonly umask: number;
  /** Lets go of the folder and the name; nothing is to be asked of the destination afterwards. */
  release(): void;
}

/** A complete file that still has its staging name. */
export interface StagedFile {
  /** Where it is. */
  readonly place: StagingPlace;
  /** Its name there. */
  readonly name: string;
  /** Open for writing; the caller closes it. */
  readonly file: DiskFile;
}

/** Flushing failed, so what the disk holds is unknown: the part must not be used again. */
export class UnreliablePartError extends Error {
  /** Wraps what the disk reported. */
  constructor(cause: unknown) {
    super("Flushing the file failed", { cause });
    this.name = "UnreliablePartError";
  }
}

/**
 * Seals a staged file: attributes, then the flush.
 *
 * @throws {UnreliablePartError} when flushing fails. Flushing again could succeed although Linux
 * has dropped the pages, so the file is lost.
 */
export async function sealFile(
  file: DiskFile,
  { mode, modifiedMs, durability }: PartialOptions,
  { umask, flushes }: Pick<Destination, "umask" | "flushes">,
): Promise<void> {
  await file.setAttributes({ mode: mode & 0o777 & ~umask, modifiedMs });
  if (durability === "none") return;
  try {
    await flushes.flush(() => durability === "data" ? file.syncData() : file.sync());
  } catch (error) {
    throw new UnreliablePartError(error);
  }
}

/** Gives a sealed file its name and makes the name durable; the staging name is gone afterwards. */
export async function publishFile(
  staged: StagedFile,
  destination: Destination,
  options: PartialOptions,
): Promise<void> {
  try {
    await giveName({ directory: staged.place.directory, name: staged.name }, destination, options);
  } catch (error) {
    if (osCode(error) !== "EXDEV") throw error;
    await publishCopy(staged, destination, options);
  }
  if ((options.durability ?? "full") === "full") await destination.syncs.sync(destination.parent);
}

async function giveName(
  from: Place,
  { parent, name, isNew }: Destination,
  { exists }: PartialOptions,
): Promise<void> {
  if (exists === "overwrite") await from.directory.rename(from.name, parent, name, { isNew });
  else await renameExclusively(from, { directory: parent, name });
}

/** For a target that looked as if it were on the same file system: another mount of it, say. */
async function publishCopy(
  staged: StagedFile,
  destination: Destination,
  options: PartialOptions,
): Promise<void> {
  const { parent } = destination;
  const name = `${STAGING_PREFIX}${staged.name}`;
  await destination.noteParts();
  await removeIfThere(parent, name); // of an earlier try
  const copy = await parent.openFile(name, { access: "write", create: "new" });
  try {
    await copyContent(staged.file, copy);
    await sealFile(copy, options, destination);
    await giveName({ directory: parent, name }, destination, options);
  } catch (error) {
    await removeIfThere(parent, name).catch(() => {}); // the first error is the one to report
    throw error;
  } finally {
    copy.close();
  }
  await staged.place.directory.removeFile(staged.name);
}

async function copyContent(from: DiskFile, to: DiskFile): Promise<void> {
  const buffer = new Uint8Array(LEAF_BYTES);
  let offset = 0;
  for (;;) {
    const count = await from.read(buffer, offset);
    if (count === 0) return;
    await to.write(buffer.subarray(0, count), offset);
    offset += count;
  }
}
