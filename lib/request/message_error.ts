/**
 * The one error of the decoders of requests and answers.
 *
 * @module
 */
import type { StatusName } from "./status.ts";

/** The peer sent something that its format forbids. */
export class MessageError extends Error {
  /**
   * What to answer. `malformed` means that the peer is broken or hostile and its stream is cut; anything
   * else (`invalid-name`, say) is an ordinary answer.
   */
  readonly status: StatusName;
  /** What it is about, when it is about a path; else empty. */
  readonly path: string;

  /** Makes the error with what was expected. */
  constructor(
    message: string,
    about: { status?: StatusName; path?: string; cause?: unknown } = {},
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = "MessageError";
    this.status = about.status ?? "malformed";
    this.path = about.path ?? "";
  }
}
