/**
 * `put`: the client offers a file, sends it, and hears whether it arrived.
 *
 * ```text
 * client → server   path, size, time, mode, token of the source, what to do when the target exists
 * server → client   receive ‖ path, or skip ‖ path
 *                   the transfer, as sender.ts shows it, ending with the client's end of stream
 * server → client   saved ‖ path ‖ what limited it, 1 byte, if the client is known to read that; once the
 *                   file is verified and published ‖ end of stream
 * ```
 *
 * A file of one leaf at most is sent right behind the request.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import { formatRemotePath, type RemotePath, type SourceFile } from "../files/mod.ts";
import {
  ANSWERED,
  type Call,
  type Caller,
  type Codec,
  MessageError,
  type Operation,
  readChoice,
  writeChoice,
} from "../request/mod.ts";
import {
  encodeLimit,
  isResumable,
  limitFromCode,
  type MoveOptions,
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
  receivedMode,
} from "./existing_target.ts";
import { readsLimits } from "./features.ts";
import { type FileOffer, fileOfferCodec } from "./file_offer.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";
import { receiveOrSettle, serveTransfer, uploadClaimant } from "./serve_transfer.ts";
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

/** What a client asks for with `put`. */
export interface UploadRequest extends FileOffer {
  /** Where the file should go. */
  readonly path: RemotePath;
  /** What to do when something is there. */
  readonly exists: ExistsPolicy;
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
      return await uploadOnce(caller, { file, path: source.path }, remote, attempt);
    } finally {
      await file.close();
    }
  });
}

async function uploadOnce(
  caller: Caller,
  source: { file: SourceFile; path: RemotePath },
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
  };
  const move = { path, ...moveOptions(options, name, sizeBytes) };
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
  request: {
    encode: (request, writer) => {
      writePath(writer, request.path);
      fileOfferCodec.encode(request, writer);
      writeChoice(writer, EXISTS_POLICIES, request.exists);
    },
    decode: (reader) => ({
      path: readPath(reader),
      ...fileOfferCodec.decode(reader),
      exists: readChoice(reader, EXISTS_POLICIES),
    }),
  },
  response: replyCodec,
  subject: ({ path }) => formatRemotePath(path),
  async serve({ path: wanted, exists, ...offer }, exchange, context) {
    const { path, isSkipped, publication } = await chooseTarget(context.root, wanted, exists);
    if (isSkipped) {
      exchange.stopReading("exists");
      return { kind: "skip", path, limit: null };
    }
    const name = formatRemotePath(path);
    const claimant = uploadClaimant(exchange, context, offer.sourceToken);
    let limit: TransferLimit | null = null;
    return await context.uploads.hold(name, claimant, async () => {
      const partial = await context.root.openPartial(path, {
        ...offer,
        mode: receivedMode(offer.mode),
        exists: publication,
        sender: context.clientKey,
      });
      try {
        const isSaved = await serveTransfer(
          exchange,
          context,
          { direction: "receive", name },
          async (count) => {
            await exchange.respond(replyCodec, { kind: "receive", path, limit });
            const { onStart, onProgress } = count;
            const received = await receiveOrSettle(exchange, partial, {
              path: name,
              sizeBytes: offer.sizeBytes,
              onStart,
              onProgress,
              ...peerOptions(context),
            });
            count.limit = received.limit;
            if (readsLimits(context.peerFeatures ?? 0)) limit = received.limit;
          },
        );
        return isSaved ? { kind: "saved", path, limit } : ANSWERED;
      } finally {
        await partial.park(); // the client may have gone before anything was received
      }
    });
  },
};
