/**
 * The two ways in which a connection fails: the peer broke a rule, or the connection ended.
 *
 * @module
 */
import { TRANSPORT_ERROR_CODES, type TransportErrorName } from "../wire/error_code.ts";

/** The peer broke a rule of the protocol. The connection answers it by closing; it never escapes. */
export class TransportError extends Error {
  /** The RFC's name for what went wrong. */
  readonly errorName: TransportErrorName;

  /** Makes the error. */
  constructor(errorName: TransportErrorName, reason: string) {
    super(reason);
    this.name = "TransportError";
    this.errorName = errorName;
  }

  /** Its number in a CONNECTION_CLOSE frame. */
  get code(): number {
    return TRANSPORT_ERROR_CODES[this.errorName];
  }
}

/** How a connection ended. */
export type ConnectionEndKind =
  /** We closed it. */
  | "closed"
  /** The peer's application closed it. */
  | "closed-by-peer"
  /** The peer's transport closed it because of a protocol error it saw. */
  | "error-by-peer"
  /** We closed it because the peer broke a rule. */
  | "protocol-error"
  /** Nothing was heard for the idle time. */
  | "timed-out"
  /** The handshake got no answer in time. */
  | "unreachable"
  /** The handshake was answered and failed: wrong key, wrong code, damaged messages. */
  | "handshake-failed"
  /** The server speaks none of our versions. */
  | "version-mismatch"
  /** The server does not want this client, or has no room for it. */
  | "refused"
  /** The local network refuses to send to this address. */
  | "send-refused"
  /** The local network takes no packets of 1200 bytes, the least that a path must carry. */
  | "path-too-narrow";

/** Why a connection ended, with the code and reason of the CONNECTION_CLOSE if there was one. */
export interface ConnectionEnd {
  /** What happened. */
  readonly kind: ConnectionEndKind;
  /** Application or transport error code; 0 when none was given. */
  readonly code: number;
  /** Text of the peer or of our own; from the peer it is untrusted. */
  readonly reason: string;
}

/** A connection that ended, as an error for whoever still wanted it. */
export class ConnectionError extends Error {
  /** Why it ended. */
  readonly end: ConnectionEnd;

  /** Makes the error. */
  constructor(end: ConnectionEnd) {
    super(`Connection ended: ${end.kind}${end.reason === "" ? "" : ` (${end.reason})`}`);
    this.name = "ConnectionError";
    this.end = end;
  }
}
