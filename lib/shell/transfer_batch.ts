/**
 * Moving a list of files: one after the user's own words, several at the same time when they came from a
 * pattern, a folder or a list.
 *
 * @module
 */

import type { TransferOptions, TransferResult } from "../operations/mod.ts";
import type { Caller } from "../request/mod.ts";
import type { CommandContext } from "./command.ts";
import {
  about,
  CancelledError,
  ConnectFailure,
  ConnectionLostError,
  NotConnectedError,
  SomeFailedError,
} from "./shell_error.ts";
import type { TransferCommand, TransferEnd, TransferRow } from "./terminal.ts";

/** One file to move. */
export interface TransferItem {
  /** What the user calls it. */
  readonly name: string;
  /** The name it is to have at its target. */
  readonly targetName: string;
  /** Its size when it is known before the transfer, else 0. */
  readonly sizeBytes: number;
  /** Moves it; called again after a lost connection. */
  move(caller: Caller, options: TransferOptions): Promise<TransferResult>;
}

/** Files moved at the same time; small ones would otherwise cost a round trip each. */
const PARALLEL_TRANSFERS = 8;

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
  const { session, terminal, signal, exists } = context;
  const startMs = session.nowMs();
  let row: TransferRow | null = null;
  let firstResume: number | null = null;
  const work = async (caller: Caller, madeProgress: () => void) =>
    await item.move(caller, {
      exists,
      signal,
      plainHash: terminal.wantsHashes,
      onStart: ({ sizeBytes, resumedFrom }) => {
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
    const result = await about(
      item.name,
      () => session.request(signal, work, { onLoss: "patiently" }),
    );
    closeRow(row);
    const end: TransferEnd = {
      command,
      name: item.name,
      totalBytes: result.totalBytes,
      resumedFrom: result.resumedFrom,
      movedBytes: result.totalBytes - (firstResume ?? result.resumedFrom),
      seconds: (session.nowMs() - startMs) / 1000,
      sha256: result.sha256,
      wasSkipped: result.skipped,
      savedAs: lastName(result.target) === item.targetName ? null : lastName(result.target),
    };
    terminal.transferEnds(end);
    return end;
  } catch (error) {
    closeRow(row);
    throw error;
  }
}

/**
 * Moves several files and tells how it went.
 *
 * @throws {SomeFailedError} When some could not be moved; each was told when it failed.
 * @throws {CancelledError | ConnectionLostError | ConnectFailure} At once: the others would end the same way.
 */
export async function moveAll(
  command: TransferCommand,
  items: readonly TransferItem[],
  context: CommandContext,
  earlierFailures: readonly BatchFailure[],
): Promise<void> {
  const { terminal, session } = context;
  const startMs = session.nowMs();
  const totalBytes = items.reduce((sum, item) => sum + item.sizeBytes, 0);
  const fileCount = items.length + earlierFailures.length;
  const done: TransferEnd[] = [];
  const failures = [...earlierFailures];
  terminal.batchStarts({ command, fileCount, totalBytes });
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      try {
        done.push(await moveOne(command, item, context));
      } catch (error) {
        if (endsEverything(error)) throw error;
        failures.push({ name: item.name, exitCode: terminal.failure(command, error) });
      }
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL_TRANSFERS, items.length) }, worker);
  try {
    await allEnded(workers);
  } finally {
    terminal.batchEnds({
      command,
      fileCount,
      totalBytes,
      doneCount: done.length,
      skippedCount: done.filter((end) => end.wasSkipped).length,
      doneBytes: done.reduce((sum, end) => sum + end.totalBytes, 0),
      movedBytes: done.reduce((sum, end) => sum + (end.wasSkipped ? 0 : end.movedBytes), 0),
      seconds: (session.nowMs() - startMs) / 1000,
      failed: failures.map((failure) => failure.name),
    });
  }
  throwFailures(failures, fileCount);
}

/** A file that could not even be asked for. */
export interface BatchFailure {
  /** What the user calls it. */
  readonly name: string;
  /** Exit code of its error. */
  readonly exitCode: number;
}

function throwFailures(failures: readonly BatchFailure[], totalCount: number): void {
  if (failures.length === 0) return;
  const [first] = failures;
  const haveAllFailedAlike = failures.length === totalCount &&
    failures.every((failure) => failure.exitCode === first!.exitCode);
  throw new SomeFailedError(
    failures.map((failure) => failure.name),
    totalCount,
    haveAllFailedAlike ? first!.exitCode : null,
  );
}

/** Waits for all, then throws the first failure: nobody may still be moving a file by then. */
async function allEnded(workers: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(workers);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}

function endsEverything(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (
      cause instanceof CancelledError || cause instanceof ConnectionLostError ||
      cause instanceof ConnectFailure || cause instanceof NotConnectedError
    ) return true;
  }
  return false;
}

/** A function, because control flow analysis does not see the assignment inside the callback. */
function closeRow(row: TransferRow | null): void {
  row?.close();
}

function lastName(path: string): string {
  return path.split("/").at(-1) ?? path;
}
