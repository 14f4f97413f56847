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
import { ByteWriter } from "../bytes/byte_writer.ts";
import { allEnded, formatRemotePath } from "../files/mod.ts";
import { type Call, type Caller, encodeMessage, MessageError } from "../request/mod.ts";
import { ROOT_BYTES, sha256Hex, sourceToken } from "../transfer/mod.ts";
import { transferFailure } from "./error_status.ts";
import { knowsHeld } from "./features.ts";
import {
  errorOfStatus,
  PACKED_FILE_BYTES,
  type PackedFile,
  type PackOptions,
  readWhole,
  SourceOpener,
} from "./pack.ts";
import { uploadPackOperation } from "./serve_upload_pack.ts";
import { fileName, type TransferResult } from "./transfer_options.ts";
import { headerCodec, NO_BYTES, type PackReply } from "./upload_pack_words.ts";

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
    return await opener.read(file.local, async (source) => {
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
    });
  } catch (error) {
    file.onEnd({ kind: "failed", error: transferFailure(error, formatRemotePath(path)) });
    return null;
  }
}
