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
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { allEnded, formatRemotePath, REMOTE_ROOT, type RemotePath } from "../files/mod.ts";
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
import { ROOT_BYTES, sha256Hex, sourceToken } from "../transfer/mod.ts";
import { transferFailure } from "./error_status.ts";
import { chooseTarget, EXISTS_POLICIES, type ExistsPolicy } from "./existing_target.ts";
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
import type { UploadRequest } from "./upload.ts";

/** What the server says of one file of a pack. */
export interface PackReply {
  /** Its number, counted from 0 as they came. */
  readonly index: number;
  /** `ok` once it is published, or why it is not. */
  readonly status: StatusName;
  /** Where it is, or would have been; the root, where no file can be, stands for the path asked for. */
  readonly path: RemotePath;
  /** The target existed and was left alone. */
  readonly isSkipped: boolean;
}

/** How a pack is moved. */
export interface PackOptions extends CallOptions {
  /** What happens when a target exists. */
  readonly exists: ExistsPolicy;
  /** Also compute the plain SHA-256 of each file. */
  readonly plainHash?: boolean;
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
  readonly sizeBytes: number;
  readonly sha256: string | null;
}

/** Files that were sent and wait for their reply. */
class SentFiles {
  readonly #waiting = new Map<number, SentFile>();
  #count = 0;

  add(sent: SentFile): void {
    this.#waiting.set(this.#count++, sent);
  }

  /** Tells each file its end, until the server has no more to say. */
  async takeReplies(call: PackCall): Promise<void> {
    for (;;) {
      const reply = await call.receiveNext();
      if (reply === null) break;
      const { index } = reply.response;
      const sent = this.#waiting.get(index);
      if (sent === undefined) throw new MessageError(`Unexpected reply for file ${index}`);
      this.#waiting.delete(index);
      tellEnd(sent, reply.response);
    }
    if (this.#waiting.size > 0) throw new MessageError("Expected a reply for every file");
  }
}

function tellEnd({ file, sizeBytes, sha256 }: SentFile, reply: PackReply): void {
  const { status, isSkipped } = reply;
  const path = reply.path.components.length === 0 ? file.remote : reply.path;
  if (status !== "ok") {
    const error = errorOfStatus(status, formatRemotePath(path));
    return file.onEnd({ kind: "failed", error });
  }
  const result: TransferResult = {
    name: fileName(file.local.path),
    bytes: isSkipped ? 0 : sizeBytes,
    totalBytes: sizeBytes,
    resumedFrom: 0,
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
  try {
    for (const file of files) {
      const packed = await packOne(file, opener, options);
      if (packed === null) continue;
      sent.add(packed);
      await call.stream.write(packed.bytes);
    }
  } finally {
    opener.close();
  }
  await call.stream.finish();
}

/** Everything of one file in one piece; null when it does not go in a pack, which it has been told. */
async function packOne(
  file: PackedFile,
  opener: SourceOpener,
  { exists, plainHash }: PackOptions,
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
      const header = encodeMessage(headerCodec, { ...offer, path: file.remote, exists });
      const whole = new ByteWriter(new Uint8Array(header.length + sizeBytes + ROOT_BYTES))
        .bytes(header).bytes(bytes).bytes(root).finish();
      return { file, sizeBytes, bytes: whole, sha256: plainHash ? sha256Hex(bytes) : null };
    } finally {
      await source.close();
    }
  } catch (error) {
    file.onEnd({ kind: "failed", error: transferFailure(error, formatRemotePath(path)) });
    return null;
  }
}

const headerCodec: Codec<UploadRequest> = {
  encode: (header, writer) => {
    writePath(writer, header.path);
    fileOfferCodec.encode(header, writer);
    writeChoice(writer, EXISTS_POLICIES, header.exists);
  },
  decode: (reader) => ({
    path: readPath(reader),
    ...fileOfferCodec.decode(reader),
    exists: readChoice(reader, EXISTS_POLICIES),
  }),
};

const SKIPPED = ["kept", "skipped"] as const;

const replyCodec: Codec<PackReply> = {
  encode: ({ index, status, path, isSkipped }, writer) => {
    writer.varint(index).varint(statusCode(status));
    writeChoice(writer, SKIPPED, isSkipped ? "skipped" : "kept");
    writePath(writer, path);
  },
  decode: (reader) => ({
    index: reader.varint(),
    status: statusFromCode(reader.varint()),
    isSkipped: readChoice(reader, SKIPPED) === "skipped",
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
        const whole = await readFile(exchange, request.sizeBytes);
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

async function readFile(exchange: Exchange, sizeBytes: number): Promise<WholeFile> {
  if (sizeBytes > PACKED_FILE_BYTES) {
    throw new MessageError(`Expected ${PACKED_FILE_BYTES} bytes at most, found ${sizeBytes}`);
  }
  const bytes = (await exchange.reader.exactly(sizeBytes)).slice();
  const root = (await exchange.reader.exactly(ROOT_BYTES)).slice();
  return { bytes, root };
}

async function saveOne(
  exchange: Exchange,
  context: ServeContext,
  { path: wanted, exists, ...offer }: UploadRequest,
  whole: WholeFile,
): Promise<Omit<PackReply, "index">> {
  const startedMs = context.nowMs();
  let path = wanted;
  const report = (outcome: { ok: boolean; reason?: StatusName }) => {
    context.onEvent({
      kind: "transfer",
      direction: "receive",
      name: formatRemotePath(path),
      bytes: offer.sizeBytes,
      resumedFrom: 0,
      seconds: (context.nowMs() - startedMs) / 1000,
      ...outcome,
    });
  };
  try {
    const target = await chooseTarget(context.root, wanted, exists);
    path = target.path;
    if (target.isSkipped) return { status: "ok", path, isSkipped: true };
    await context.uploads.hold(
      formatRemotePath(path),
      uploadClaimant(exchange, context, offer.sourceToken),
      () => saveWhole({ root: context.root, path }, target, offer, whole),
    );
    report({ ok: true });
    return { status: "ok", path, isSkipped: false };
  } catch (error) {
    const failure = statusOfOneFile(error);
    report({ ok: false, reason: failure?.status ?? "internal" });
    if (failure === null) throw error;
    return { status: failure.status, path, isSkipped: false };
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
