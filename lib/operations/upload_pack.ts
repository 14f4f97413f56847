/**
 * `put` of many small files over one stream.
 *
 * ```text
 * client → server   nothing but the request, then file after file as in pack.ts ‖ end of stream
 * server → client   for each, in the order in which they are done: its number, status, path ‖ end of stream
 * ```
 *
 * Nobody waits for anybody: the client sends on while the server flushes what came before.
 *
 * While the server answers that it has what comes already, the client asks before it sends: the header and the
 * root of a file without its bytes. One that the server wants after all is sent once more, as a whole. So a
 * second `put -r` moves next to nothing, and a first one loses no time.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import type { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  allEnded,
  type FileRoot,
  formatRemotePath,
  REMOTE_ROOT,
  type RemotePath,
} from "../files/mod.ts";
import {
  ANSWERED,
  type Call,
  type Caller,
  type CallOptions,
  type Codec,
  emptyCodec,
  encodeMessage,
  type Exchange,
  MessageError,
  type Operation,
  readChoice,
  readMessage,
  statusCode,
  statusFromCode,
  type StatusName,
  writeChoice,
} from "../request/mod.ts";
import { isSameRoot, ROOT_BYTES, sha256Hex, sourceToken } from "../transfer/mod.ts";
import { transferFailure } from "./error_status.ts";
import {
  chooseTarget,
  EXISTS_POLICIES,
  type ExistsPolicy,
  receivedMode,
} from "./existing_target.ts";
import { knowsHeld } from "./features.ts";
import { fileOfferCodec } from "./file_offer.ts";
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
import { uploadClaimant } from "./serve_transfer.ts";
import { fileName, type TransferResult } from "./transfer_options.ts";
import { findTwin, type TwinQuery } from "./twin.ts";
import type { UploadRequest } from "./upload.ts";

/** What the server says of one file of a pack. */
export interface PackReply {
  /** Its number, counted from 0 as they came. */
  readonly index: number;
  /** `ok` once it is published, or why it is not. */
  readonly status: StatusName;
  /** Where it is, or would have been; the root, where no file can be, stands for the path asked for. */
  readonly path: RemotePath;
  /** What was done with it, when the status is `ok`. */
  readonly fate: typeof FATES[number];
}

/** Written; left out for what is there; there already; or asked about, and to be sent. */
const FATES = ["written", "skipped", "same", "wanted"] as const;

/** What precedes a file of a pack. The flags are absent for a server that does not read them. */
interface PackHeader extends UploadRequest {
  /** No bytes follow, only the root: does the server have it? */
  readonly isQuestion?: boolean;
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

/**
 * Sends files to the server, which publishes each once it is verified. `files` is read as far as the stream
 * takes them; each file hears its end. When this throws, those that have not heard it are undecided.
 *
 * @throws {RemoteError} when the server refuses all of it.
 * @throws {TransferError} when connection or user ended it.
 */
export async function uploadPack(
  caller: Caller,
  files: Iterable<PackedFile>,
  options: PackOptions,
): Promise<void> {
  const call = await caller.open(uploadPackOperation, null, options).catch((error) => {
    throw transferFailure(error, "");
  });
  try {
    const sent = new SentFiles();
    const replies = sent.takeReplies(call);
    const sending = sendFiles(call, files, sent, options);
    // A refusal explains why sending was stopped: its failure comes first.
    await allEnded([replies, sending]);
  } catch (error) {
    throw transferFailure(error, "");
  } finally {
    call.close();
  }
}

type PackCall = Call<null, PackReply>;

interface SentFile {
  readonly file: PackedFile;
  readonly isQuestion: boolean;
  readonly sizeBytes: number;
  readonly sha256: string | null;
}

/** Files that were sent and wait for their reply. */
class SentFiles {
  readonly #waiting = new Map<number, SentFile>();
  #count = 0;
  #questionCount = 0;
  /** Asked about, and wanted by the server. */
  readonly #wanted: PackedFile[] = [];
  #isOver = false;
  #wake: () => void = () => {};
  /** The server had the last file that it told about. */
  hasSame = false;

  add(sent: SentFile): void {
    this.#waiting.set(this.#count++, sent);
    if (sent.isQuestion) this.#questionCount++;
  }

