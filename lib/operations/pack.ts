/**
 * Many small files over one stream, so that each costs neither a stream nor a round trip.
 *
 * Of each direction the client is in `upload_pack.ts` and `download_pack.ts`, the server in `serve_…`, and what
 * they say in `…_words.ts`; here is what all share: how a file is read and published as a whole.
 *
 * ```text
 * file = its header (a message) ‖ its bytes ‖ root of its tree hash, 32 bytes
 * ```
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import {
  FileError,
  formatRemotePath,
  type RemotePath,
  remotePathFromComponents,
  type SourceFile,
} from "../files/mod.ts";
import { type CallOptions, MessageError, RemoteError, type StatusName } from "../request/mod.ts";
import { TransferError, wholeFileRoot } from "../transfer/mod.ts";
import { type ChosenTarget, type ExistsPolicy, receivedMode } from "./existing_target.ts";
import { failureStatus } from "./error_status.ts";
import type { FileOffer } from "./file_offer.ts";
import { onceMoreIfChanged } from "./once_more.ts";
import type { LocalFile, TransferResult } from "./transfer_options.ts";

/** Largest file that goes in a pack. Bigger ones are worth a stream, and several of them in parallel. */
export const PACKED_FILE_BYTES = 256 * 1024;
/**
 * Files of one pack that a receiver writes and flushes at the same time: they share flushes. Reading goes on
 * while these wait, for two flushes each.
 */
export const PARALLEL_SAVES = 1024;
/** Bytes of them, so that a pack takes bounded memory whatever its files. */
export const PARALLEL_SAVED_BYTES: number = 8 * 1024 * 1024;

/** One file of a pack, seen from the client. */
export interface PackedFile {
  /** The file here. */
  readonly local: LocalFile;
  /** The file on the server. */
  readonly remote: RemotePath;
  /** It was tried on a connection that was lost since: what it may have left at its target is its own. */
  readonly isRepeated?: boolean;
  /** Called once, with what became of it, unless the whole pack fails before. */
  onEnd(outcome: PackedOutcome): void;
}

/** How a pack is moved. */
export interface PackOptions extends CallOptions {
  /** What happens when a target exists. */
  readonly exists: ExistsPolicy;
  /** Also compute the plain SHA-256 of each file. */
  readonly plainHash?: boolean;
  /** The features of the other side, one bit each; none when absent. */
  readonly peerFeatures?: number | undefined;
}

/** What became of one file of a pack. */
export type PackedOutcome =
  | { readonly kind: "done"; readonly result: TransferResult }
  /** It is too big for a pack: move it on its own. */
  | { readonly kind: "too-large" }
  | { readonly kind: "failed"; readonly error: unknown };

/** A whole file in memory. */
export interface WholeFile {
  /** Its content. */
  readonly bytes: Uint8Array;
  /** Root of its tree hash. */
  readonly root: Uint8Array;
}

/**
 * Reads an open source to its end.
 *
 * @throws {TransferError} `changed`.
 * @throws {FileError}
 */
export async function readWhole(source: SourceFile, path: RemotePath): Promise<WholeFile> {
  const bytes = new Uint8Array(source.status.sizeBytes);
  await source.readInto(bytes, 0);
  if (await source.hasChanged()) throw new TransferError("changed", formatRemotePath(path));
  return { bytes, root: wholeFileRoot(bytes) };
}

/**
 * Writes, verifies and publishes a file that arrived whole.
 *
 * @throws {TransferError} `integrity`.
 * @throws {FileError}
 */
export async function saveWhole(
  { root: folder, path }: LocalFile,
  target: ChosenTarget,
  offer: FileOffer,
  { bytes, root }: WholeFile,
): Promise<void> {
  const partial = await folder.openPartial(target.path, {
    ...offer,
    mode: receivedMode(offer.mode),
    exists: target.publication,
  });
  try {
    await partial.writeKept(bytes);
    await partial.commit(root);
  } catch (error) {
    await partial.discard();
    if (!(error instanceof FileError) || error.kind !== "changed") throw error;
    throw new TransferError("integrity", formatRemotePath(path), { cause: error });
  }
}

/** The status to tell the other side, or null for what ends the whole pack: a lost stream, or a bug. */
export function statusOfOneFile(error: unknown): { status: StatusName; path: string } | null {
  if (error instanceof StreamError || error instanceof MessageError) return null;
  return failureStatus(error);
}

/** What a status that the other side told means here. */
export function errorOfStatus(status: StatusName, path: string): Error {
  switch (status) {
    case "changed":
    case "integrity":
      return new TransferError(status, path);
    default:
      return new RemoteError(status, path);
  }
}

/** Opens files one after the other, or looks at them, keeping the folder of the last one at hand for the next. */
export class SourceOpener {
  #folder = "";
  #release: (() => void) | null = null;

  /**
   * Opens a file, hands it to `read` and closes it: twice when it changed while it was read.
   *
   * @throws {FileError}
   * @throws What `read` does.
   */
  async read<Result>(
    { root, path }: LocalFile,
    read: (source: SourceFile) => Promise<Result>,
  ): Promise<Result> {
    return await onceMoreIfChanged(async () => {
      await this.hold({ root, path });
      const source = await root.openSource(path);
      try {
        return await read(source);
      } finally {
        await source.close();
      }
    });
  }

  /**
   * Keeps the folder of a file at hand, for whoever looks into it next.
   *
   * @throws {FileError}
   */
  async hold({ root, path }: LocalFile): Promise<void> {
    const components = path.components.slice(0, -1);
    const folder = `${root.directory}\0${components.join("/")}`;
    if (folder === this.#folder) return;
    this.close();
    this.#release = await root.holdFolder(remotePathFromComponents(components));
    this.#folder = folder;
  }

  /** Lets go of the folder. */
  close(): void {
    this.#release?.();
    this.#release = null;
    this.#folder = "";
  }
}

/** Runs tasks, so many and of so many bytes at a time, and keeps the first failure for whoever waits. */
export class BoundedTasks {
  readonly #limit: number;
  readonly #limitBytes: number;
  #runningBytes = 0;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;
  #onEnd: PromiseWithResolvers<void> | null = null;

  /** At most `limit` tasks run at the same time, and only one when it takes more than `limitBytes`. */
  constructor(limit: number = PARALLEL_SAVES, limitBytes: number = PARALLEL_SAVED_BYTES) {
    this.#limit = limit;
    this.#limitBytes = limitBytes;
  }

  /** Starts a task that holds `bytes` once there is room. Throws the failure of an earlier one. */
  async start(bytes: number, task: () => Promise<void>): Promise<void> {
    while (this.#isFullFor(bytes)) await this.#oneEnds();
    this.#throwFailure();
    this.#runningBytes += bytes;
    const running = this.#run(task).finally(() => {
      this.#running.delete(running);
      this.#runningBytes -= bytes;
      this.#onEnd?.resolve();
      this.#onEnd = null;
    });
    this.#running.add(running);
  }

  /** Resolves when none runs any more; never rejects. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** As {@linkcode settled}, and throws the first failure. */
  async done(): Promise<void> {
    await this.settled();
    this.#throwFailure();
  }

  #isFullFor(bytes: number): boolean {
    if (this.#running.size >= this.#limit) return true;
    return this.#running.size > 0 && this.#runningBytes + bytes > this.#limitBytes;
  }

  /** A race of all that run would be as many reactions again for each that ends. */
  async #oneEnds(): Promise<void> {
    this.#onEnd ??= Promise.withResolvers<void>();
    await this.#onEnd.promise;
  }

  async #run(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
