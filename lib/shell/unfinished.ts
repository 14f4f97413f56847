/**
 * Transfers that were begun and have not come to an end: a note of each is kept in the local folder, so that
 * `resume` finds them even after the client was killed.
 *
 * @module
 */

import { FileError, type FileRoot } from "../files/mod.ts";
import { EXISTS_POLICIES, type ExistsPolicy } from "../operations/mod.ts";
import type { Target } from "./link.ts";
import type { TransferCommand } from "./terminal.ts";

/** A transfer as it is noted. */
export interface UnfinishedTransfer {
  /** Which way it went. */
  readonly command: TransferCommand;
  /** The server. */
  readonly server: Target;
  /** The file there, from the top: `/a/b.bin`. */
  readonly remote: string;
  /** The folder here in which the file is worked on: an unfinished part is found by it. Absolute. */
  readonly folder: string;
  /** The file here, from the top of that folder: `/a/b.bin`. */
  readonly path: string;
  /** What was to become of a file that is at its target. */
  readonly exists: ExistsPolicy;
}

/**
 * From here on a note is flushed, beside the transfer: what a power loss cuts off is found again. Of a smaller
 * file little is lost, and for many of them the flushes would cost more than they save.
 */
const DURABLE_FROM_BYTES = 16 * 1024 * 1024;

/** The note of one transfer. A folder that takes no notes is no reason not to move a file. */
export class TransferNote {
  readonly #home: () => Promise<FileRoot>;
  readonly #text: string;
  readonly #others: readonly string[];
  #last: Promise<void> = Promise.resolve();

  /** A note that is not written yet. */
  constructor(home: () => Promise<FileRoot>, transfer: UnfinishedTransfer) {
    this.#home = home;
    this.#text = encode(transfer);
    this.#others = othersOf(transfer).map(encode);
  }

  /** The transfer of so many bytes has begun. */
  begin(sizeBytes: number): void {
    const isDurable = sizeBytes >= DURABLE_FROM_BYTES;
    this.#enqueue(async (home) => {
      await home.keepNote(this.#text, { isDurable });
      await this.#dropOthers(home);
    });
  }

  /** It came to an end after which there is nothing to go on with. */
  async end(): Promise<void> {
    this.#enqueue(async (home) => {
      await home.dropNote(this.#text);
      await this.#dropOthers(home);
    });
    await this.settled();
  }

  /** Resolves when the disk has what was said here. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async #dropOthers(home: FileRoot): Promise<void> {
    for (const text of this.#others) await home.dropNote(text);
  }

  #enqueue(work: (home: FileRoot) => Promise<void>): void {
    this.#last = this.#last.then(async () => {
      try {
        await work(await this.#home());
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
    });
  }
}

/** What was begun and has not ended, oldest first. */
export async function unfinishedTransfers(home: FileRoot): Promise<UnfinishedTransfer[]> {
  return (await home.notes()).map(decode).filter((transfer) => transfer !== null);
}

/** The same file to the same name, asked for otherwise before: the last wish counts. */
function othersOf(transfer: UnfinishedTransfer): UnfinishedTransfer[] {
  if (transfer.exists === "rename") return [];
  return EXISTS_POLICIES.filter((exists) => exists !== "rename" && exists !== transfer.exists)
    .map((exists) => ({ ...transfer, exists }));
}

function encode(transfer: UnfinishedTransfer): string {
  const { command, server: { host, port }, remote, folder, path, exists } = transfer;
  return JSON.stringify([VERSION, command, host, port, remote, folder, path, exists]);
}

const VERSION = 2;

function decode(text: string): UnfinishedTransfer | null {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(fields) || fields[0] !== VERSION) return null;
  const [, command, host, port, remote, folder, path, word] = fields as unknown[];
  if (command !== "get" && command !== "put") return null;
  if (typeof host !== "string" || typeof port !== "number") return null;
  if (typeof remote !== "string") return null;
  if (typeof folder !== "string" || typeof path !== "string") return null;
  const exists = EXISTS_POLICIES.find((policy) => policy === word);
  if (exists === undefined) return null;
  return { command, server: { host, port }, remote, folder, path, exists };
}
