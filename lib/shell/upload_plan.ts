/**
 * `put`: which local files, and where each goes. Nothing is sent before every name was looked at.
 *
 * @module
 */

import {
  allEnded,
  FileError,
  type FileRoot,
  NEW_FOLDER_MODE,
  type NewFolder,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
  resolveRemotePath,
} from "../files/mod.ts";
import { PACKED_FILE_BYTES, upload } from "../operations/mod.ts";
import type { CommandContext } from "./command.ts";
import {
  type CopyPlan,
  type CopyRequest,
  type GrowingPlan,
  takesContents,
} from "./download_plan.ts";
import { Failures } from "./failures.ts";
import type { LocalMatch, LocalPlace } from "./local_folders.ts";
import { remoteKey } from "./one_target_each.ts";
import { makeRemoteFolders, remoteStatusOrNull } from "./remote_place.ts";
import { SubjectError, UsageError } from "./shell_error.ts";
import { aboutTarget } from "./shown_path.ts";
import { makeOwnFolders, remoteTargetFolder, TargetNames } from "./target_names.ts";
import type { TransferItem } from "./transfer_item.ts";

/** Resolves names, patterns and folders of `put`; makes the remote folders. */
export async function planUpload(
  request: CopyRequest,
  context: CommandContext,
): Promise<CopyPlan> {
  const isSingle = request.sources.length === 1;
  const failures = new Failures("put", context.terminal);
  const matches: LocalMatch[] = [];
  await failures.each(request.sources, async (word) => {
    matches.push(...await context.local.expand(word));
  });
  const sources: Source[] = [];
  await failures.each(matches, async (match) => {
    const found = await look(match, request.isRecursive, context);
    if (found !== null) sources.push(found);
  });
  const isBatch = !isSingle || sources.some((source) => source.isMatch || source.isFolder);
  const names = new TargetNames();
  if (sources.length === 0) return { items: [], failures, names, isBatch };
  // The disk here is read while the server answers.
  const [target, trees] = await allEnded([
    chooseRemoteTarget(request.output, sources, context),
    walkAll(sources, context, failures),
  ]);
  const items: TransferItem[] = [];
  const plan = { context, items, failures, names };
  for (const [index, source] of sources.entries()) {
    await planSource(source, trees[index]!, target, plan);
  }
  return { items, failures, names, isBatch };
}

interface Source extends LocalPlace, LocalMatch {
  /** Its name, unless it is the root of the disk: that of a link, not of what the link leads to. */
  readonly ownName: readonly string[];
  readonly isFolder: boolean;
  readonly sizeBytes: number;
}

/** What a name stands for; null when it is a folder that is to be skipped. */
async function look(
  match: LocalMatch,
  isRecursive: boolean,
  context: CommandContext,
): Promise<Source | null> {
  const named = await context.local.place(match.text);
  let place = named;
  let status = await place.root.status(place.path);
  if (status.kind === "other") {
    // On his own side a user who names a link means what it leads to, as with sftp and cp.
    place = await context.local.placeBehindLinks(match.text);
    status = await place.root.status(place.path);
  }
  if (status.kind === "other") throw new FileError("not-a-file", match.text);
  const isFolder = status.kind === "directory";
  if (isFolder && !isRecursive) {
    if (!match.isMatch) throw new UsageError(`${match.text} is a folder: put -r sends it`);
    context.terminal.note(`Skipped the folder ${match.text} (put -r sends folders)`);
    return null;
  }
  return {
    ...match,
    ...place,
    ownName: named.path.components,
    isFolder,
    sizeBytes: status.sizeBytes,
  };
}

/** Where files go: into a folder under their own names, to one given path, or to what that turns out to be. */
type RemoteTarget =
  | { readonly kind: "into"; readonly folder: RemotePath }
  | { readonly kind: "as" | "to"; readonly path: RemotePath };

async function chooseRemoteTarget(
  output: string | null,
  sources: readonly Source[],
  { session, signal, exists }: CommandContext,
): Promise<RemoteTarget> {
  if (output === null) return { kind: "into", folder: session.remoteFolder };
  const path = resolveRemotePath(session.remoteFolder, output);
  const isFolder = sources.length > 1 || output.endsWith("/") || path.components.length === 0;
  if (isFolder) {
    await makeRemoteFolders(session, [{ path, mode: NEW_FOLDER_MODE }], signal);
    return { kind: "into", folder: path };
  }
  // The server tells it, should it be a folder: nobody waits for the question. Other policies take one for taken.
  if (!sources[0]!.isFolder && exists === "overwrite") return { kind: "to", path };
  const status = await aboutTarget(output, () => remoteStatusOrNull(session, path, signal));
  return status?.kind === "directory" ? { kind: "into", folder: path } : { kind: "as", path };
}

