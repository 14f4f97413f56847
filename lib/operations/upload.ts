/**
 * `put`: the client offers a file, sends it, and hears whether it arrived.
 *
 * ```text
 * client → server   path, size, time, mode, token of the source, what to do when the target exists,
 *                   whether the client asked for the same before and lost the answer (to a server that is
 *                   known to read that)
 * server → client   receive ‖ path, or skip ‖ path
 *                   the transfer, as sender.ts shows it, ending with the client's end of stream
 * server → client   saved ‖ path ‖ what limited it, 1 byte, if the client is known to read that; once the
 *                   file is verified and published ‖ end of stream
 * ```
 *
 * A file of one leaf at most is sent right behind the request. A target that is the file already, as the
 * first lines of the transfer tell, is left as it is.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import {
  FileError,
  formatRemotePath,
  type PartialFile,
  type RemotePath,
  type SourceFile,
} from "../files/mod.ts";
import {
  ANSWERED,
  type Call,
  type Caller,
  type Codec,
  type Exchange,
  MessageError,
  type Operation,
  readChoice,
  readFlag,
  writeChoice,
  writeFlag,
} from "../request/mod.ts";
import {
  compareHeldFile,
  encodeLimit,
  hasherOfReceiver,
  isComparable,
  isResumable,
  type LeafHasher,
  limitFromCode,
  type MoveOptions,
  type ReceivedFile,
  sendFile,
  type SentFile,
  sourceToken,
  type TransferLimit,
} from "../transfer/mod.ts";
import { failureStatus, isIntegrityFailure, transferFailure } from "./error_status.ts";
import {
  chooseTarget,
  EXISTS_POLICIES,
  type ExistsPolicy,
  isSkippedAfter,
  receivedMode,
} from "./existing_target.ts";
import { knowsHeld, readsLeafSchemes, readsLimits } from "./features.ts";
import { type FileOffer, fileOfferCodec } from "./file_offer.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";
import {
  type MoveCount,
  receiveOrSettle,
  serveTransfer,
  uploadClaimant,
} from "./serve_transfer.ts";
import {
  fileName,
  type LocalFile,
  moveOptions,
  peerOptions,
  skippedResult,
  startingOverOnce,
  type TransferOptions,
  type TransferResult,
} from "./transfer_options.ts";
import { findTwin, type Twin } from "./twin.ts";

/** What a client asks for with `put`. */
export interface UploadRequest extends FileOffer {
  /** Where the file should go. */
  readonly path: RemotePath;
  /** What to do when something is there. */
  readonly exists: ExistsPolicy;
  /** The client asked for it before; absent for a server that does not read it. */
  readonly isRepeated?: boolean;
}

/** What the server says: first `receive` or `skip`, and `saved` at the end. */
export interface UploadReply {
  /** Which of the three. */
  readonly kind: typeof REPLY_KINDS[number];
  /** Where the file goes, possibly with a number in its name. */
  readonly path: RemotePath;
  /** What limited the transfer; null when that is not known, or not read by the client. */
  readonly limit: TransferLimit | null;
}

/** Words of the server's replies, in the order of their numbers on the wire. */
const REPLY_KINDS = ["receive", "skip", "saved"] as const;

/**
 * Sends a file to the server, which publishes it under `remote` once it is verified. An unfinished one
 * is kept there and goes on next time.
 *
 * @throws {FileError} when something is wrong on this side, before anything is sent.
 * @throws {RemoteError} when the server refuses.
 * @throws {TransferError} when connection, content or the user ended it.
 */
export async function upload(
  caller: Caller,
  source: LocalFile,
  remote: RemotePath,
  options: TransferOptions,
): Promise<TransferResult> {
  return await startingOverOnce(options, async (attempt) => {
    const file = await source.root.openSource(source.path);
    try {
      return await uploadOnce(caller, { ...source, file }, remote, attempt);
    } finally {
      await file.close();
    }
  });
}

