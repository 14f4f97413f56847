/**
 * The server's half of `get` of many small files: see `download_pack.ts`.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { type FileStatus, formatRemotePath, looksLike, type RemotePath } from "../files/mod.ts";
import {
  ANSWERED,
  emptyCodec,
  encodeResponse,
  type Exchange,
  MessageError,
  type Operation,
  readMessage,
  type StatusName,
} from "../request/mod.ts";
import { isSameRoot, ROOT_BYTES, sourceToken } from "../transfer/mod.ts";
import {
  type HeldSmallFile,
  offerCodec,
  type PackedOffer,
  WANTED_AHEAD,
  type Word,
  wordCodec,
} from "./download_pack_words.ts";
import { receivedMode } from "./existing_target.ts";
import type { FileOffer } from "./file_offer.ts";
import { PACKED_FILE_BYTES, readWhole, SourceOpener, statusOfOneFile } from "./pack.ts";
import type { ServeContext } from "./serve_context.ts";

/** Most that a server remembers for one client. */
const MAX_WANTED = WANTED_AHEAD;
/**
 * Files sent and not confirmed, after which a server waits. As many as a client asks for ahead and saves at
 * a time, and as many again whose confirmations are on their way.
 */
const MAX_UNCONFIRMED = 2 * MAX_WANTED;

const NO_OFFER: FileOffer = {
  sizeBytes: 0,
  modifiedMs: 0,
  mode: 0,
  sourceToken: "0".repeat(32),
};

/** Serves `downloadPack()`. */
export const downloadPackOperation: Operation<null, PackedOffer, ServeContext> = {
  code: 19,
  name: "get-many",
  access: "read",
  isBulky: true,
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
      return await this.#opener.read({ root: this.#context.root, path }, async (source) => {
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
      });
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
