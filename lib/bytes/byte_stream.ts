/**
 * The one shape at which the protocol and the service meet: an ordered, reliable byte stream.
 *
 * The driver implements it over a transport stream, tests over memory; requests and transfers use it
 * and know nothing else of the network.
 *
 * @module
 */

/** Why a stream cannot go on. */
export type StreamErrorKind = "reset-by-peer" | "stopped-by-peer" | "connection-lost" | "aborted";

/** A stream ended before its end. */
export class StreamError extends Error {
  /** What ended it. */
  readonly kind: StreamErrorKind;
  /** Application error code of the peer's RESET_STREAM or STOP_SENDING, or of the connection's close; else 0. */
  readonly code: number;

  /** Makes the error. */
  constructor(kind: StreamErrorKind, code?: number, options?: ErrorOptions) {
    super(`Stream ended early: ${kind}${code ? `, code ${code}` : ""}`, options);
    this.name = "StreamError";
    this.kind = kind;
    this.code = code ?? 0;
  }
}

/** Both directions of one stream. At most one `read` or `readInto` and one `write` are pending at a time. */
export interface ByteStream {
  /**
   * The next bytes in order (at least one), or null after the peer's end.
   * The view is valid only until the next `read` or `readInto`.
   *
   * @throws {StreamError}
   */
  read(): Promise<Uint8Array | null>;
  /**
   * The next bytes in order, as many as there are and fit, put into `target`: at least one, or 0 after the
   * peer's end. Like a `read`, but what arrives while nothing is there is copied once. `target` belongs to the
   * stream until this resolves.
   *
   * @throws {StreamError} What was put in before is lost then.
   */
  readInto(target: Uint8Array): Promise<number>;
  /**
   * Queues bytes for sending; resolves when they are copied in, which waits for credit.
   * The caller may reuse `bytes` after that.
   *
   * @throws {StreamError}
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Ends the sending side (FIN). Resolves when the end is queued.
   *
   * @throws {StreamError}
   */
  finish(): Promise<void>;
  /**
   * Resolves when everything written, the end included, has been acknowledged.
   *
   * @throws {StreamError}
   */
  flushed(): Promise<void>;
  /** Abandons the sending side with an application error code (RESET_STREAM, RFC 9000 §19.4). */
  reset(code: number): void;
  /** Asks the peer to stop sending (STOP_SENDING, RFC 9000 §19.5) and discards what still arrives. */
  stop(code: number): void;
}

/** Something on which streams can be opened. */
export interface StreamOpener {
  /**
   * Opens a stream; waits when the peer allows no more of them for now.
   *
   * @throws {StreamError} `connection-lost`
   */
  openStream(): Promise<ByteStream>;
}

/** Something on which the peer opens streams. */
export interface StreamAcceptor {
  /** The next stream that the peer opened, or null when the connection has ended. */
  acceptStream(): Promise<ByteStream | null>;
}
