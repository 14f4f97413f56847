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
import type { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  FileError,
  type FileLooks,
  type FileRoot,
  type FileStatus,
  formatRemotePath,
  looksLike,
  type RemotePath,
} from "../files/mod.ts";
import {
  ANSWERED,
  type Call,
  type Caller,
  type Codec,
  emptyCodec,
  encodeMessage,
  encodeResponse,
  type Exchange,
  MessageError,
  type Operation,
  readMessage,
  statusCode,
  statusFromCode,
  type StatusName,
} from "../request/mod.ts";
import {
  isSameRoot,
  plainSha256,
  ROOT_BYTES,
  sha256Hex,
  sourceToken,
  TransferError,
} from "../transfer/mod.ts";
import { transferFailure } from "./error_status.ts";
import { chooseTarget, type ChosenTarget, receivedMode } from "./existing_target.ts";
import { knowsHeld } from "./features.ts";
import { readTime, writeTime } from "./file_info.ts";
import { type FileOffer, fileOfferCodec } from "./file_offer.ts";
import {
  BoundedTasks,
  errorOfStatus,
  PACKED_FILE_BYTES,
  type PackedFile,
  readWhole,
  saveWhole,
  SourceOpener,
  statusOfOneFile,
  type WholeFile,
} from "./pack.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";
import { fileName, type LocalFile, skippedResult } from "./transfer_options.ts";
import type { PackOptions } from "./upload_pack.ts";

/** What the server says before a file of a pack. */
export interface PackedOffer {
  /** `ok` when the file follows, `too-large` when it does not go in a pack, or why it cannot be had. */
  readonly status: StatusName;
  /** What follows; meaningless unless the status is `ok`. */
  readonly offer: FileOffer;
}

/**
 * Files asked for ahead: on a path of 25 MB/s and 80 ms, 4 KB files need 500 of them, and as many again
 * lie in the buffers of both sides. With 2048 the server ran out of them once in a while.
 */
const WANTED_AHEAD = 4096;
/** Words that leave together: a packet full of them. Choosing the places of 4096 files takes 80 ms at first. */
const ASKED_AT_ONCE_BYTES = 1024;
/** Most that a server remembers for one client. */
const MAX_WANTED = WANTED_AHEAD;
/**
 * Files sent and not confirmed, after which a server waits. As many as a client asks for ahead and saves at
 * a time, and as many again whose confirmations are on their way.
 */
const MAX_UNCONFIRMED = 2 * MAX_WANTED;

type Word =
  | { readonly kind: "want"; readonly path: RemotePath; readonly held: HeldSmallFile | null }
  | { readonly kind: "done"; readonly index: number; readonly status: StatusName };

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

/** What the client has of a file. */
interface HeldSmallFile {
  readonly looks: FileLooks;
  /** Permission bits that files get there. */
  readonly modeBits: number;
  readonly root: Uint8Array;
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
      const result = skippedResult(fileName(file.remote), target.path, 0);
      file.onEnd({ kind: "done", result });
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

const WANT = 0;
const DONE = 1;
const WANT_UNLESS = 2;

const wordCodec: Codec<Word> = {
  encode: (word, writer) => {
    if (word.kind === "want" && word.held === null) {
      writePath(writer.u8(WANT), word.path);
    } else if (word.kind === "want") {
      writePath(writer.u8(WANT_UNLESS), word.path);
      writeHeld(writer, word.held!);
    } else {
      writer.u8(DONE).varint(word.index).varint(statusCode(word.status));
    }
  },
  decode: (reader) => {
    switch (reader.u8()) {
      case WANT:
        return { kind: "want", path: readPath(reader), held: null };
      case WANT_UNLESS:
        return { kind: "want", path: readPath(reader), held: readHeld(reader) };
      case DONE:
        return { kind: "done", index: reader.varint(), status: statusFromCode(reader.varint()) };
      default:
        throw new MessageError("Expected a word of a pack");
    }
  },
};

function writeHeld(writer: ByteWriter, { looks, modeBits, root }: HeldSmallFile): void {
  writer.varint(looks.sizeBytes);
  writeTime(writer, looks.modifiedMs);
  writer.u16(looks.mode & 0o777).u16(modeBits & 0o777).bytes(root);
}

function readHeld(reader: ByteReader): HeldSmallFile {
  const sizeBytes = reader.varint();
  const modifiedMs = readTime(reader);
  const mode = reader.u16();
  const modeBits = reader.u16();
  return {
    looks: { sizeBytes, modifiedMs, mode },
    modeBits,
    root: reader.bytes(ROOT_BYTES).slice(),
  };
}

const offerCodec: Codec<PackedOffer> = {
  encode: ({ status, offer }, writer) => {
    fileOfferCodec.encode(offer, writer.varint(statusCode(status)));
  },
  decode: (reader) => ({
    status: statusFromCode(reader.varint()),
    offer: fileOfferCodec.decode(reader),
  }),
};

const NO_OFFER: FileOffer = {
  sizeBytes: 0,
  modifiedMs: 0,
  mode: 0,
  sourceToken: "0".repeat(32),
};

/** Serves {@linkcode downloadPack}. */
export const downloadPackOperation: Operation<null, PackedOffer, ServeContext> = {
  code: 19,
  name: "get-many",
  access: "read",
  request: emptyCodec,
  response: offerCodec,
  subject: () => "",
  async serve(_request, exchange, context) {
    const pack = new ServedPack(exchange, context);
    const [heard] = await Promise.allSettled([pack.listen(), pack.send()]);
    if (heard.status === "rejected") throw heard.reason;
    pack.throwFailure();
    return ANSWERED;
  },
};

interface SentFile {
  readonly path: RemotePath;
  readonly sizeBytes: number;
  /** Bytes of them that the client has. */
  readonly heldBytes: number;
  readonly startedMs: number;
}

type Wish = Extract<Word, { readonly kind: "want" }>;

/** The server's half: one task hears what is wanted and done, another one sends. */
class ServedPack {
  readonly #exchange: Exchange;
  readonly #context: ServeContext;
  readonly #opener = new SourceOpener();
  readonly #wanted: Wish[] = [];
  /** Sent and not yet confirmed, by number. */
  readonly #sent = new Map<number, SentFile>();
  #count = 0;
  #isHeardOut = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => {};