/** What a source holds. */
interface LocalTree {
  readonly root: FileRoot;
  /** Permission bits of the folder itself. */
  readonly mode: number;
  /** Folders in it, a folder before what it holds. */
  readonly folders: readonly NewFolder[];
  readonly files: readonly { readonly path: RemotePath; readonly sizeBytes: number }[];
}

/** The trees of the sources that are folders, null for the others. */
async function walkAll(
  sources: readonly Source[],
  context: CommandContext,
  failures: Failures,
): Promise<(LocalTree | null)[]> {
  const trees: (LocalTree | null)[] = [];
  for (const source of sources) {
    trees.push(source.isFolder ? await walkLocal(source, context, failures) : null);
  }
  return trees;
}

async function walkLocal(
  source: Source,
  { terminal, local, signal }: CommandContext,
  failures: Failures,
): Promise<LocalTree> {
  const root = await local.folder(source.text);
  const folders: NewFolder[] = [];
  let topMode = NEW_FOLDER_MODE;
  const files: { path: RemotePath; sizeBytes: number }[] = [];
  const onSkipped = (error: FileError) => {
    const name = shownBelow(source, error.path.split("/").slice(1));
    failures.tell(name, new SubjectError(name, error));
  };
  for await (const { path, status } of root.walk(REMOTE_ROOT, { onSkipped })) {
    signal.throwIfAborted();
    if (path.components.length === 0) topMode = status.mode;
    else if (status.kind === "directory") folders.push({ path, mode: status.mode });
    else if (status.kind === "file") files.push({ path, sizeBytes: status.sizeBytes });
    else terminal.note(`Skipped ${shownName(source, path)}: it is neither a file nor a folder`);
  }
  return { root, mode: topMode, folders, files };
}

async function planSource(
  source: Source,
  tree: LocalTree | null,
  target: RemoteTarget,
  { context, items, failures, names }: GrowingPlan,
): Promise<void> {
  const { session, signal } = context;
  const name = tree !== null && takesContents(source.text) ? [] : source.ownName;
  const inside = (folder: RemotePath) => remotePathFromComponents([...folder.components, ...name]);
  const remote = target.kind === "into" ? inside(target.folder) : target.path;
  if (tree === null) {
    const item = (path: RemotePath) => uploadItem(source.text, source.sizeBytes, source, path);
    const inFolder = target.kind === "to" ? { inFolder: item(inside(target.path)) } : {};
    items.push({ ...item(remote), ...inFolder });
    return;
  }
  const below = ({ components }: RemotePath) =>
    remotePathFromComponents([...remote.components, ...components]);
  const folders = tree.folders.map(({ path, mode }) => ({ path: below(path), mode }));
  const isFree = await makeOwnFolders([{ path: remote, mode: tree.mode }, ...folders], {
    ...{ command: "put", names, failures },
    keyOf: ({ components }) => remoteKey(components),
    shown: ({ components }) =>
      shownBelow(source, components.slice(remote.components.length)) || source.text,
    at: (folder) => remoteTargetFolder(folder, context),
    make: (made) => makeRemoteFolders(session, made, signal),
  });
  for (const { path, sizeBytes } of tree.files) {
    const to = below(path);
    if (!isFree(to)) continue;
    items.push(uploadItem(shownName(source, path), sizeBytes, { root: tree.root, path }, to));
  }
}

/** What the user calls something in a source. */
function shownName(source: Source, path: RemotePath): string {
  return shownBelow(source, path.components);
}

function shownBelow(source: Source, components: readonly string[]): string {
  const shown = takesContents(source.text) ? [] : source.ownName;
  return [...shown, ...components].join("/");
}

/** A local file and where it goes. */
export function uploadItem(
  name: string,
  sizeBytes: number | null,
  source: LocalPlace,
  remote: RemotePath,
): TransferItem {
  const local = { root: source.root, path: source.path };
  return {
    name,
    targetName: remote.components.at(-1) ?? "",
    sizeBytes,
    ends: { local, remote },
    isPackable: (sizeBytes ?? 0) <= PACKED_FILE_BYTES,
    move: (caller, options) => upload(caller, local, remote, options),
  };
}
