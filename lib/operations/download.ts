/**
 * `get`: the server offers a file, sends it, and hears whether it arrived.
 *
 * ```text
 * client → server   path, whether nothing of it is held: a large file then comes without a question, its leaves
 *                   hashed with the scheme that follows (to a server that is known to read that)
 * server → client   size, time, mode, token of the source
 *                   the transfer, as sender.ts shows it, ending with the server's end of stream
 * client → server   u16 status: ok once the file is verified and published ‖ end of stream
 * ```
 *
 * @module
 */
import { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { type FileRoot, formatRemotePath, type RemotePath } from "../files/mod.ts";
import {
  ANSWERED,
  type Call,
  type Caller,
  type Codec,
  MessageError,
  type Operation,
  readFlag,
  RemoteError,
  statusCode,
  statusFromCode,
  writeFlag,
} from "../request/mod.ts";
import {
  compareHeldFile,
  hasherOfReceiver,
  hasherOfSender,
  isComparable,
  isResumable,
  LEAF_SCHEME_BYTES,
  type LeafHasher,
  plainSha256,
  type ReceivedFile,
  type ReceiveOptions,
  sendFile,
  sourceToken,
} from "../transfer/mod.ts";
import { failureStatus, isIntegrityFailure, transferFailure } from "./error_status.ts";
import {
  chooseTarget,
  type ChosenTarget,
  isSkippedAfter,
  receivedMode,
} from "./existing_target.ts";
import { knowsHeld, readsLeafSchemes } from "./features.ts";
import { type PathRequest, pathRequestCodec, pathSubject } from "./file_info.ts";
import { type FileOffer, fileOfferCodec } from "./file_offer.ts";
import type { ServeContext } from "./serve_context.ts";
import { receiveOrSettle, serveTransfer } from "./serve_transfer.ts";
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

/** What a client asks for with `get`. */
export interface DownloadRequest extends PathRequest {
  /** The client keeps no unfinished part of it: nothing need be agreed on before the bytes come. */
  readonly holdsNothing: boolean;
  /** How the leaves of a large file are hashed then; plainly when it is absent. */
  readonly leafScheme?: Uint8Array;
}

const requestCodec: Codec<DownloadRequest> = {
  encode: (request, writer) => {
    pathRequestCodec.encode(request, writer);
    writeFlag(writer, request.holdsNothing);
    if (request.leafScheme !== undefined) writer.bytes(request.leafScheme);
  },
  decode: (reader) => ({
    ...pathRequestCodec.decode(reader),
    holdsNothing: readFlag(reader),
    ...(reader.remaining > 0 ? { leafScheme: reader.bytes(LEAF_SCHEME_BYTES).slice() } : {}),
  }),
};

/**
 * Fetches a file from the server and publishes it under `target` once it is verified. An unfinished one
 * is kept beside it and goes on from there next time.
 *
 * @throws {RemoteError} when the server refuses.
 * @throws {TransferError} when connection, content or the user ended it.
 * @throws {FileError} when something is wrong on this side.
 */
export async function download(
  caller: Caller,
  remote: RemotePath,
  target: LocalFile,
  options: TransferOptions,
): Promise<TransferResult> {
  const chosen = await chooseTarget(target.root, target.path, options.exists);
  if (chosen.isSkipped) return skippedResult(fileName(remote), chosen.path, 0);
  return await startingOverOnce(
    options,
    (attempt) => downloadOnce(caller, remote, { root: target.root, chosen }, attempt),
  );
}

async function downloadOnce(
  caller: Caller,
  remote: RemotePath,
  { root, chosen }: { root: FileRoot; chosen: ChosenTarget },
  options: TransferOptions,
): Promise<TransferResult> {
  const path = formatRemotePath(remote);
  const name = fileName(remote);
  let call: Call<DownloadRequest, FileOffer> | null = null;
  let sizeBytes = 0;
  try {
    const comparesAll = knowsHeld(options.peerFeatures ?? 0);
    const isClaimless = !await root.mayHoldPart(chosen.path) &&
      !(comparesAll && await mayBeHeld(root, chosen));
    const canTell = readsLeafSchemes(options.peerFeatures ?? 0);
    const leafHasher = hasherOfReceiver(root, { canTell });
    const request = {
      ...{ path: remote, holdsNothing: isClaimless },
      ...(isClaimless && canTell ? { leafScheme: leafHasher.scheme } : {}),
    };
    call = await caller.open(downloadOperation, request, { signal: options.signal });
    const offer = await call.receive();
    sizeBytes = offer.sizeBytes;
    const move = {
      ...{ path, sizeBytes, isClaimless, leafHasher },
      ...moveOptions(root, options, { name, sizeBytes }),
    };
    const received = await receiveOffered(call, offer, { root, chosen, peer: options.peer }, move);
    caller.linger(sendVerdict(call));
    return {
      name,
      bytes: sizeBytes - received.startOffset,
      totalBytes: sizeBytes,
      resumedFrom: received.startOffset,
      sha256: options.plainHash ? await publishedHash(root, chosen.path, received) : null,
      skipped: false,
      target: formatRemotePath(chosen.path),
      limit: received.limit,
    };
  } catch (error) {
    call?.abandon(failureStatus(error)?.status ?? "internal");
    if (isSkippedAfter(error, options.exists)) return skippedResult(name, chosen.path, sizeBytes);
    throw transferFailure(error, path);
  } finally {
    call?.close();
  }
}

/** Where a file goes, and who sends it. */
interface DownloadPlace {
  readonly root: FileRoot;
  readonly chosen: ChosenTarget;
  readonly peer: string | undefined;
}

/** Receives into a part, unless the target turns out to be the file already. */
async function receiveOffered(
  call: Call<DownloadRequest, FileOffer>,
  offer: FileOffer,
  { root, chosen: { path, publication }, peer }: DownloadPlace,
  options: ReceiveOptions & { readonly leafHasher: LeafHasher },
): Promise<ReceivedFile> {
  const looks = { ...offer, mode: receivedMode(offer.mode) };
  const isComparing = publication === "overwrite" && isComparable(options) &&
    !(options.isClaimless && isResumable(offer.sizeBytes));
  const held = isComparing ? await root.openLike(path, looks, { isRecent: true }) : null;
  try {
    const compared = held === null ? null : await compareHeldFile(call, held, options);
    if (compared?.kind === "same") {
      await root.dropPart(path);
      return compared.received;
    }
    const { leafHasher, leafHashing, isClaimless, isStopped } = options;
    const isHasherFixed = leafHashing === undefined || isClaimless || compared !== null;
    const partial = await root.openPartial(path, {
      ...{ ...looks, exists: publication },
      ...{ leafHasher, isHasherFixed, isStopped, ...(peer === undefined ? {} : { peer }) },
    });
    return await receiveOrSettle(call, partial, { ...options, begun: compared?.begun });
  } finally {
    await held?.close();
  }
}

/** Whether a file is to be replaced that may be the same: larger ones are compared first. */
async function mayBeHeld(
  root: FileRoot,
  { path, publication }: ChosenTarget,
): Promise<boolean> {
  if (publication !== "overwrite") return false;
  try {
    return isResumable((await root.status(path)).sizeBytes);
  } catch {
    return false; // nothing there, most often; what else is wrong, the transfer finds out
  }
}

/**
 * Tells the server that the file is verified and published. It is, whatever becomes of the stream: so
 * nobody waits for this, except before the connection is closed.
 */
async function sendVerdict(call: Call<DownloadRequest, FileOffer>): Promise<void> {
  call.complete();
  await call.stream.write(new ByteWriter(2).u16(statusCode("ok")).finish());
  await call.stream.finish();
  await call.stream.flushed();
}

/** The plain hash: what was computed on the way, or that of the published file. */
async function publishedHash(
  root: FileRoot,
  path: RemotePath,
  received: ReceivedFile,
): Promise<string | null> {
  if (received.sha256 !== null) return received.sha256;
  const source = await root.openSource(path);
  try {
    return await plainSha256(source);
  } finally {
    await source.close();
  }
}

/** Serves {@linkcode download}. */
export const downloadOperation: Operation<DownloadRequest, FileOffer, ServeContext> = {
  code: 16,
  name: "get",
  access: "read",
  isBulky: true,
  request: requestCodec,
  response: fileOfferCodec,
  subject: pathSubject,
  async serve({ path, holdsNothing, leafScheme }, exchange, context) {
    const leafHasher = hasherOfSender(context.root, leafScheme);
    if (leafHasher === null) throw new MessageError("Leaves hashed in an unknown way");
    const source = await context.root.openSource(path);
    try {
      const name = formatRemotePath(path);
      const offer: FileOffer = { ...source.status, sourceToken: sourceToken(source) };
      await serveTransfer(exchange, context, { direction: "send", name }, async (count) => {
        await exchange.respond(fileOfferCodec, offer);
        exchange.beginRaw();
        const { onStart, onProgress } = count;
        const isClaimless = holdsNothing;
        const move = { path: name, isClaimless, leafHasher, onStart, onProgress };
        try {
          const options = { ...move, ...peerOptions(context.root, context) };
          const sent = await sendFile(exchange, source, options);
          count.limit = sent.limit;
          await exchange.finish();
          const verdict = statusFromCode(new ByteReader(await exchange.reader.exactly(2)).u16());
          if (verdict !== "ok") throw new RemoteError(verdict, name);
        } catch (error) {
          if (isIntegrityFailure(error)) source.forgetLeaves();
          throw error;
        }
      });
      return ANSWERED;
    } finally {
      await source.close();
    }
  },
};
