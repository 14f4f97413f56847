/**
 * `get` of many small files over one stream.
 *
 * ```text
 * client → server   the request, then messages: `want` ‖ path; and `done` ‖ number ‖ status for a file that came
 * server → client   for each `want`, in order: status ‖ offer, and when it is ok the bytes and the root
 * ```
 *
 * To a server that is known to read it, the client says with a `want` what it has under that name: size, time,
 * mode and the bits of it that it keeps, root. When that is the file, the answer is `exists` and nothing else.
 *
 * The client asks for many files ahead, and says `done` once a file is published. Both sides end the stream
 * when everything is done.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { FileError, type FileRoot, formatRemotePath, type RemotePath } from "../files/mod.ts";
import {
  type Call,
  type Caller,
  encodeMessage,
  MessageError,
  type StatusName,
} from "../request/mod.ts";
import { plainSha256, ROOT_BYTES, sha256Hex, TransferError } from "../transfer/mod.ts";
import {
  type HeldSmallFile,
  type PackedOffer,
  WANTED_AHEAD,
  wordCodec,
} from "./download_pack_words.ts";
import { transferFailure } from "./error_status.ts";
import { chooseTarget, type ChosenTarget, isSkippedAfter } from "./existing_target.ts";
import { knowsHeld } from "./features.ts";
import type { FileOffer } from "./file_offer.ts";
import {
  BoundedTasks,
  errorOfStatus,
  PACKED_FILE_BYTES,
  type PackedFile,
  type PackOptions,
  readWhole,
  saveWhole,
  SourceOpener,
  statusOfOneFile,
  type WholeFile,
} from "./pack.ts";
import { downloadPackOperation } from "./serve_download_pack.ts";
import { fileName, type LocalFile, skippedResult } from "./transfer_options.ts";

/** Words that leave together: a packet full of them. Choosing the places of 4096 files takes 80 ms at first. */
const ASKED_AT_ONCE_BYTES = 1024;

/**
 * Fetches files from the server and publishes each once it is verified. Each hears its end; when this
 * throws, those that have not heard it are undecided.
 *
 * @throws {RemoteError} when the server refuses all of it.
 * @throws {TransferError} when connection or user ended it.
 */
export async function downloadPack(
  caller: Caller,
  files: Iterable<PackedFile>,
  options: PackOptions,
): Promise<void> {
  const call = await caller.open(downloadPackOperation, null, options).catch((error) => {
    throw transferFailure(error, "");
  });
  const fetcher = new PackFetcher(call, files, options);
  try {
    await fetcher.run();
  } catch (error) {
    throw transferFailure(error, "");
  } finally {
    call.close();
    await fetcher.settled();
  }
}

interface Wanted {
  /** Its number, counted from 0 as they are asked for. */
  readonly index: number;
  readonly file: PackedFile;
  readonly target: ChosenTarget;
  readonly held: HeldSmallFile | null;
}

/** The client's half: asks ahead, takes what comes, saves several at a time. */
class PackFetcher {
  readonly #call: Call<null, PackedOffer>;
  readonly #files: Iterator<PackedFile>;
  readonly #options: PackOptions;
  readonly #saves = new BoundedTasks();
  readonly #folders = new SourceOpener();
  /** Asked for and not yet here, in order. */
  readonly #wanted: Wanted[] = [];
  #count = 0;
  #lastWord: Promise<void> = Promise.resolve();

  constructor(
    call: Call<null, PackedOffer>,
    files: Iterable<PackedFile>,
    options: PackOptions,
  ) {
    this.#call = call;
    this.#files = files[Symbol.iterator]();
    this.#options = options;
  }

  async run(): Promise<void> {
    for (;;) {
      if (this.#wanted.length <= WANTED_AHEAD / 2) await this.#askAhead();
      const wanted = this.#wanted.shift();
      if (wanted === undefined) break;
      await this.#take(wanted);
    }
    await this.#saves.done();
    await this.#lastWord;
    await this.#call.stream.finish();
    await this.#call.end();
  }

  async settled(): Promise<void> {
    await this.#saves.settled();
    this.#folders.close();
  }

  /** Asks for as many files as may be under way. The server starts at the first portion. */
  async #askAhead(): Promise<void> {
    let words = new ByteWriter();
    while (this.#wanted.length < WANTED_AHEAD) {
      const next = this.#files.next();
      if (next.done) break;
      const file = next.value;
      const target = await this.#targetOf(file);
      if (target === null) continue;
      const held = await this.#heldAt(file.local, target);
      this.#wanted.push({ index: this.#count++, file, target, held });
      words.bytes(encodeMessage(wordCodec, { kind: "want", path: file.remote, held }));
      if (words.length < ASKED_AT_ONCE_BYTES) continue;
      await this.#say(words.finish());
      words = new ByteWriter();
    }
    if (words.length > 0) await this.#say(words.finish());
  }

