/**
 * What an unfinished transfer to a path has left, found by its names, without going on with it.
 *
 * @module
 */
import type { DiskDirectory, DiskFile } from "./disk.ts";
import type { DiskGuard } from "./disk_guard.ts";
import { FileError, osCode } from "./file_error.ts";
import { openLocked } from "./locked_file.ts";
import type { OpenFolders } from "./open_folders.ts";
import { partNames } from "./partial_file.ts";
import { formatRemotePath, type RemotePath, STAGING_PREFIX } from "./remote_path.ts";
import { inStaging, JOURNAL_SUFFIX, PART_SUFFIX, removeIfThere } from "./staging.ts";

/** Whether something unfinished of no sender's name may be kept for a path: false only when that is certain. */
export async function mayKeepPart(folders: OpenFolders, path: RemotePath): Promise<boolean> {
  const part = `${partNames(NOBODY, formatRemotePath(path)).id}${PART_SUFFIX}`;
  try {
    const staged = await inStaging(folders.root, (staging) => staging.lookUp(part));
    if (staged !== null) return true;
    // A folder below may be on another file system and keep its parts itself.
    const below = path.components.slice(0, -1);
    if (below.length === 0) return false;
    return await folders.inside(path, below, async (folder) => {
      return await folder.lookUp(`${STAGING_PREFIX}${part}`) !== null;
    });
  } catch (error) {
    return !(error instanceof FileError && error.kind === "not-found");
  }
}

const NOBODY = "";

/** What a part is looked for with. */
export interface KeptPartQuery {
  /** The folders below the root. */
  readonly folders: OpenFolders;
  /** Takes turns with whoever counts parts. */
  readonly guard: DiskGuard;
  /** Where the file was to go. */
  readonly path: RemotePath;
  /** Who sent it. */
  readonly sender: string;
}

/**
 * Removes what the sender has left unfinished for the path, unless somebody writes it. What cannot be removed
 * is left to the cleaning.
 */
export async function removeKeptPart(
  { folders, guard, path, sender }: KeptPartQuery,
): Promise<void> {
  const { id } = partNames(sender, formatRemotePath(path));
  const hiddenId = `${STAGING_PREFIX}${id}`;
  try {
    await folders.inParent(path, async (parent) => {
      await removePair(parent, hiddenId, guard);
      await inStaging(folders.root, (staging) =>
        removePair(staging, id, guard, async () => {
          // Of a program that was killed while it copied the file to another file system.
          if (await parent.lookUp(`${hiddenId}${JOURNAL_SUFFIX}`) !== null) return;
          await removeIfThere(parent, `${hiddenId}${PART_SUFFIX}`);
        }));
    });
  } catch {
    // A transfer that has come to a good end does not fail for what an earlier one has left.
  }
}

/** Removes a part and its journal, and before them what the same lock covers. */
async function removePair(
  directory: DiskDirectory,
  id: string,
  guard: DiskGuard,
  removeCovered: () => Promise<void> = async () => {},
): Promise<void> {
  const journal = `${id}${JOURNAL_SUFFIX}`;
  const log = await guard.inTurn(() => openUnused(directory, journal));
  if (log === null) return;
  try {
    await removeCovered();
    await removeIfThere(directory, `${id}${PART_SUFFIX}`);
    await removeIfThere(directory, journal);
  } finally {
    log.close();
  }
}

/** Null when there is none, or somebody has locked it. */
async function openUnused(directory: DiskDirectory, journal: string): Promise<DiskFile | null> {
  try {
    return await openLocked(directory, journal);
  } catch (error) {
    if (osCode(error) === "ENOENT") return null;
    throw error;
  }
}