async function uploadOnce(
  caller: Caller,
  source: LocalFile & { file: SourceFile },
  remote: RemotePath,
  options: TransferOptions,
): Promise<TransferResult> {
  const name = fileName(source.path);
  const path = formatRemotePath(source.path);
  const { sizeBytes } = source.file.status;
  const request: UploadRequest = {
    ...source.file.status,
    sourceToken: sourceToken(source.file),
    path: remote,
    exists: options.exists,
    ...(knowsHeld(options.peerFeatures ?? 0) ? { isRepeated: options.isRepeated ?? false } : {}),
  };
  const move = { path, ...moveOptions(source.root, options, { name, sizeBytes }) };
  let call: Call<UploadRequest, UploadReply> | null = null;
  try {
    call = await caller.open(uploadOperation, request, { signal: options.signal });
    let sent = isResumable(sizeBytes) ? null : await sendUnlessStopped(call, source.file, move);
    const reply = await call.receive();
    if (reply.kind === "skip") return skippedResult(name, reply.path, sizeBytes);
    if (reply.kind !== "receive") throw new MessageError(`Unexpected reply: ${reply.kind}`);

    sent ??= await sendUnlessStopped(call, source.file, move);
    const verdict = await call.receive();
    if (verdict.kind !== "saved" || sent === null) {
      throw new MessageError(`Unexpected reply: ${verdict.kind}`);
    }
    await call.end();
    return {
      name,
      bytes: sizeBytes - sent.startOffset,
      totalBytes: sizeBytes,
      resumedFrom: sent.startOffset,
      sha256: sent.sha256,
      skipped: false,
      target: formatRemotePath(verdict.path),
      limit: verdict.limit ?? sent.limit,
    };
  } catch (error) {
    if (isIntegrityFailure(error)) source.file.forgetLeaves();
    call?.abandon(failureStatus(error)?.status ?? "internal");
    if (isSkippedAfter(error, options.exists)) return skippedResult(name, remote, sizeBytes);
    throw transferFailure(error, path);
  } finally {
    call?.close();
  }
}

/** Sends the file; null when the server wants no more of it, which its next reply explains. */
async function sendUnlessStopped(
  call: Call<UploadRequest, UploadReply>,
  file: SourceFile,
  options: MoveOptions,
): Promise<SentFile | null> {
  try {
    const sent = await sendFile(call, file, options);
    await call.stream.finish();
    return sent;
  } catch (error) {
    if (error instanceof StreamError && error.kind === "stopped-by-peer") return null;
    throw error;
  }
}

const replyCodec: Codec<UploadReply> = {
  encode: ({ kind, path, limit }, writer) => {
    writeChoice(writer, REPLY_KINDS, kind);
    writePath(writer, path);
    writer.bytes(encodeLimit(limit));
  },
  decode: (reader) => ({
    kind: readChoice(reader, REPLY_KINDS),
    path: readPath(reader),
    limit: reader.remaining > 0 ? limitFromCode(reader.u8()) : null,
  }),
};

