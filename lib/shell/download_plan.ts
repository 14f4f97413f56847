/**
 * `get`: which remote files, and where each goes.
 *
 * @module
 */

import { basename, dirname } from "@std/path";
import {
  FileError,
  type FileRoot,
  type NewFolder,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
} from "../files/mod.ts";
import { download, PACKED_FILE_BYTES, receivedFolderMode } from "../operations/mod.ts";
import { RemoteError } from "../request/mod.ts";
import type { CommandContext } from "./command.ts";
import { Failures } from "./failures.ts";
import type { LocalFolders, LocalPlace } from "./local_folders.ts";
import { localKey } from "./one_target_each.ts";
import type { Word } from "./parse_line.ts";
import {
  expandEachRemote,
  type RemotePlace,
  remoteStatus,
  type RemoteTree,
  walkRemote,
} from "./remote_place.ts";
import { about, SubjectError, UsageError } from "./shell_error.ts";
import { aboutTarget, shownLocalPath } from "./shown_path.ts";
import {
  areOneName,
  localTargetFolder,
  makeOwnFolders,
  oneNameError,
  TargetNames,
} from "./target_names.ts";
import type { TransferItem } from "./transfer_item.ts";

/** What the user asked for. */
export interface CopyRequest {
  /** Names and patterns. */
  readonly sources: readonly Word[];
  /** The target of `-o`, or null. */
  readonly output: string | null;
  /** Folders too. */
  readonly isRecursive: boolean;
}

/** What is to be moved. */
export interface CopyPlan {
  /** The files. */
  readonly items: readonly TransferItem[];
  /** Of words that could not be resolved; each was told. */
  readonly failures: Failures;
  /** The names that folders at the target got. */
  readonly names: TargetNames;
  /** Several files, or files found by a pattern or in a folder: one summary line follows. */
  readonly isBatch: boolean;
}

/** Resolves names, patterns and folders of `get`; makes the local folders. */
export async function planDownload(
  request: CopyRequest,
  context: CommandContext,
): Promise<CopyPlan> {
  const { sources, isRecursive } = request;
  const isSingle = sources.length === 1;
  const failures = new Failures("get", context.terminal);
  const { session, signal } = context;
  const places = await expandEachRemote(session, sources, signal, failures);
  const isBatch = !isSingle || isRecursive || failures.names.length > 0 ||
    places.some((place) => place.isMatch);
  const isSeveral = !isSingle || places.length > 1;
  const target = await chooseLocalTarget(request.output, isSeveral, context);
  const items: TransferItem[] = [];
  const names = new TargetNames();
  const plan = { context, items, failures, names };
  await failures.each(places, (place) => planPlace(place, target, plan, isRecursive));
  return { items, failures, names, isBatch: isBatch && !(isSingle && isOneFile(places, items)) };
}

/** `-r` and patterns that came to a single named file read better as one file. */
function isOneFile(places: readonly RemotePlace[], items: readonly TransferItem[]): boolean {
  return places.length === 1 && !places[0]!.isMatch && items.length === 1 &&
    items[0]!.name === places[0]!.text;
}

/** Where files go: into a folder under their own names, or to one given path. */
type LocalTarget =
  | { readonly kind: "into"; readonly folder: string }
  | { readonly kind: "as"; readonly path: string };

async function chooseLocalTarget(
  output: string | null,
  isSeveral: boolean,
  context: CommandContext,
): Promise<LocalTarget> {
  if (output === null) return { kind: "into", folder: context.session.localFolder };
  const isFolder = isSeveral || /[/\\]$/.test(output) || await context.local.isFolder(output);
  return isFolder ? { kind: "into", folder: output } : { kind: "as", path: output };
}

/** A plan while it grows, and what it needs to grow. */
export interface GrowingPlan {
  /** Of the command. */
  readonly context: CommandContext;
  /** Grows. */
  readonly items: TransferItem[];
  /** Hears of what cannot be part of it. */
  readonly failures: Failures;
  /** The names that folders at the target got. */
  readonly names: TargetNames;
}

async function planPlace(
  place: RemotePlace,
  target: LocalTarget,
  plan: GrowingPlan,
  isRecursive: boolean,
): Promise<void> {
  const { session, signal, terminal, local } = plan.context;
  // What is not known to be a file is looked at and listed in one round trip.
  const tree = isRecursive && place.kind !== "file"
    ? await walkRemote(session, place.path, signal)
    : null;
  if (tree?.top.kind === "directory") return await planFolder(place, tree, target, plan);
  const isFolder = tree === null && (place.kind === "folder" || await isFolderByName(place, plan));
  if (isFolder) {
    if (!place.isMatch) throw new UsageError(`${place.text} is a folder: get -r fetches it`);
    terminal.note(`Skipped the folder ${place.text} (get -r fetches folders)`);
    return;
  }
  const { root, path } = await placeOf(place, target, local);
  const sizeBytes = tree?.top.sizeBytes ?? place.entry?.sizeBytes ?? null;
  plan.items.push(downloadItem(place.text, sizeBytes, place.path, { root, path }));
}

