/**
 * `put`: which local files, and where each goes. Nothing is sent before every name was looked at.
 *
 * @module
 */

import {
  FileError,
  formatRemotePath,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
  resolveRemotePath,
} from "../files/mod.ts";
import { makeDirectory, PACKED_FILE_BYTES, upload } from "../operations/mod.ts";
import type { CommandContext } from "./command.ts";
import { type CopyPlan, type CopyRequest, takesContents } from "./download_plan.ts";
import { forEachOf } from "./for_each_of.ts";
import type { LocalMatch, LocalPlace } from "./local_folders.ts";
import { remoteStatusOrNull } from "./remote_place.ts";
import { about, UsageError } from "./shell_error.ts";
import type { BatchFailure } from "./transfer_batch.ts";
import type { TransferItem } from "./transfer_item.ts";

/** Resolves names, patterns and folders of `put`; makes the remote folders. */
export async function planUpload(
  request: CopyRequest,
  context: CommandContext,
): Promise<CopyPlan> {
  const isSingle = request.sources.length === 1;
  const failures: BatchFailure[] = [];
  const sources: Source[] = [];
  for (const word of request.sources) {
    const matches = await about(word.text, () => context.local.expand(word));
    for (const match of matches) {
      try {
        const found = await about(match.text, () => look(match, request.isRecursive, context));
        if (found !== null) sources.push(found);
      } catch (error) {
        if (isSingle && !match.isMatch) throw error;
        failures.push({ name: match.text, exitCode: context.terminal.failure("put", error) });
      }
    }
  }
  const isBatch = !isSingle || sources.some((source) => source.isMatch || source.isFolder);
  if (sources.length === 0) return { items: [], failures, isBatch };
  const target = await chooseRemoteTarget(request.output, sources.length > 1, context);
  const items: TransferItem[] = [];
  for (const source of sources) await planSource(source, target, context, { items, failures });
  return { items, failures, isBatch };
}

interface Source extends LocalPlace, LocalMatch {
  readonly isFolder: boolean;
  readonly sizeBytes: number;
}

/** What a name stands for; null when it is a folder that is to be skipped. */
async function look(
  match: LocalMatch,
  isRecursive: boolean,
  context: CommandContext,
): Promise<Source | null> {
  const place = await context.local.place(match.text);
  const status = await place.root.status(place.path);
  if (status.kind === "other") throw new FileError("not-a-file", match.text);
  const isFolder = status.kind === "directory";
  if (isFolder && !isRecursive) {
    if (!match.isMatch) throw new UsageError(`${match.text} is a folder: put -r sends it`);
    context.terminal.note(`Skipped the folder ${match.text} (put -r sends folders)`);
    return null;
  }
  return { ...match, ...place, isFolder, sizeBytes: status.sizeBytes };
}

/** Where files go: into a folder under their own names, or to one given path. */
type RemoteTarget =
  | { readonly kind: "into"; readonly folder: RemotePath }
  | { readonly kind: "as"; readonly path: RemotePath };

async function chooseRemoteTarget(
  output: string | null,
  isSeveral: boolean,
  context: CommandContext,
): Promise<RemoteTarget> {
  const { session, signal } = context;
  if (output === null) return { kind: "into", folder: session.remoteFolder };
  const path = resolveRemotePath(session.remoteFolder, output);
  const isFolder = isSeveral || output.endsWith("/") || path.components.length === 0;
  if (isFolder) {
    await makeRemoteFolder(path, context);
    return { kind: "into", folder: path };
  }
  const status = await about(output, () => remoteStatusOrNull(session, path, signal));
  return status?.kind === "directory" ? { kind: "into", folder: path } : { kind: "as", path };
}

/** A plan while it grows. */
interface GrowingPlan {
  readonly items: TransferItem[];
  readonly failures: BatchFailure[];
}

async function planSource(
  source: Source,
  target: RemoteTarget,
  context: CommandContext,
  plan: GrowingPlan,
): Promise<void> {
  const name = source.isFolder && takesContents(source.text)
    ? []
    : source.path.components.slice(-1);
  const remote = target.kind === "as"
    ? target.path
    : remotePathFromComponents([...target.folder.components, ...name]);
  if (source.isFolder) return await planFolder(source, remote, context, plan);
  plan.items.push(uploadItem(source.text, source.sizeBytes, source, remote));
}

async function planFolder(
  source: Source,
  remote: RemotePath,
  context: CommandContext,
  plan: GrowingPlan,
): Promise<void> {
  const { terminal, local } = context;
  const shown = takesContents(source.text) ? [] : source.path.components;
  const top = await local.folder(source.text);
  const onSkipped = (error: FileError) => {
    const exitCode = terminal.failure("put", error);
    plan.failures.push({ name: error.path, exitCode });
  };
  const folders: RemotePath[] = [remote];
  for await (const { path, status } of top.walk(REMOTE_ROOT, { onSkipped })) {
    if (path.components.length === 0) continue;
    const target = remotePathFromComponents([...remote.components, ...path.components]);
    const name = [...shown, ...path.components].join("/");
    if (status.kind === "directory") {
      folders.push(target);
    } else if (status.kind === "file") {
      plan.items.push(uploadItem(name, status.sizeBytes, { root: top, path }, target));
    } else {
      terminal.note(`Skipped ${name}: it is neither a file nor a folder`);
    }
  }
  await makeRemoteFolders(folders, context);
}

/**
 * Requests for folders that are under way at the same time: each costs a round trip. A server takes 128
 * streams.
 */
const PARALLEL_FOLDERS = 100;

/** Makes folders in any order: each request makes those above it too. */
async function makeRemoteFolders(
  folders: readonly RemotePath[],
  context: CommandContext,
): Promise<void> {
  await forEachOf(folders, PARALLEL_FOLDERS, (folder) => makeRemoteFolder(folder, context));
}

async function makeRemoteFolder(path: RemotePath, context: CommandContext): Promise<void> {
  if (path.components.length === 0) return;
  const { session, signal } = context;
  await about(formatRemotePath(path), () =>
    session.request(
      signal,
      (caller) => makeDirectory(caller, path, { parents: true, signal }),
      { onLoss: "again" },
    ));
}

/** A local file and where it goes. */
export function uploadItem(
  name: string,
  sizeBytes: number,
  source: LocalPlace,
  remote: RemotePath,
): TransferItem {
  const local = { root: source.root, path: source.path };
  return {
    name,
    targetName: remote.components.at(-1) ?? "",
    sizeBytes,
    ends: { local, remote },
    isPackable: sizeBytes <= PACKED_FILE_BYTES,
    move: (caller, options) => upload(caller, local, remote, options),
  };
}