  constructor(exchange: Exchange, context: ServeContext) {
    this.#exchange = exchange;
    this.#context = context;
  }

  /** Takes the client's words until it ends. */
  async listen(): Promise<void> {
    try {
      for (;;) {
        const word = await readMessage(this.#exchange.reader, wordCodec);
        if (word === null) return;
        this.#hear(word.response);
      }
    } finally {
      this.#isHeardOut = true;
      this.#wake();
    }
  }

  /** Sends what is wanted, until the client ends. A failure is kept: the client's words may explain it. */
  async send(): Promise<void> {
    try {
      for (;;) {
        const isFull = this.#sent.size >= MAX_UNCONFIRMED;
        const wish = isFull ? undefined : this.#wanted.shift();
        if (wish !== undefined) {
          await this.#exchange.stream.write(await this.#packOne(wish));
        } else if (this.#isHeardOut) {
          return;
        } else {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
      }
    } catch (error) {
      this.#failure = { error };
      if (!(error instanceof StreamError)) this.#exchange.abandon("internal");
    } finally {
      this.#opener.close();
    }
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #hear(word: Word): void {
    if (word.kind === "want") {
      if (this.#wanted.length >= MAX_WANTED) throw new MessageError("Expected fewer wishes");
      this.#wanted.push(word);
      return this.#wake();
    }
    const sent = this.#sent.get(word.index);
    if (sent === undefined) {
      throw new MessageError("Expected nothing about a file that was not sent");
    }
    this.#sent.delete(word.index);
    this.#report(sent, word.status);
    this.#wake();
  }

  /** Everything of one file in one piece: header, bytes, root; or the header alone that says why not. */
  async #packOne({ path, held }: Wish): Promise<Uint8Array> {
    const startedMs = this.#context.nowMs();
    const index = this.#count++;
    try {
      const source = await this.#opener.open({ root: this.#context.root, path });
      try {
        const { sizeBytes } = source.status;
        if (sizeBytes > PACKED_FILE_BYTES) return refusal("too-large");
        const { bytes, root } = await readWhole(source, path);
        if (held !== null && isHeld(held, source.status, root)) {
          this.#sent.set(index, { path, sizeBytes, heldBytes: sizeBytes, startedMs });
          return refusal("exists");
        }
        const offer = { ...source.status, sourceToken: sourceToken(source) };
        const header = encodeResponse(offerCodec, { status: "ok", offer });
        this.#sent.set(index, { path, sizeBytes, heldBytes: 0, startedMs });
        return new ByteWriter(new Uint8Array(header.length + sizeBytes + ROOT_BYTES))
          .bytes(header).bytes(bytes).bytes(root).finish();
      } finally {
        await source.close();
      }
    } catch (error) {
      const failure = statusOfOneFile(error);
      if (failure === null) throw error;
      this.#report({ path, sizeBytes: 0, heldBytes: 0, startedMs }, failure.status);
      return refusal(failure.status);
    }
  }

  #report({ path, sizeBytes, heldBytes, startedMs }: SentFile, status: StatusName): void {
    this.#context.onEvent({
      kind: "transfer",
      direction: "send",
      name: formatRemotePath(path),
      bytes: sizeBytes - heldBytes,
      resumedFrom: heldBytes,
      seconds: (this.#context.nowMs() - startedMs) / 1000,
      ...(status === "ok" ? { ok: true } : { ok: false, reason: status }),
    });
  }
}

function isHeld(
  { looks, modeBits, root }: HeldSmallFile,
  { sizeBytes, modifiedMs, mode }: FileStatus,
  sourceRoot: Uint8Array,
): boolean {
  const expected = { sizeBytes, modifiedMs, mode: receivedMode(mode) };
  return looksLike({ kind: "file", ...looks }, expected, ~modeBits) &&
    isSameRoot(root, sourceRoot);
}

function refusal(status: StatusName): Uint8Array {
  return encodeResponse(offerCodec, { status, offer: NO_OFFER });
}
