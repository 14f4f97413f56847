import type { ListedStatus, NodeStatus } from "./disk.ts";
import { FileError } from "./file_error.ts";
import { validateComponent } from "./remote_path.ts";

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

/** What a listing says of a name; null when it has vanished since. */
export function directoryEntry(name: string, status: ListedStatus): DirectoryEntry | null {
  if (status !== null && status !== "unknown") {
    return { name, ...fileStatus(status), readable: validateComponent(name) === null };
  }
  // Bytes that are not UTF-8 cannot be looked up under the name that was listed.
  if (status === null && !name.includes("\uFFFD")) return null;
  return { name, ...UNKNOWN, readable: false };
}

const UNKNOWN: FileStatus = { kind: "other", sizeBytes: 0, modifiedMs: 0, mode: 0 };