/** Serves {@linkcode upload}. */
export const uploadOperation: Operation<UploadRequest, UploadReply, ServeContext> = {
  code: 17,
  name: "put",
  access: "write",
  isBulky: true,
  request: {
    encode: (request, writer) => {
      writePath(writer, request.path);
      fileOfferCodec.encode(request, writer);
      writeChoice(writer, EXISTS_POLICIES, request.exists);
      if (request.isRepeated !== undefined) writeFlag(writer, request.isRepeated);
    },
    decode: (reader) => ({
      path: readPath(reader),
      ...fileOfferCodec.decode(reader),
      exists: readChoice(reader, EXISTS_POLICIES),
      ...(reader.remaining > 0 ? { isRepeated: readFlag(reader) } : {}),
    }),
  },
  response: replyCodec,
  subject: ({ path }) => formatRemotePath(path),
  async serve(request, exchange, context) {
    const { path: wanted, exists, isRepeated = false, ...offer } = request;
    const { root, uploads, peerFeatures = 0 } = context;
    const claimant = uploadClaimant(exchange, context, offer.sourceToken);
    if (isRepeated) await uploads.untilPredecessorsEnd(claimant);
    const looks = { ...offer, mode: receivedMode(offer.mode) };
    const isComparing = isComparable({ ...offer, comparesAll: knowsHeld(peerFeatures) });
    const twin = isComparing
      ? await findTwin(root, { path: wanted, exists, isRepeated, looks })
      : null;
    try {
      const chosen = twin === null ? await chooseTarget(root, wanted, exists) : null;
      const path = chosen?.path ?? twin!.path;
      if (chosen?.isSkipped) {
        exchange.stopReading("exists");
        return { kind: "skip", path, limit: null };
      }
      const canTell = readsLeafSchemes(peerFeatures);
      const leafHasher = hasherOfReceiver(root, { canTell });
      const openTarget = async ({ isHasherTold }: { isHasherTold: boolean }) => {
        const target = chosen ?? await chooseTarget(root, wanted, exists);
        if (target.isSkipped) throw new FileError("exists", formatRemotePath(wanted));
        const { publication } = target;
        const isHasherFixed = isHasherTold || !canTell;
        const options = {
          ...{ ...looks, exists: publication, sender: context.clientKey },
          ...{ leafHasher, isHasherFixed },
        };
        return { path: target.path, partial: await root.openPartial(target.path, options) };
      };
      return await uploads.hold(
        formatRemotePath(path),
        claimant,
        () => receiveUpload(exchange, context, { offer, path, twin, leafHasher, openTarget }),
      );
    } finally {
      await twin?.file.close();
    }
  },
};

interface ReceivedUpload {
  readonly offer: FileOffer;
  /** Where the file goes, or where a file is that may be the same. */
  readonly path: RemotePath;
  readonly twin: Twin | null;
  /** How leaves are hashed unless those of an unfinished file are held. */
  readonly leafHasher: LeafHasher;
  /** Opens the part; `isHasherTold` when the client was told of {@linkcode leafHasher}. */
  readonly openTarget: (options: { isHasherTold: boolean }) => Promise<OpenTarget>;
}

interface OpenTarget {
  readonly path: RemotePath;
  readonly partial: PartialFile;
}

async function receiveUpload(
  exchange: Exchange,
  context: ServeContext,
  { offer: { sizeBytes }, path, twin, leafHasher, openTarget }: ReceivedUpload,
): Promise<UploadReply | typeof ANSWERED> {
  const name = formatRemotePath(path);
  let target = twin === null ? await openTarget({ isHasherTold: false }) : null;
  let limit: TransferLimit | null = null;
  const move = async ({ onStart, onProgress }: MoveCount): Promise<ReceivedFile> => {
    await exchange.respond(replyCodec, { kind: "receive", path, limit });
    const options = {
      ...{ path: name, sizeBytes, leafHasher, onStart, onProgress },
      ...peerOptions(context.root, context),
    };
    const held = twin === null ? null : await compareHeldFile(exchange, twin.file, options);
    if (held?.kind === "same") {
      await context.root.dropPart(path, { sender: context.clientKey });
      return held.received;
    }
    target ??= await openTarget({ isHasherTold: true });
    return await receiveOrSettle(exchange, target.partial, { ...options, begun: held?.begun });
  };
  try {
    const about = { direction: "receive", name } as const;
    const isSaved = await serveTransfer(exchange, context, about, async (count) => {
      const received = await move(count);
      count.limit = received.limit;
      if (readsLimits(context.peerFeatures ?? 0)) limit = received.limit;
    });
    return isSaved ? { kind: "saved", path: target?.path ?? path, limit } : ANSWERED;
  } finally {
    await target?.partial.park(); // the client may have gone before anything was received
  }
}
