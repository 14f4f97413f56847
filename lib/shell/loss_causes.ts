/**
 * What an error of a request says about the connection that it was asked on.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { RemoteError } from "../request/mod.ts";
import { TransferError } from "../transfer/mod.ts";
import type { Link, LinkEnd } from "./link.ts";
import { ConnectionLostError, rootCause } from "./shell_error.ts";

/** What an error of a request comes from: a server that stops closes the connection, and says why. */
export async function causeOfLoss(error: unknown, link: Link): Promise<unknown> {
  const isLost = error instanceof StreamError && error.kind === "connection-lost";
  return isLost && (await link.closed).isStopping ? stopping(error) : error;
}

/** The server stops: nobody need try again. */
export function stopping(cause: unknown): RemoteError {
  return new RemoteError("stopping", "", { cause });
}

/** Whether an error means that the connection is gone. The end may be told a moment after the error. */
export async function wasLost(
  live: { readonly end: LinkEnd | null },
  error: unknown,
): Promise<boolean> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof StreamError && cause.kind === "connection-lost") return true;
    if (cause instanceof TransferError && cause.retryable) return true;
  }
  await Promise.resolve();
  return live.end !== null;
}

/** Our own connection that was lost may still hold the target on the server for a moment. */
export function isHeldByLostConnection(error: unknown): boolean {
  const cause = rootCause(error);
  return cause instanceof RemoteError && cause.status === "busy";
}

/** For a request that must not be sent twice. */
export function unknownOutcome(cause: unknown): ConnectionLostError {
  return new ConnectionLostError(
    "Connection lost before the server answered: it may or may not have been done",
    { cause },
  );
}