  /** Where a file goes; null when it does not, which it has been told. */
  async #targetOf(file: PackedFile): Promise<ChosenTarget | null> {
    const { root, path } = file.local;
    try {
      const target = await chooseTarget(root, path, this.#options.exists);
      if (!target.isSkipped) return target;
      this.#skip(file, target);
    } catch (error) {
      this.#fail(file, error);
    }
    return null;
  }

  /** What is to be replaced and may be the file already; null when there is nothing, or it cannot be told. */
  async #heldAt(local: LocalFile, target: ChosenTarget): Promise<HeldSmallFile | null> {
    const isComparing = target.publication === "overwrite" &&
      knowsHeld(this.#options.peerFeatures ?? 0);
    if (!isComparing) return null;
    try {
      await this.#folders.hold(local);
      const file = await local.root.openExisting(target.path, { maxBytes: PACKED_FILE_BYTES });
      if (file === null) return null;
      try {
        const { status } = file.source;
        const { root } = await readWhole(file.source, target.path);
        return { looks: status, modeBits: file.modeBits, root };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (error instanceof FileError || error instanceof TransferError) return null;
      throw error;
    }
  }

  async #take(wanted: Wanted): Promise<void> {
    const { file, held } = wanted;
    const { status, offer } = await this.#call.receive();
    if (status === "exists" && held !== null) {
      return await this.#saves.start(0, () => this.#keep(wanted, held));
    }
    if (status === "too-large") return file.onEnd({ kind: "too-large" });
    if (status !== "ok") {
      return this.#fail(file, errorOfStatus(status, formatRemotePath(file.remote)));
    }
    if (offer.sizeBytes > PACKED_FILE_BYTES) throw new MessageError("Expected a small file");
    const bytes = (await this.#call.reader.exactly(offer.sizeBytes)).slice();
    const root = (await this.#call.reader.exactly(ROOT_BYTES)).slice();
    await this.#saves.start(offer.sizeBytes, () => this.#save(wanted, offer, { bytes, root }));
  }

  /** What is here is the file. */
  async #keep({ index, file, target }: Wanted, { looks }: HeldSmallFile): Promise<void> {
    try {
      const existing = await file.local.root.openLike(target.path, looks, { isRecent: true });
      if (existing === null) throw new FileError("changed", formatRemotePath(target.path));
      try {
        await existing.settle();
      } finally {
        await existing.close();
      }
    } catch (error) {
      await this.#sayDone(index, statusOfOneFile(error)?.status ?? "internal");
      return this.#fail(file, error);
    }
    await this.#sayDone(index, "ok");
    const { sizeBytes } = looks;
    const result = skippedResult(fileName(file.remote), target.path, sizeBytes);
    const sha256 = this.#options.plainHash ? await hashOf(file.local.root, target.path) : null;
    file.onEnd({
      kind: "done",
      result: { ...result, skipped: false, resumedFrom: sizeBytes, sha256 },
    });
  }

  async #save(
    { index, file, target }: Wanted,
    offer: FileOffer,
    whole: WholeFile,
  ): Promise<void> {
    try {
      await saveWhole(file.local, target, offer, whole);
    } catch (error) {
      await this.#sayDone(index, statusOfOneFile(error)?.status ?? "internal");
      if (isSkippedAfter(error, this.#options.exists)) return this.#skip(file, target);
      return this.#fail(file, error);
    }
    await this.#sayDone(index, "ok");
    file.onEnd({
      kind: "done",
      result: {
        name: fileName(file.remote),
        bytes: offer.sizeBytes,
        totalBytes: offer.sizeBytes,
        resumedFrom: 0,
        sha256: this.#options.plainHash ? sha256Hex(whole.bytes) : null,
        skipped: false,
        target: formatRemotePath(target.path),
        limit: null,
      },
    });
  }

  #skip(file: PackedFile, { path }: ChosenTarget): void {
    file.onEnd({ kind: "done", result: skippedResult(fileName(file.remote), path, 0) });
  }

  #fail(file: PackedFile, error: unknown): void {
    if (statusOfOneFile(error) === null) throw error;
    file.onEnd({
      kind: "failed",
      error: transferFailure(error, formatRemotePath(file.remote)),
    });
  }

  /** The file is published whatever becomes of these words: a lost stream is noticed by whoever reads. */
  #sayDone(index: number, status: StatusName): Promise<void> {
    return this.#say(encodeMessage(wordCodec, { kind: "done", index, status })).catch((error) => {
      if (!(error instanceof StreamError)) throw error;
    });
  }

  /** Sends words one after the other: two at a time could mix their bytes. */
  #say(words: Uint8Array): Promise<void> {
    const said = this.#lastWord.then(() => this.#call.stream.write(words));
    this.#lastWord = said.catch((error) => {
      if (!(error instanceof StreamError)) throw error;
    });
    return said;
  }
}

async function hashOf(root: FileRoot, path: RemotePath): Promise<string | null> {
  const source = await root.openSource(path);
  try {
    return await plainSha256(source);
  } finally {
    await source.close();
  }
}
