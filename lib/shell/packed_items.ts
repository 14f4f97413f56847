/**
 * Small files of a batch, moved over one stream and carried over to the next connection when one is lost.
 *
 * @module
 */

import {
  downloadPack,
  type PackedFile,
  type PackedOutcome,
  uploadPack,
} from "../operations/mod.ts";
import { RemoteError } from "../request/mod.ts";
import type { CommandContext } from "./command.ts";
import type { TransferCommand, TransferEnd } from "./terminal.ts";
import { itemError, transferEnd, type TransferItem } from "./transfer_item.ts";

/** Who hears of the files of a pack; what it throws ends the command. */
export interface PackWatcher {
  /** A file arrived, or was skipped. */
  onDone(end: TransferEnd): void;
  /** A file has to be moved on its own. */
  onTooLarge(item: TransferItem): void;
  /** A file did not arrive. */
  onFailed(item: TransferItem, error: unknown): void;
}

/**
 * Moves items that may be packed.
 *
 * @throws As {@linkcode Session.request}; what failed for one file only goes to the watcher.
 */
export async function movePacked(
  command: TransferCommand,
  items: readonly TransferItem[],
  context: CommandContext,
  watcher: PackWatcher,
): Promise<void> {
  const { session, signal, exists, terminal } = context;
  const move = command === "get" ? downloadPack : uploadPack;
  const pack = new PackOfItems(command, items, context, watcher);
  try {
    await session.request(signal, async (caller, madeProgress, { link }) => {
      const { peerFeatures } = link;
      const options = { exists, signal, plainHash: terminal.wantsHashes, peerFeatures };
      await move(caller, pack.undecided(madeProgress), options);
    }, { onLoss: "patiently" });
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    pack.failAll(error);
  }
}

/** The items and which of them have not come to an end yet. */
class PackOfItems {
  readonly #command: TransferCommand;
  readonly #context: CommandContext;
  readonly #watcher: PackWatcher;
  readonly #undecided: Set<TransferItem>;
  /** Begun on some connection. */
  readonly #begun = new Set<TransferItem>();

  constructor(
    command: TransferCommand,
    items: readonly TransferItem[],
    context: CommandContext,
    watcher: PackWatcher,
  ) {
    this.#command = command;
    this.#context = context;
    this.#watcher = watcher;
    this.#undecided = new Set(items);
  }

  /** The files for one try, made as they are asked for. */
  *undecided(madeProgress: () => void): Generator<PackedFile> {
    const { session } = this.#context;
    for (const item of [...this.#undecided]) {
      const startMs = session.nowMs();
      const isRepeated = this.#begun.has(item);
      this.#begun.add(item);
      yield {
        ...item.ends,
        isRepeated,
        onEnd: (outcome) => {
          this.#undecided.delete(item);
          this.#begun.delete(item);
          madeProgress();
          this.#onEnd(item, outcome, (session.nowMs() - startMs) / 1000);
        },
      };
    }
  }

  /** The server wants none of the rest. */
  failAll(error: RemoteError): void {
    for (const item of this.#undecided) this.#fail(item, error);
    this.#undecided.clear();
  }

  #onEnd(item: TransferItem, outcome: PackedOutcome, seconds: number): void {
    switch (outcome.kind) {
      case "done": {
        const end = transferEnd(this.#command, item, outcome.result, seconds);
        this.#context.terminal.transferEnds(end);
        return this.#watcher.onDone(end);
      }
      case "too-large":
        return this.#watcher.onTooLarge(item);
      case "failed":
        return this.#fail(item, outcome.error);
    }
  }

  #fail(item: TransferItem, error: unknown): void {
    this.#watcher.onFailed(item, itemError(this.#command, item, error, this.#context));
  }
}
