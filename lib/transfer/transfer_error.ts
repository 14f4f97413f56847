/**
 * Why a transfer stopped, where neither the disk nor a refusal of the other side is the reason.
 *
 * @module
 */

/**
 * - `connection-lost`: the part is kept and resumes.
 * - `cancelled`: on request of this side; the part is kept and resumes.
 * - `changed`: the source changed while it was read; what was sent is worth nothing.
 * - `integrity`: what arrived is not what was sent; nothing was published.
 * - `protocol`: the other side broke the rules of a transfer.
 */
export type TransferErrorKind =
  | "connection-lost"
  | "cancelled"
  | "changed"
  | "integrity"
  | "protocol";

/** A transfer stopped. */
export class TransferError extends Error {
  /** Why. */
  readonly kind: TransferErrorKind;
  /** The file, as the user knows it; raw: escape it before it reaches a terminal. */
  readonly path: string;
  /** Whether the same transfer, tried again over a new connection, goes on where this one stopped. */
  readonly retryable: boolean;

  /** Makes the error. */
  constructor(kind: TransferErrorKind, path: string, options?: ErrorOptions) {
    super(`Transfer of ${JSON.stringify(path)} stopped: ${REASONS[kind]}`, options);
    this.name = "TransferError";
    this.kind = kind;
    this.path = path;
    this.retryable = kind === "connection-lost";
  }
}

const REASONS: Readonly<Record<TransferErrorKind, string>> = {
  "connection-lost": "the connection was lost",
  "cancelled": "it was cancelled",
  "changed": "the source changed while it was read",
  "integrity": "what arrived is not what was sent",
  "protocol": "the other side broke the protocol",
};
