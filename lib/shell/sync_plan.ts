/**
 * What has to be done so that one folder becomes like another. Pure: two trees in, a plan out.
 *
 * @module
 */

import { type FileStatus, forEachOf } from "../files/mod.ts";

/** A folder's content by path (`a/b.txt`), folders before what they hold. The folder itself is not in it. */
export type Tree = ReadonlyMap<string, FileStatus>;

/** A file to be sent. */
export interface SyncFile {
  /** Its path below both folders. */
  readonly path: string;
  /** Its size at the source. */
  readonly sizeBytes: number;
  /** Whether the target has another one of that name. */
  readonly kind: "new" | "changed";
}

/** A folder to be made. */
export interface SyncFolder {
  /** Its path below both folders. */
  readonly path: string;
  /** Permission bits at the source. */
  readonly mode: number;
}

/** What is to be done, in this order. */
export interface SyncPlan {
  /** Things at the target that stand where something of another kind has to go. */
  readonly obstacles: readonly string[];
  /** Folders to make, a folder before those in it. */
  readonly folders: readonly SyncFolder[];
  /** Files to send. */
  readonly files: readonly SyncFile[];
  /** Things at the target that the source does not have; of a folder only the folder itself. */
  readonly extras: readonly string[];
  /** Files that are the same on both sides. */
  readonly sameCount: number;
  /** Things of the source that can be sent nowhere: links, devices. */
  readonly others: readonly string[];
}

/**
 * Compares two trees.
 *
 * @param isSame Decides about files of equal size.
 */
export async function planSync(
  source: Tree,
  target: Tree,
  isSame: (path: string, source: FileStatus, target: FileStatus) => boolean | Promise<boolean>,
): Promise<SyncPlan> {
  const obstacles: string[] = [];
  const folders: SyncFolder[] = [];
  const files: SyncFile[] = [];
  const others: string[] = [];
  const same = await samePaths(source, target, isSame);
  for (const [path, status] of source) {
    if (status.kind === "other") {
      others.push(path);
      continue;
    }
    const there = isBelowAny(path, obstacles) ? undefined : target.get(path);
    if (there !== undefined && there.kind !== status.kind) obstacles.push(path);
    const isThere = there?.kind === status.kind;
    if (status.kind === "directory") {
      if (!isThere) folders.push({ path, mode: status.mode });
    } else if (!isThere) {
      files.push({ path, sizeBytes: status.sizeBytes, kind: "new" });
    } else if (!same.has(path)) {
      files.push({ path, sizeBytes: status.sizeBytes, kind: "changed" });
    }
  }
  return {
    obstacles,
    folders,
    files,
    extras: extrasOf(source, target),
    sameCount: same.size,
    others,
  };
}

/** Comparisons under way at the same time: each may cost a round trip. */
const PARALLEL_COMPARISONS = 16;

/** Files that need not be sent. */
async function samePaths(
  source: Tree,
  target: Tree,
  isSame: Parameters<typeof planSync>[2],
): Promise<ReadonlySet<string>> {
  const same = new Set<string>();
  await forEachOf(source, PARALLEL_COMPARISONS, async ([path, status]) => {
    const there = target.get(path);
    if (status.kind !== "file" || there?.kind !== "file") return;
    if (there.sizeBytes !== status.sizeBytes) return;
    if (await isSame(path, status, there)) same.add(path);
  });
  return same;
}

/** What file systems for sticks and cards keep of a moment: exFAT, ext3 and FAT. */
const COARSE_MS = [10, 1000, 2000];

/**
 * Files of equal size are taken for the same when they were last changed at the same moment, as far as the
 * target's disk can keep it: else a stick would get everything again each time. A moment of whole seconds has
 * lost nothing that would excuse another one.
 */
export function isSameMoment(_path: string, source: FileStatus, target: FileStatus): boolean {
  const { modifiedMs } = source;
  if (modifiedMs === target.modifiedMs) return true;
  if (modifiedMs % 1000 === 0) return false;
  return COARSE_MS.some((unitMs) => target.modifiedMs === modifiedMs - modifiedMs % unitMs);
}

function extrasOf(source: Tree, target: Tree): string[] {
  const extras: string[] = [];
  for (const path of target.keys()) {
    if (!source.has(path) && !isBelowAny(path, extras.slice(-1))) extras.push(path);
  }
  // What lies in a folder that has to make way goes with it.
  return extras.filter((path) => !isBelowFile(path, source));
}

function isBelowAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(`${folder}/`));
}

function isBelowFile(path: string, source: Tree): boolean {
  const components = path.split("/");
  return components.some((_, depth) => {
    const above = source.get(components.slice(0, depth).join("/"));
    return above !== undefined && above.kind !== "directory";
  });
}
