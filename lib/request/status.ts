/**
 * How a request ends: a status and the path it is about, never a sentence.
 *
 * The same numbers serve as application error codes of RESET_STREAM and STOP_SENDING, so a stream
 * that is cut says why.
 *
 * @module
 */
import type { StreamError } from "../bytes/byte_stream.ts";

/**
 * What became of a request.
 *
 * `connection-lost` and `internal` need explaining: the first is never sent, it names in events what
 * happened to a stream; the second is a bug of the answering side.
 */
export type StatusName =
  | "ok"
  | "malformed"
  | "unsupported"
  | "refused"
  | "read-only-server"
  | "stopping"
  | "busy"
  | "cancelled"
  | "connection-lost"
  | "internal"
  | "not-found"
  | "exists"
  | "not-a-file"
  | "is-a-directory"
  | "not-a-directory"
  | "not-empty"
  | "permission"
  | "no-space"
  | "read-only"
  | "invalid-name"
  | "name-too-long"
  | "outside"
  | "changed"
  | "integrity"
  | "too-large"
  | "io"
  | "quota";

/** Numbers on the wire. They are never reused. */
const STATUS_CODES: Readonly<Record<StatusName, number>> = {
  "ok": 0,
  "malformed": 1,
  "unsupported": 2,
  "refused": 3,
  "read-only-server": 4,
  "stopping": 5,
  "busy": 6,
  "cancelled": 7,
  "connection-lost": 8,
  "internal": 9,
  "not-found": 16,
  "exists": 17,
  "not-a-file": 18,
  "is-a-directory": 19,
  "not-a-directory": 20,
  "not-empty": 21,
  "permission": 22,
  "no-space": 23,
  "read-only": 24,
  "invalid-name": 25,
  "name-too-long": 26,
  "outside": 27,
  "changed": 28,
  "integrity": 29,
  "too-large": 30,
  "io": 31,
  "quota": 32,
};

const STATUS_NAMES: ReadonlyMap<number, StatusName> = new Map(
  (Object.keys(STATUS_CODES) as StatusName[]).map((name) => [STATUS_CODES[name], name]),
);

/** The number that stands for `status` on the wire. */
export function statusCode(status: StatusName): number {
  return STATUS_CODES[status];
}

/** The status behind a number of the peer; a number from a newer version reads as `io`. */
export function statusFromCode(code: number): StatusName {
  return STATUS_NAMES.get(code) ?? "io";
}

/** Why a stream was cut, as a status. */
export function statusOfStreamError(error: StreamError): StatusName {
  switch (error.kind) {
    case "connection-lost":
      return "connection-lost";
    case "aborted":
      return "cancelled";
    case "reset-by-peer":
    case "stopped-by-peer":
      // A cut without a reason is somebody who went away.
      return error.code === 0 ? "cancelled" : statusFromCode(error.code);
  }
}

/** The other side said no, or failed: what the caller of a request sees. */
export class RemoteError extends Error {
  /** What the other side answered. */
  readonly status: StatusName;
  /** What it is about, in remote form and raw: escape it before it reaches a terminal. */
  readonly path: string;

  /** Makes the error. */
  constructor(status: StatusName, path: string, options?: ErrorOptions) {
    super(`The other side answered "${status}" for ${JSON.stringify(path)}`, options);
    this.name = "RemoteError";
    this.status = status;
    this.path = path;
  }
}
