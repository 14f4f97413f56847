/**
 * Going through everything below a folder.
 *
 * @module
 */
import { type DirectoryEntry, type FileStatus, unreadableEntry } from "./directory_listing.ts";
import type { DiskDirectory } from "./disk.ts";
import { type FileError, fileErrorFrom } from "./file_error.ts";
import {
  formatRemotePath,
  type RemotePath,
  remotePathFromComponents,
  STAGING_PREFIX,
} from "./remote_path.ts";

/** One step of a walk. */
export interface WalkStep {
  /** Where it is. */
  readonly path: RemotePath;
  /** What it is. */
  readonly status: FileStatus;
}

/** Lists one folder; throws {@linkcode FileError}. */
export type ListFolder = (folder: RemotePath) => AsyncIterable<DirectoryEntry>;

/** Everything below a folder, folders before their contents, by name; `skip` hears of what cannot be visited. */
export async function* walkContents(
  list: ListFolder,
  folder: RemotePath,
  skip: (error: FileError) => void,
): AsyncIterable<WalkStep> {
  for await (const { name, readable, ...status } of listOr(list, folder, skip)) {
    const path = readable ? childOr(folder, name, skip) : null;
    if (!readable) skip(unreadableEntry(name, shownChild(folder, name)));
    if (path === null) continue;
    yield { path, status };
    if (status.kind === "directory") yield* walkContents(list, path, skip);
  }
}

/** Counts the files in a directory and below, and their bytes; Ferry's own are left out. */
export async function measureDirectory(
  directory: DiskDirectory,
): Promise<{ files: number; bytes: number }> {
  const total = { files: 0, bytes: 0 };
  for (const { name, status } of await directory.list()) {
    if (status === null || name.startsWith(STAGING_PREFIX)) continue;
    if (status.kind === "file") {
      total.files += 1;
      total.bytes += status.sizeBytes;
    } else if (status.kind === "directory") {
      const below = await measureBelow(directory, name);
      total.files += below.files;
      total.bytes += below.bytes;
    }
  }
  return total;
}

async function measureBelow(
  parent: DiskDirectory,
  name: string,
): Promise<{ files: number; bytes: number }> {
  let directory: DiskDirectory;
  try {
    directory = await parent.openDirectory(name);
  } catch {
    return { files: 0, bytes: 0 }; // vanished, or closed to us: nothing there can be served
  }
  try {
    return await measureDirectory(directory);
  } finally {
    directory.close();
  }
}

async function* listOr(
  list: ListFolder,
  folder: RemotePath,
  skip: (error: FileError) => void,
): AsyncIterable<DirectoryEntry> {
  try {
    yield* list(folder);
  } catch (error) {
    skip(fileErrorFrom(error, formatRemotePath(folder)));
  }
}

function childOr(
  folder: RemotePath,
  name: string,
  skip: (error: FileError) => void,
): RemotePath | null {
  try {
    return remotePathFromComponents([...folder.components, name]);
  } catch (error) {
    skip(fileErrorFrom(error, shownChild(folder, name))); // too deep or too long
    return null;
  }
}

/** A name that may be none of a remote path, as people are told of it. */
function shownChild(folder: RemotePath, name: string): string {
  return `/${[...folder.components, name].join("/")}`;
}
