/**
 * A file that may be what is about to be received already.
 *
 * @module
 */
import type { FileStatus } from "./directory_listing.ts";
import type { NodeStatus } from "./disk.ts";
import type { PartialOptions } from "./partial_file.ts";
import type { SourceFile } from "./source_file.ts";

/** What two files have in common when it is worth comparing their content. */
export type FileLooks = Pick<PartialOptions, "sizeBytes" | "modifiedMs" | "mode">;

/** A file under its name, open for reading, that looks like the one to be received. */
export interface ExistingFile {
  /** Its content. */
  readonly source: SourceFile;
  /** Permission bits that received files get here. */
  readonly modeBits: number;
  /** Makes content and name as durable as those of a file that was just received. */
  settle(): Promise<void>;
  /** Releases it. */
  close(): Promise<void>;
}

/** Whether a node looks as a file with these looks does once it is published. */
export function looksLike(
  node: Pick<NodeStatus, "kind" | "sizeBytes" | "modifiedMs" | "mode"> | FileStatus,
  { sizeBytes, modifiedMs, mode }: FileLooks,
  umask: number,
): boolean {
  return node.kind === "file" && node.sizeBytes === sizeBytes &&
    node.mode === (mode & 0o777 & ~umask) && isSameTime(node.modifiedMs, modifiedMs);
}

/** Some file systems keep whole seconds, or every other one. */
function isSameTime(storedMs: number, modifiedMs: number): boolean {
  if (storedMs === modifiedMs) return true;
  const lostMs = modifiedMs - storedMs;
  return storedMs % 1000 === 0 && lostMs > 0 && lostMs < COARSEST_MS;
}

const COARSEST_MS = 2000;