async function placeOf(
  { path }: RemotePlace,
  target: LocalTarget,
  local: LocalFolders,
): Promise<LocalPlace> {
  const text = target.kind === "as" ? target.path : target.folder;
  return await aboutTarget(text, async () => {
    if (target.kind === "as") return await local.place(text, { create: true });
    const root = await local.folder(text, { create: true });
    return { root, path: remotePathFromComponents(path.components.slice(-1)) };
  });
}

/** `/` and the like have no name under which a file could be asked for. */
async function isFolderByName(place: RemotePlace, { context }: GrowingPlan): Promise<boolean> {
  if (place.kind !== "unknown" || place.path.components.length > 0) return false;
  const status = await remoteStatus(context.session, place.path, context.signal);
  return status.kind === "directory";
}

async function planFolder(
  place: RemotePlace,
  tree: RemoteTree,
  target: LocalTarget,
  plan: GrowingPlan,
): Promise<void> {
  const { terminal, local, session } = plan.context;
  const name = takesContents(place.text) ? "" : place.path.components.at(-1) ?? "";
  const folder = target.kind === "as" ? target.path : local.absolute(target.folder, name);
  const mode = receivedFolderMode(tree.top.mode);
  const shownFolder = shownLocalPath(folder, session.localFolder);
  await assertOwnFolder(folder, place.text, plan);
  const root = await about(shownFolder, () => local.folder(folder, { create: true, mode }));
  const below = (path: RemotePath) => path.components.slice(place.path.components.length);
  const called = (components: readonly string[]) =>
    [...(name === "" ? [] : [name]), ...components].join("/");
  const shown = (path: RemotePath) => called(below(path));
  for (const path of tree.others) {
    terminal.note(`Skipped ${shown(path)}: it is neither a file nor a folder`);
  }
  for (const { path, reason } of tree.skipped) {
    plan.failures.tell(path, new RemoteError(reason, path));
  }
  const folders = tree.folders.map(({ path, mode }) => ({
    path: remotePathFromComponents(below(path)),
    mode: receivedFolderMode(mode),
  }));
  const isFree = await makeOwnFolders(folders, {
    ...{ command: "get", names: plan.names, failures: plan.failures },
    keyOf: ({ components }) => localKey(root.directory, components),
    shown: ({ components }) => called(components),
    at: (above) => localTargetFolder(root, above),
    make: (made) => makeLocalFolders(root, made, shownFolder),
  });
  for (const { path, sizeBytes } of tree.files) {
    const target = { root, path: remotePathFromComponents(below(path)) };
    if (isFree(target.path)) plan.items.push(downloadItem(shown(path), sizeBytes, path, target));
  }
}

/**
 * Makes sure that a folder that was asked for will not be the same one as an earlier one.
 *
 * @throws {OneNameError}
 */
async function assertOwnFolder(
  path: string,
  shown: string,
  { names, context: { local } }: GrowingPlan,
): Promise<void> {
  const [above, name] = [dirname(path), basename(path)];
  const rival = names.claim(above, { shown, name });
  if (rival === null) return;
  const folder = localTargetFolder(await local.folder(above), REMOTE_ROOT);
  if (await areOneName(folder, rival.name, name)) throw oneNameError("get", rival.shown, shown);
}

async function makeLocalFolders(
  root: FileRoot,
  folders: readonly NewFolder[],
  shown: string,
): Promise<void> {
  try {
    await root.makeDirectories(folders);
  } catch (error) {
    // Its path begins with the slash that stands for the root.
    throw error instanceof FileError ? new SubjectError(`${shown}${error.path}`, error) : error;
  }
}

/** A remote file and where it goes. */
export function downloadItem(
  name: string,
  sizeBytes: number | null,
  remote: RemotePath,
  target: LocalPlace,
): TransferItem {
  return {
    name,
    targetName: target.path.components.at(-1) ?? "",
    sizeBytes,
    ends: { local: target, remote },
    isPackable: (sizeBytes ?? 0) <= PACKED_FILE_BYTES,
    move: (caller, options) => download(caller, remote, target, options),
  };
}

/** `.`, `..` and `/` have no name of their own to give to a copy: what they hold is copied. */
export function takesContents(text: string): boolean {
  const last = basename(text.replace(/[/\\]+$/, ""));
  return last === "" || last === "." || last === "..";
}
