/**
 * The server's half of `put` of many small files: see `upload_pack.ts`.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import { type FileRoot, formatRemotePath, REMOTE_ROOT, type RemotePath } from "../files/mod.ts";
import {
  ANSWERED,
  emptyCodec,
  type Exchange,
  MessageError,
  type Operation,
  readMessage,
  type StatusName,
} from "../request/mod.ts";
import { isSameRoot, ROOT_BYTES } from "../transfer/mod.ts";
import { chooseTarget, isSkippedAfter, receivedMode } from "./existing_target.ts";
import {
  BoundedTasks,
  PACKED_FILE_BYTES,
  readWhole,
  saveWhole,
  statusOfOneFile,
  type WholeFile,
} from "./pack.ts";
import type { ServeContext } from "./serve_context.ts";
import { uploadClaimant } from "./serve_transfer.ts";
import { findTwin, type TwinQuery } from "./twin.ts";
import {
  headerCodec,
  NO_BYTES,
  type PackHeader,
  type PackReply,
  replyCodec,
} from "./upload_pack_words.ts";

/** Serves `uploadPack()`. */
export const uploadPackOperation: Operation<null, PackReply, ServeContext> = {
  code: 18,
  name: "put-many",
  access: "write",
  isBulky: true,
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
    if (isSkippedAfter(error, exists)) return { status: "ok", path, fate: "skipped" };
    const failure = statusOfOneFile(error);
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
