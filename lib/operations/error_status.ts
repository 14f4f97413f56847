/**
 * The border between errors of this machine and statuses on the wire, both directions.
 *
 * @module
 */
import { StreamError } from "../bytes/byte_stream.ts";
import { FileError, type FileErrorKind } from "../files/mod.ts";
import {
  MessageError,
  type Operation,
  RemoteError,
  type StatusName,
  statusOfStreamError,
} from "../request/mod.ts";
import { TransferError, type TransferErrorKind } from "../transfer/mod.ts";

/** The status of an error, and what it is about; null for one that is a bug. */
export function failureStatus(error: unknown): { status: StatusName; path: string } | null {
  if (error instanceof FileError) return { status: statusOfFileError(error), path: error.path };
  if (error instanceof TransferError) {
    return { status: STATUS_OF_TRANSFER[error.kind], path: error.path };
  }
  if (error instanceof RemoteError) return { status: error.status, path: error.path };
  if (error instanceof MessageError) return { status: error.status, path: error.path };
  if (error instanceof StreamError) return { status: statusOfStreamError(error), path: "" };
  return null;
}

/** The status of what went wrong with a file. */
export function statusOfFileError(error: FileError): StatusName {
  return STATUS_OF_FILE[error.kind];
}

/**
 * What a failed transfer means to the side that asked for it: a {@linkcode TransferError} when the
 * connection, the content or the user ended it, a {@linkcode RemoteError} when the server refused, and
 * this machine's own {@linkcode FileError} as it is.
 */
export function transferFailure(error: unknown, path: string): unknown {
  const options = { cause: error };
  if (error instanceof MessageError) return new TransferError("protocol", path, options);
  if (error instanceof StreamError && error.kind === "aborted") {
    return new TransferError("cancelled", path, options);
  }
  if (error instanceof FileError && (error.kind === "changed" || error.kind === "cancelled")) {
    return new TransferError(error.kind, path, options);
  }
  const status = error instanceof RemoteError
    ? error.status
    : error instanceof StreamError
    ? statusOfStreamError(error)
    : null;
  switch (status) {
    case null:
      return error;
    case "connection-lost":
    case "changed":
    case "integrity":
      return new TransferError(status, path, options);
    case "malformed":
      return new TransferError("protocol", path, options);
    default:
      return error instanceof RemoteError ? error : new RemoteError(status, path, options);
  }
}

/** Whether the receiver of a file found other bytes than its hashes say. */
export function isIntegrityFailure(error: unknown): boolean {
  return failureStatus(error)?.status === "integrity";
}

/** Whether a part is worth keeping after this failure: what it holds may still be right. */
export function canResumeAfter(error: unknown): boolean {
  if (error instanceof MessageError) return false;
  if (error instanceof TransferError) {
    return error.kind === "connection-lost" || error.kind === "cancelled";
  }
  const status = failureStatus(error)?.status;
  return status !== "changed" && status !== "integrity" && status !== "malformed";
}

/** The same operation, whose errors of files and transfers are answered with their status. */
export function answeringFailures<Request, Response, Context>(
  operation: Operation<Request, Response, Context>,
): Operation<Request, Response, Context> {
  return {
    ...operation,
    async serve(request, exchange, context) {
      try {
        return await operation.serve(request, exchange, context);
      } catch (error) {
        if (!(error instanceof FileError || error instanceof TransferError)) throw error;
        const { status, path } = failureStatus(error)!;
        throw new RemoteError(status, path, { cause: error });
      }
    },
  };
}

const STATUS_OF_FILE: Readonly<Record<FileErrorKind, StatusName>> = {
  "not-found": "not-found",
  "exists": "exists",
  "not-a-file": "not-a-file",
  "not-a-directory": "not-a-directory",
  "is-a-directory": "is-a-directory",
  "not-empty": "not-empty",
  "permission": "permission",
  "no-space": "no-space",
  "quota": "quota",
  "read-only": "read-only",
  "too-many-open": "busy",
  "invalid-name": "invalid-name",
  "outside": "outside",
  "busy": "busy",
  "changed": "changed",
  "cancelled": "cancelled",
  "io": "io",
  "name-too-long": "name-too-long",
  "unsupported": "unsupported",
  "cross-device": "io",
};

const STATUS_OF_TRANSFER: Readonly<Record<TransferErrorKind, StatusName>> = {
  "connection-lost": "connection-lost",
  "cancelled": "cancelled",
  "changed": "changed",
  "integrity": "integrity",
  "protocol": "malformed",
};
