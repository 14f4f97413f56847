/**
 * Moving a list of files: small ones in a pack, the others one or several at the same time.
 *
 * @module
 */

import { allEnded, forEachOf } from "../files/mod.ts";
import type { CommandContext } from "./command.ts";
import type { Failures } from "./failures.ts";
import { movePacked } from "./packed_items.ts";
import {
  areOneName,
  localTargetFolder,
  type NamedThing,
  oneNameError,
  remoteTargetFolder,
  type TargetFolder,
} from "./target_names.ts";
import type { TransferCommand, TransferEnd } from "./terminal.ts";
import { moveOne, targetFolderPath, type TransferItem } from "./transfer_item.ts";

/** Files moved at the same time on streams of their own. */
const PARALLEL_TRANSFERS = 8;

/**
 * Moves several files and tells how it went.
 *
 * @param failures Those of files that could not even be asked for; what fails now is added.
 * @throws {SomeFailedError} When some could not be moved; each was told when it failed.
 * @throws {CancelledError | ConnectionLostError | ConnectFailure} At once: the others would end the same way.
 */
export async function moveAll(
  command: TransferCommand,
  items: readonly TransferItem[],
  context: CommandContext,
  failures: Failures,
): Promise<void> {
  const { terminal, session } = context;
  const startMs = session.nowMs();
  const totalBytes = bytesTogether(items);
  const fileCount = items.length + failures.names.length;
  const tally = new Tally(failures);
  terminal.batchStarts({ command, fileCount, totalBytes });
  try {
    for (const round of roundsOf(items)) {
      await moveItems(command, await withOwnNames(command, round, context, tally), context, tally);
    }
  } finally {
    const seconds = (session.nowMs() - startMs) / 1000;
    terminal.batchEnds({ command, fileCount, totalBytes, seconds, ...tally.sums() });
  }
  failures.throwIfAny(fileCount);
}

/** 0 when one size is not known: a share of the others would say nothing. */
function bytesTogether(items: readonly TransferItem[]): number {
  let sum = 0;
  for (const { sizeBytes } of items) {
    if (sizeBytes === null) return 0;
    sum += sizeBytes;
  }
  return sum;
}

/** Those without a rival first; then no two at a time that have the same one, because they may be rivals too. */
function* roundsOf(items: readonly TransferItem[]): Generator<readonly TransferItem[]> {
  yield items.filter(({ rival }) => rival === undefined);
  let left = items.filter(({ rival }) => rival !== undefined);
  while (left.length > 0) {
    const round = new Map<NamedThing, TransferItem>();
    const later: TransferItem[] = [];
    for (const item of left) {
      if (round.has(item.rival!)) later.push(item);
      else round.set(item.rival!, item);
    }
    yield [...round.values()];
    left = later;
  }
}

/** Items whose target is asked about at the same time. */
const PARALLEL_LOOKS = 16;

/** Those that do not have the same name at the target as something that is there by now; each of the others is told. */
async function withOwnNames(
  command: TransferCommand,
  items: readonly TransferItem[],
  context: CommandContext,
  tally: Tally,
): Promise<readonly TransferItem[]> {
  const rivals = items.filter(({ rival }) => rival !== undefined);
  const leftOut = new Set<TransferItem>();
  await forEachOf(rivals, PARALLEL_LOOKS, async (item) => {
    // A file that is there gets company then, whatever its name.
    if ((item.exists ?? context.exists) === "rename") return;
    const { name, shown } = item.rival!;
    const folder = targetFolderOf(command, item, context);
    try {
      if (!await areOneName(folder, name, item.targetName)) return;
      tally.onFailed(item, oneNameError(command, shown, item.name));
    } catch (error) {
      tally.onFailed(item, error);
    }
    leftOut.add(item);
  });
  return leftOut.size === 0 ? items : items.filter((item) => !leftOut.has(item));
}

function targetFolderOf(
  command: TransferCommand,
  item: TransferItem,
  context: CommandContext,
): TargetFolder {
  const path = targetFolderPath(command, item);
  return command === "get"
    ? localTargetFolder(item.ends.local.root, path)
    : remoteTargetFolder(path, context);
}

/** A pack needs two files to be worth its name. */
const LEAST_IN_PACK = 2;

async function moveItems(
  command: TransferCommand,
  items: readonly TransferItem[],
  context: CommandContext,
  tally: Tally,
): Promise<void> {
  const packable = items.filter((item) => item.isPackable);
  const small = packable.length >= LEAST_IN_PACK ? packable : [];
  const queue = small.length === 0 ? [...items] : items.filter((item) => !item.isPackable);
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        tally.onDone(await moveOne(command, item, context));
      } catch (error) {
        tally.onFailed(item, error);
      }
    }
  };
  const workers = () => Array.from({ length: Math.min(PARALLEL_TRANSFERS, queue.length) }, worker);
  const tooLarge: TransferItem[] = [];
  const packing = small.length === 0 ? [] : [
    movePacked(command, small, context, {
      onDone: (end) => tally.onDone(end),
      onTooLarge: (item) => tooLarge.push(item),
      onFailed: (item, error) => tally.onFailed(item, error),
    }),
  ];
  await allEnded([...packing, ...workers()]);
  queue.push(...tooLarge);
  await allEnded(workers());
}

/** Counts how the files of a batch ended. */
class Tally {
  readonly #failures: Failures;
  #doneCount = 0;
  #skippedCount = 0;
  #doneBytes = 0;
  #movedBytes = 0;

  constructor(failures: Failures) {
    this.#failures = failures;
  }

  onDone(end: TransferEnd): void {
    this.#doneCount++;
    this.#doneBytes += end.totalBytes;
    if (end.wasSkipped) this.#skippedCount++;
    else this.#movedBytes += end.movedBytes;
  }

  onFailed(item: TransferItem, error: unknown): void {
    this.#failures.tell(item.name, error);
  }

  sums(): {
    doneCount: number;
    skippedCount: number;
    doneBytes: number;
    movedBytes: number;
    failed: string[];
  } {
    return {
      doneCount: this.#doneCount,
      skippedCount: this.#skippedCount,
      doneBytes: this.#doneBytes,
      movedBytes: this.#movedBytes,
      failed: this.#failures.names,
    };
  }
}
