import type { DiskDirectory, ListedNode, NodeStatus } from "./disk.ts";
import { FileError } from "./file_error.ts";
import { STAGING_PREFIX, validateComponent } from "./remote_path.ts";

/** What a file or folder looks like from outside. */
export interface FileStatus {
  /** `"other"` is whatever cannot be transferred: links, devices, pipes. */
  readonly kind: "file" | "directory" | "other";
  /** Length in bytes, 0 unless a file. */
  readonly sizeBytes: number;
  /** Last change of the content, milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Permission bits, `0o777` at most. */
  readonly mode: number;
}

/** One line of a listing. */
export interface DirectoryEntry extends FileStatus {
  /** The name as stored; escape it before showing it. */
  readonly name: string;
  /** `false` when it cannot be asked for; {@linkcode unreadableEntry} says why. */
  readonly readable: boolean;
}

/** Lists a folder: folders first, then by name; Ferry's own files are left out. */
export async function listDirectory(directory: DiskDirectory): Promise<DirectoryEntry[]> {
  const nodes = await directory.list();
  return nodes.filter(({ name }) => !name.startsWith(STAGING_PREFIX))
    .map(directoryEntry)
    .sort(byKindThenName);
}

/** What {@linkcode FileStatus} tells of a node. */
export function fileStatus({ kind, sizeBytes, modifiedMs, mode }: NodeStatus): FileStatus {
  return {
    kind: kind === "symlink" ? "other" : kind,
    sizeBytes: kind === "file" ? sizeBytes : 0,
    modifiedMs,
    mode,
  };
}

/**
 * Why an entry is not readable: no path can name it (bytes that are not UTF-8, a name that is not allowed), or the
 * folder may be listed but not entered.
 */
export function unreadableEntry(name: string, path: string): FileError {
  const reason = validateComponent(name);
  return reason === null
    ? new FileError("permission", path)
    : new FileError("invalid-name", path, { reason });
}

const UNKNOWN: FileStatus = { kind: "other", sizeBytes: 0, modifiedMs: 0, mode: 0 };

function directoryEntry({ name, status }: ListedNode): DirectoryEntry {
  const known = status === null ? UNKNOWN : fileStatus(status);
  return { name, ...known, readable: status !== null && validateComponent(name) === null };
}

function byKindThenName(a: DirectoryEntry, b: DirectoryEntry): number {
  const folderFirst = Number(b.kind === "directory") - Number(a.kind === "directory");
  if (folderFirst !== 0) return folderFirst;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