  /** The next file that the server wants after all; null when it wants none, now or ever. */
  async nextWanted(options: { readonly isWaiting: boolean }): Promise<PackedFile | null> {
    while (options.isWaiting && this.#wanted.length === 0) {
      if (this.#questionCount === 0 || this.#isOver) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#wanted.shift() ?? null;
  }

  /** Tells each file its end, until the server has no more to say. */
  async takeReplies(call: PackCall): Promise<void> {
    try {
      for (;;) {
        const reply = await call.receiveNext();
        if (reply === null) break;
        this.#take(reply.response);
      }
    } finally {
      this.#isOver = true;
      this.#wake();
    }
    if (this.#waiting.size > 0 || this.#wanted.length > 0) {
      throw new MessageError("Expected a reply for every file");
    }
  }

  #take(reply: PackReply): void {
    const { index, status, fate } = reply;
    const sent = this.#waiting.get(index);
    if (sent === undefined) throw new MessageError(`Unexpected reply for file ${index}`);
    this.#waiting.delete(index);
    if (status === "ok") this.hasSame = fate === "same";
    if (sent.isQuestion) this.#questionCount--;
    const isWanted = status === "ok" && fate === "wanted";
    if (isWanted && !sent.isQuestion) throw new MessageError("Expected no wish for a sent file");
    if (isWanted) this.#wanted.push(sent.file);
    else tellEnd(sent, reply);
    this.#wake();
  }
}

function tellEnd({ file, sizeBytes, sha256, isQuestion }: SentFile, reply: PackReply): void {
  const { status, fate } = reply;
  const isSkipped = fate === "skipped";
  const path = reply.path.components.length === 0 ? file.remote : reply.path;
  if (status !== "ok") {
    const error = errorOfStatus(status, formatRemotePath(path));
    return file.onEnd({ kind: "failed", error });
  }
  const result: TransferResult = {
    name: fileName(file.local.path),
    bytes: isSkipped || isQuestion ? 0 : sizeBytes,
    totalBytes: sizeBytes,
    resumedFrom: isQuestion && !isSkipped ? sizeBytes : 0,
    sha256: isSkipped ? null : sha256,
    skipped: isSkipped,
    target: formatRemotePath(path),
    limit: null,
  };
  file.onEnd({ kind: "done", result });
}

async function sendFiles(
  call: PackCall,
  files: Iterable<PackedFile>,
  sent: SentFiles,
  options: PackOptions,
): Promise<void> {
  const opener = new SourceOpener();
  const knows = knowsHeld(options.peerFeatures ?? 0);
  const send = async (file: PackedFile, { isQuestion }: { isQuestion: boolean }) => {
    const packed = await packOne(file, opener, { ...options, isQuestion });
    if (packed === null) return;
    sent.add(packed);
    await call.stream.write(packed.bytes);
  };
  const sendWanted = async (wait: { isWaiting: boolean }) => {
    for (;;) {
      const file = await sent.nextWanted(wait);
      if (file === null) return;
      await send(file, { isQuestion: false });
    }
  };
  try {
    for (const file of files) {
      if (knows) await sendWanted({ isWaiting: false });
      await send(file, { isQuestion: knows && (file.isRepeated === true || sent.hasSame) });
    }
    if (knows) await sendWanted({ isWaiting: true });
  } finally {
    opener.close();
  }
  await call.stream.finish();
}

/** Everything of one file in one piece; null when it does not go in a pack, which it has been told. */
async function packOne(
  file: PackedFile,
  opener: SourceOpener,
  { exists, plainHash, peerFeatures, isQuestion }: PackOptions & { readonly isQuestion: boolean },
): Promise<SentFile & { readonly bytes: Uint8Array } | null> {
  const { path } = file.local;
  try {
    const source = await opener.open(file.local);
    try {
      const { sizeBytes } = source.status;
      if (sizeBytes > PACKED_FILE_BYTES) {
        file.onEnd({ kind: "too-large" });
        return null;
      }
      const { bytes, root } = await readWhole(source, path);
      const offer = { ...source.status, sourceToken: sourceToken(source) };
      const flags = knowsHeld(peerFeatures ?? 0)
        ? { isQuestion, isRepeated: file.isRepeated === true }
        : {};
      const header = encodeMessage(headerCodec, { ...offer, path: file.remote, exists, ...flags });
      const content = isQuestion ? NO_BYTES : bytes;
      const whole = new ByteWriter(new Uint8Array(header.length + content.length + ROOT_BYTES))
        .bytes(header).bytes(content).bytes(root).finish();
      const sha256 = plainHash ? sha256Hex(bytes) : null;
      return { file, isQuestion, sizeBytes, bytes: whole, sha256 };
    } finally {
      await source.close();
    }
  } catch (error) {
    file.onEnd({ kind: "failed", error: transferFailure(error, formatRemotePath(path)) });
    return null;
  }
}

const NO_BYTES = new Uint8Array(0);
const REPEATED = 1;
const QUESTION = 2;

const headerCodec: Codec<PackHeader> = {
  encode: (header, writer) => {
    writePath(writer, header.path);
    fileOfferCodec.encode(header, writer);
    writeChoice(writer, EXISTS_POLICIES, header.exists);
    const { isRepeated, isQuestion } = header;
    if (isRepeated === undefined) return;
    writer.u8((isRepeated ? REPEATED : 0) + (isQuestion ? QUESTION : 0));
  },
  decode: (reader) => ({
    path: readPath(reader),
    ...fileOfferCodec.decode(reader),
    exists: readChoice(reader, EXISTS_POLICIES),
    ...(reader.remaining > 0 ? readFlags(reader) : {}),
  }),
};

function readFlags(reader: ByteReader): Pick<PackHeader, "isRepeated" | "isQuestion"> {
  const flags = reader.u8();
  if (flags > REPEATED + QUESTION) throw new MessageError(`Expected flags, found ${flags}`);
  return { isRepeated: (flags & REPEATED) !== 0, isQuestion: (flags & QUESTION) !== 0 };
}

const replyCodec: Codec<PackReply> = {
  encode: ({ index, status, path, fate }, writer) => {
    writer.varint(index).varint(statusCode(status));
    writeChoice(writer, FATES, fate);
    writePath(writer, path);
  },
  decode: (reader) => ({
    index: reader.varint(),
    status: statusFromCode(reader.varint()),
    fate: readChoice(reader, FATES),
    path: readPath(reader),
  }),
};

/** Serves {@linkcode uploadPack}. */
export const uploadPackOperation: Operation<null, PackReply, ServeContext> = {
  code: 18,
  name: "put-many",
  access: "write",
  request: emptyCodec,
  response: replyCodec,
  subject: () => "",
  async serve(_request, exchange, context) {
    const saves = new BoundedTasks();
    const replies = new Replies(exchange);
    try {
      for (let index = 0;; index++) {
        const header = await readMessage(exchange.reader, headerCodec);
        if (header === null) break;
        const request = header.response;
        const whole = await readFile(exchange, request);
        await saves.start(request.sizeBytes, async () => {
          const { path, ...end } = await saveOne(exchange, context, request, whole);
          // Nobody needs to be told what he has said, and a way back may be slow.
          await replies.send({ index, ...end, path: path === request.path ? REMOTE_ROOT : path });
        });
      }
      await saves.done();
    } finally {
      await saves.settled();
    }
    return ANSWERED;
  },
};

async function readFile(
  exchange: Exchange,
  { sizeBytes, isQuestion }: PackHeader,
): Promise<WholeFile> {
  if (sizeBytes > PACKED_FILE_BYTES) {
    throw new MessageError(`Expected ${PACKED_FILE_BYTES} bytes at most, found ${sizeBytes}`);
  }
  const bytes = isQuestion ? NO_BYTES : (await exchange.reader.exactly(sizeBytes)).slice();
  const root = (await exchange.reader.exactly(ROOT_BYTES)).slice();
  return { bytes, root };
}

async function saveOne(
  exchange: Exchange,
  context: ServeContext,
  { path: wanted, exists, isRepeated, isQuestion = false, ...offer }: PackHeader,
  whole: WholeFile,
): Promise<Omit<PackReply, "index">> {
  const startedMs = context.nowMs();
  let path = wanted;
  const claimant = uploadClaimant(exchange, context, offer.sourceToken);
  const report = (outcome: { ok: boolean; reason?: StatusName }) => {
    const resumedFrom = outcome.ok && isQuestion ? offer.sizeBytes : 0;
    context.onEvent({
      kind: "transfer",
      direction: "receive",
      name: formatRemotePath(path),
      bytes: offer.sizeBytes - resumedFrom,
      resumedFrom,
      seconds: (context.nowMs() - startedMs) / 1000,
      ...outcome,
    });
  };
  try {
    if (isRepeated) await context.uploads.untilPredecessorsEnd(claimant);
    const looks = { ...offer, mode: receivedMode(offer.mode) };
    const query = { path: wanted, exists, isRepeated: isRepeated === true, looks };
    const same = await settledTwin(context.root, query, whole.root);
    if (same !== null) {
      path = same;
      report({ ok: true });
      return { status: "ok", path, fate: isRepeated === undefined ? "written" : "same" };
    }
    if (isQuestion) return { status: "ok", path, fate: "wanted" };
    const target = await chooseTarget(context.root, wanted, exists);
    path = target.path;
    if (target.isSkipped) return { status: "ok", path, fate: "skipped" };
    await context.uploads.hold(
      formatRemotePath(path),
      claimant,
      () => saveWhole({ root: context.root, path }, target, offer, whole),
    );
    report({ ok: true });
    return { status: "ok", path, fate: "written" };
  } catch (error) {
    const failure = statusOfOneFile(error);
    // Another upload was faster: that of the client's own lost connection, perhaps.
    if (failure?.status === "exists" && exists === "skip") {
      return { status: "ok", path, fate: "skipped" };
    }
    report({ ok: false, reason: failure?.status ?? "internal" });
    if (failure === null) throw error;
    return { status: failure.status, path, fate: "written" };
  }
}

/** Where the file is already, made durable; null when it is not. */
async function settledTwin(
  root: FileRoot,
  query: TwinQuery,
  fileRoot: Uint8Array,
): Promise<RemotePath | null> {
  const twin = await findTwin(root, query);
  if (twin === null) return null;
  try {
    const { source } = twin.file;
    if (!isSameRoot((await readWhole(source, twin.path)).root, fileRoot)) return null;
    await twin.file.settle();
    return twin.path;
  } finally {
    await twin.file.close();
  }
}

/** Sends replies one after the other: two at a time could mix their bytes. */
class Replies {
  readonly #exchange: Exchange;
  #last: Promise<void> = Promise.resolve();

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  send(reply: PackReply): Promise<void> {
    const sent = this.#last.then(() => this.#exchange.respond(replyCodec, reply));
    this.#last = sent.catch(ignoreLostStream);
    return sent;
  }
}

function ignoreLostStream(error: unknown): void {
  if (!(error instanceof StreamError)) throw error;
}
