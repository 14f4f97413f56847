/**
 * Remote paths as users type them: resolving, listing, patterns, whole trees.
 *
 * @module
 */

import {
  type DirectoryEntry,
  type FileStatus,
  formatRemotePath,
  isBelow,
  type NewFolder,
  type RemotePath,
  remotePathFromComponents,
  resolveRemotePath,
} from "../files/mod.ts";
import {
  listDirectory,
  ListingBudget,
  makeDirectories,
  type SkippedEntry,
  statPath,
  walkTree,
} from "../operations/mod.ts";
import { RemoteError } from "../request/mod.ts";
import type { Failures } from "./failures.ts";
import { expandGlob } from "./glob.ts";
import type { Word } from "./parse_line.ts";
import type { Session } from "./session.ts";
import { about, SubjectError } from "./shell_error.ts";

/** A remote file or folder that the user named. */
export interface RemotePlace {
  /** Where it is. */
  readonly path: RemotePath;
  /** What the user calls it. */
  readonly text: string;
  /** What it is, when a listing said so. */
  readonly kind: "file" | "folder" | "unknown";
  /** The whole entry of that listing. */
  readonly entry: DirectoryEntry | null;
  /** A pattern found it, not its name. */
  readonly isMatch: boolean;
}

/** All entries of a remote folder, as far as the budget goes. */
export async function listRemote(
  session: Session,
  path: RemotePath,
  signal: AbortSignal,
  budget: ListingBudget = new ListingBudget(),
): Promise<DirectoryEntry[]> {
  return await session.request(signal, async (caller) => {
    const entries: DirectoryEntry[] = [];
    for await (const page of listDirectory(caller, path, { signal, budget })) entries.push(...page);
    return entries;
  }, { onLoss: "again" });
}

/** What a remote path is. */
export async function remoteStatus(
  session: Session,
  path: RemotePath,
  signal: AbortSignal,
): Promise<FileStatus> {
  return await session.request(signal, (caller) => statPath(caller, path, { signal }), {
    onLoss: "again",
  });
}

/** What a remote path is; null when there is nothing. */
export async function remoteStatusOrNull(
  session: Session,
  path: RemotePath,
  signal: AbortSignal,
): Promise<FileStatus | null> {
  try {
    return await remoteStatus(session, path, signal);
  } catch (error) {
    if (error instanceof RemoteError && error.status === "not-found") return null;
    throw error;
  }
}

/**
 * The remote places a word stands for: itself, or what its pattern matches.
 *
 * @param onUnusable Hears of what the pattern matches and nobody may ask for by that name.
 * @throws {RemoteError} `not-found` when a pattern matches nothing.
 */
export async function expandRemote(
  session: Session,
  word: Word,
  signal: AbortSignal,
  onUnusable: (text: string) => void = () => {},
): Promise<RemotePlace[]> {
  const base = session.remoteFolder;
  if (word.pattern !== null) {
    const budget = new ListingBudget();
    const matches = await expandGlob(word.pattern, async (folder) => {
      const entries = await listRemote(session, resolveRemotePath(base, folder), signal, budget);
      return entries.map((entry) => ({
        ...entry,
        isFolder: entry.kind === "directory",
        isUsable: entry.readable,
      }));
    });
    for (const { path, entry } of matches) if (!entry.isUsable) onUnusable(path);
    if (matches.length > 0) {
      return matches.filter(({ entry }) => entry.isUsable).map(({ path, entry }) => ({
        path: resolveRemotePath(base, path),
        text: path,
        kind: entry.isFolder ? "folder" : "file",
        entry,
        isMatch: true,
      }));
    }
    // Brackets may be part of a plain name; stars and question marks are in no remote name.
    if (/[*?]/.test(word.text)) throw new RemoteError("not-found", word.text);
  }
  const path = resolveRemotePath(base, word.text);
  return [{ path, text: word.text, kind: "unknown", entry: null, isMatch: false }];
}

/** The remote places that several words stand for; what stands for none is told. */
export async function expandEachRemote(
  session: Session,
  words: readonly Word[],
  signal: AbortSignal,
  failures: Failures,
): Promise<RemotePlace[]> {
  const places: RemotePlace[] = [];
  const onUnusable = (path: string) => failures.tell(path, new RemoteError("invalid-name", path));
  await failures.each(words, async (word) => {
    places.push(...await expandRemote(session, word, signal, onUnusable));
  });
  return places;
}

/**
 * Makes remote folders, those above before those below; what exists is fine.
 *
 * @throws {SubjectError} About the folder that could not be made.
 */
export async function makeRemoteFolders(
  session: Session,
  folders: readonly NewFolder[],
  signal: AbortSignal,
): Promise<void> {
  const named = folders.filter(({ path }) => path.components.length > 0);
  if (named.length === 0) return;
  await about(formatRemotePath(named[0]!.path), () =>
    session.request(signal, async (caller) => {
      try {
        await makeDirectories(caller, named, { signal });
      } catch (error) {
        if (error instanceof RemoteError && error.path !== "") {
          throw new SubjectError(error.path, error);
        }
        throw error;
      }
    }, { onLoss: "again" }));
}

/** A path one name further down. The name is checked: it may come from a server. */
export function childPath(folder: RemotePath, name: string): RemotePath {
  return remotePathFromComponents([...folder.components, name]);
}

/** What a remote path is, and what it holds, all the way down. */
export interface RemoteTree {
  /** The path itself. */
  readonly top: FileStatus;
  /** Folders below it, a folder before what it holds. */
  readonly folders: readonly NewFolder[];
  /** Files below it. */
  readonly files: readonly { readonly path: RemotePath; readonly sizeBytes: number }[];
  /** What is no file: links, devices. */
  readonly others: readonly RemotePath[];
  /** What the server could not visit. */
  readonly skipped: readonly SkippedEntry[];
}

/** Looks at a remote path and lists everything below it. */
export async function walkRemote(
  session: Session,
  top: RemotePath,
  signal: AbortSignal,
): Promise<RemoteTree> {
  return await session.request(signal, async (caller) => {
    const folders: NewFolder[] = [];
    const files: { path: RemotePath; sizeBytes: number }[] = [];
    const others: RemotePath[] = [];
    const skipped: SkippedEntry[] = [];
    let topStatus: FileStatus | null = null;
    for await (const page of walkTree(caller, top, { signal })) {
      skipped.push(...page.skipped);
      for (const { path, status } of page.entries) {
        if (isSame(path, top)) topStatus = status;
        // A server may say anything; what is not below the folder was not asked for.
        if (!isBelow(path, top)) continue;
        if (status.kind === "directory") folders.push({ path, mode: status.mode });
        else if (status.kind === "file") files.push({ path, sizeBytes: status.sizeBytes });
        else others.push(path);
      }
    }
    topStatus ??= await statPath(caller, top, { signal });
    return { top: topStatus, folders, files, others, skipped };
  }, { onLoss: "again" });
}

function isSame(path: RemotePath, other: RemotePath): boolean {
  return path.components.length === other.components.length &&
    path.components.every((name, index) => name === other.components[index]);
}
