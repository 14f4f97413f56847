/**
 * One file of `get` or `put`, and moving it on its own.
 *
 * @module
 */

import type {
  ExistsPolicy,
  PackedFile,
  TransferOptions,
  TransferResult,
} from "../operations/mod.ts";
import {
  FileError,
  formatRemotePath,
  type RemotePath,
  remotePathFromComponents,
} from "../files/mod.ts";
import { type Caller, RemoteError } from "../request/mod.ts";
import { isResumable, LEAST_JUDGED_SECONDS, limitSeenBy, TransferError } from "../transfer/mod.ts";
import type { CommandContext } from "./command.ts";
import type { Attempt } from "./session.ts";
import { rootCause, SubjectError } from "./shell_error.ts";
import { shownLocalPath, shownRemotePath, targetSubject } from "./shown_path.ts";
import type { NamedThing } from "./target_names.ts";
import type { TransferCommand, TransferEnd, TransferRow } from "./terminal.ts";
import { TransferNote } from "./unfinished.ts";

/** One file to move. */
export interface TransferItem {
  /** What the user calls it. */
  readonly name: string;
  /** The name it is to have at its target. */
  readonly targetName: string;
  /** Its size; null when it is not known before the transfer. */
  readonly sizeBytes: number | null;
  /** Where it is on both sides. */
  readonly ends: Pick<PackedFile, "local" | "remote">;
  /** It is small enough to go in a pack with others. */
  readonly isPackable: boolean;
  /** What is moved instead when the server says that the target is a folder: the same into it. */
  readonly inFolder?: TransferItem;
  /** What is put at the target before it, and may have the same name there: see `target_names.ts`. */
  readonly rival?: NamedThing;
  /** What becomes of a file that is at the target, where that is not for the command to say. */
  readonly exists?: ExistsPolicy;
  /** Moves it on its own; called again after a lost connection. */
  move(caller: Caller, options: TransferOptions): Promise<TransferResult>;
}

/** The folder that an item gets its name in: below its root here, or on the server. */
export function targetFolderPath(
  command: TransferCommand,
  { ends: { local, remote } }: TransferItem,
): RemotePath {
  const { components } = command === "get" ? local.path : remote;
  return remotePathFromComponents(components.slice(0, -1));
}

/**
 * Moves one file.
 *
 * @throws What the transfer ended with, told as being about the file's name.
 */
export async function moveOne(
  command: TransferCommand,
  item: TransferItem,
  context: CommandContext,
): Promise<TransferEnd> {
  const { session, terminal, signal } = context;
  const exists = item.exists ?? context.exists;
  const startMs = session.nowMs();
  let row: TransferRow | null = null;
  let firstResume: number | null = null;
  const note = noteOf(command, item, { ...context, exists });
  const work = async (caller: Caller, madeProgress: () => void, attempt: Attempt) =>
    await item.move(caller, {
      exists,
      signal,
      plainHash: terminal.wantsHashes,
      gauge: attempt.link.gauge,
      peerFeatures: attempt.link.peerFeatures,
      peer: attempt.link.fingerprint,
      isRepeated: attempt.isRepeated,
      onStart: ({ sizeBytes, resumedFrom }) => {
        if (firstResume === null && isResumable(sizeBytes)) note.begin(sizeBytes);
        firstResume ??= resumedFrom;
        row?.close();
        row = terminal.transferStarts({
          command,
          name: item.name,
          totalBytes: sizeBytes,
          resumedFrom,
        });
      },
      onProgress: ({ bytes }) => {
        madeProgress();
        row?.progress(bytes);
      },
    });
  try {
    const result = await session.request(signal, work, { onLoss: "patiently" });
    closeRow(row);
    await (isResumable(result.totalBytes) ? note.end() : note.settled());
    const end = {
      ...transferEnd(command, item, result, (session.nowMs() - startMs) / 1000),
      movedBytes: result.totalBytes - (firstResume ?? result.resumedFrom),
    };
    terminal.transferEnds(end);
    return end;
  } catch (error) {
    closeRow(row);
    await (isWorthResuming(error) ? note.settled() : note.end());
    if (item.inFolder !== undefined && isAboutFolder(error)) {
      return await moveOne(command, item.inFolder, context);
    }
    throw itemError(command, item, error, context);
  }
}

/** An error of a transfer, told as being about its source or its target: each side can only fail about its own. */
export function itemError(
  command: TransferCommand,
  { name, ends: { local, remote } }: TransferItem,
  error: unknown,
  { session, local: folders }: CommandContext,
): SubjectError {
  if (command === "get" && error instanceof FileError) {
    const path = folders.absolute(local.root.directory, ...local.path.components);
    return new SubjectError(targetSubject(shownLocalPath(path, session.localFolder), error), error);
  }
  if (command === "put" && error instanceof RemoteError) {
    const text = shownRemotePath(remote, session.remoteFolder);
    return new SubjectError(targetSubject(text, error), error);
  }
  return new SubjectError(name, error);
}

function noteOf(
  command: TransferCommand,
  { ends: { local, remote } }: TransferItem,
  { session, local: folders, exists }: CommandContext,
): TransferNote {
  return new TransferNote(() => folders.folder(session.homeFolder), {
    command,
    server: session.target,
    remote: formatRemotePath(remote),
    folder: folders.absolute(local.root.directory),
    path: formatRemotePath(local.path),
    exists,
  });
}

function isAboutFolder(error: unknown): boolean {
  const cause = rootCause(error);
  return cause instanceof RemoteError && cause.status === "is-a-directory";
}

/** Whether a failed transfer may be gone on with, or begun, as soon as something else has changed. */
export function isWorthResuming(error: unknown): boolean {
  const cause = rootCause(error);
  if (cause instanceof RemoteError) return RESUMABLE.has(cause.status);
  if (cause instanceof FileError) return RESUMABLE.has(cause.kind);
  if (cause instanceof TransferError) return RESUMABLE.has(cause.kind);
  return true;
}

const RESUMABLE: ReadonlySet<string> = new Set(
  ["connection-lost", "cancelled", "no-space", "quota", "io", "busy", "stopping", "too-many-open"],
);

/** What a result means to whoever watches. */
export function transferEnd(
  command: TransferCommand,
  item: TransferItem,
  result: TransferResult,
  seconds: number,
): TransferEnd {
  return {
    command,
    name: item.name,
    totalBytes: result.totalBytes,
    resumedFrom: result.resumedFrom,
    movedBytes: result.bytes,
    seconds,
    sha256: result.sha256,
    wasSkipped: result.skipped,
    limitedBy: result.limit === null || seconds < LEAST_JUDGED_SECONDS
      ? null
      : limitSeenBy(command === "get" ? "receiver" : "sender", result.limit),
    savedAs: lastName(result.target) === item.targetName ? null : lastName(result.target),
  };
}

/** A function, because control flow analysis does not see the assignment inside the callback. */
function closeRow(row: TransferRow | null): void {
  row?.close();
}

function lastName(path: string): string {
  return path.split("/").at(-1) ?? path;
}
