/**
 * What downloads and uploads have in common: the care for a part, and on the server the report of how
 * it ended.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import type { PartialFile } from "../files/mod.ts";
import type { Exchange } from "../request/mod.ts";
import {
  LEAST_JUDGED_SECONDS,
  type ReceivedFile,
  receiveFile,
  type ReceiveOptions,
  type TransferLimit,
  type TransferPeer,
} from "../transfer/mod.ts";
import { canResumeAfter, failureStatus } from "./error_status.ts";
import type { ServeContext, TransferEvent } from "./serve_context.ts";
import type { UploadClaimant } from "./upload_claims.ts";

/** Counts what a transfer moved, for its report. Its methods are the callbacks of a transfer. */
export class MoveCount {
  /** Bytes that were there before. */
  resumedFrom = 0;
  /** What limited it, once that is known. */
  limit: TransferLimit | null = null;
  #reached = 0;

  /** The transfer starts at this byte. */
  readonly onStart = (startOffset: number): void => {
    this.resumedFrom = startOffset;
    this.#reached = startOffset;
  };

  /** The transfer has reached this byte. */
  readonly onProgress = (bytes: number): void => {
    this.#reached = bytes;
  };

  /** Bytes moved so far. */
  get movedBytes(): number {
    return this.#reached - this.resumedFrom;
  }
}

/**
 * Runs the moving part of a transfer, reports how it ended, and tells the client when it failed.
 * Returns whether it did not.
 */
export async function serveTransfer(
  exchange: Exchange,
  context: ServeContext,
  about: Pick<TransferEvent, "direction" | "name">,
  move: (count: MoveCount) => Promise<void>,
): Promise<boolean> {
  const startedMs = context.nowMs();
  const count = new MoveCount();
  const report = (outcome: Pick<TransferEvent, "ok" | "reason">) => {
    const { movedBytes, resumedFrom, limit } = count;
    const seconds = (context.nowMs() - startedMs) / 1000;
    context.onEvent({
      kind: "transfer",
      ...about,
      bytes: movedBytes,
      resumedFrom,
      seconds,
      ...outcome,
      ...(limit === null || seconds < LEAST_JUDGED_SECONDS ? {} : { limit }),
    });
  };
  try {
    await move(count);
    report({ ok: true });
    return true;
  } catch (error) {
    const failure = failureStatus(error);
    // Reads and writes that this side cut know only that they were.
    const isCutHere = error instanceof StreamError && error.kind === "aborted";
    const reason = (isCutHere ? exchange.abandonedFor : null) ?? failure?.status ?? "internal";
    report({ ok: false, reason });
    if (failure === null) throw error;
    await refuseQuietly(exchange, error, about.name);
    return false;
  }
}

/** The client of an upload as its claim on the target sees it. */
export function uploadClaimant(
  exchange: Exchange,
  context: ServeContext,
  sourceToken: string,
): UploadClaimant {
  return {
    connection: context,
    clientKey: context.clientKey,
    sourceToken,
    silentMs: () => context.silentMs(),
    giveWay: () => exchange.abandon("cancelled"),
  };
}

/** Receives into a part. When that fails, parks the part if it may be resumed, or else removes it. */
export async function receiveOrSettle(
  peer: TransferPeer,
  partial: PartialFile,
  options: ReceiveOptions,
): Promise<ReceivedFile> {
  try {
    return await receiveFile(peer, partial, options);
  } catch (error) {
    if (canResumeAfter(error)) await partial.park();
    else await partial.discard();
    throw error;
  }
}

async function refuseQuietly(exchange: Exchange, error: unknown, name: string): Promise<void> {
  const { status, path } = failureStatus(error)!;
  // A stream that failed carries no answer; the cut tells the side that still listens.
  if (error instanceof StreamError) return exchange.abandon(status);
  try {
    await exchange.refuse(status, path || name);
  } catch (refusalError) {
    if (!(refusalError instanceof StreamError)) throw refusalError;
  }
}
