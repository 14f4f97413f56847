/**
 * What can go wrong in the shell itself; disk and server errors keep their own types.
 *
 * @module
 */

/** The user asked in a way that cannot be carried out: exit code 2. */
export class UsageError extends Error {
  /** Makes the error; the message is shown as it is. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UsageError";
  }
}

/** A word that is no command. */
export class UnknownCommandError extends UsageError {
  /** The word as typed. */
  readonly word: string;
  /** The nearest command words, best first; may be empty. */
  readonly nearest: readonly string[];
  /** Names of all commands. */
  readonly known: readonly string[];

  /** Makes the error. */
  constructor(word: string, nearest: readonly string[], known: readonly string[]) {
    const hint = nearest.length === 0 ? "" : ` Did you mean ${joinAlternatives(nearest)}?`;
    super(`Unknown command: ${word}.${hint}`);
    this.name = "UnknownCommandError";
    this.word = word;
    this.nearest = nearest;
    this.known = known;
  }
}

/** A name is taken at the target by another thing of the same command, as its disk sees it: exit code 9. */
export class OneNameError extends Error {
  /** Makes the error; the message is shown as it is. */
  constructor(message: string) {
    super(message);
    this.name = "OneNameError";
  }
}

/** Why no connection came about. */
export type ConnectFailureKind =
  | "unreachable"
  | "unknown-host"
  | "version-mismatch"
  | "refused"
  | "other";

/** The server could not be reached, or would not have us. */
export class ConnectFailure extends Error {
  /** What stood in the way. */
  readonly kind: ConnectFailureKind;

  /** Makes the error; the message is the sentence shown. */
  constructor(kind: ConnectFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectFailure";
    this.kind = kind;
  }
}

/** A command needs a connection and the user closed it. */
export class NotConnectedError extends Error {
  /** Makes the error. */
  constructor() {
    super("Not connected. `open` connects again");
    this.name = "NotConnectedError";
  }
}

/** The connection broke and did not come back in time. */
export class ConnectionLostError extends Error {
  /** Makes the error; the message is the sentence shown. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionLostError";
  }
}

/** The user stopped the command (Ctrl-C). */
export class CancelledError extends Error {
  /** Makes the error. */
  constructor(message: string = "Cancelled", options: ErrorOptions = {}) {
    super(message, options);
    this.name = "CancelledError";
  }
}

/** Some files of several failed; each failure was told when it happened. */
export class SomeFailedError extends Error {
  /** What failed, as the user knows it. */
  readonly failed: readonly string[];
  /** How many were asked for. */
  readonly totalCount: number;
  /** The exit code they share when all failed for the same reason, else null. */
  readonly sharedExitCode: number | null;

  /** Makes the error. */
  constructor(failed: readonly string[], totalCount: number, sharedExitCode: number | null) {
    super(`${failed.length} of ${totalCount} failed`);
    this.name = "SomeFailedError";
    this.failed = failed;
    this.totalCount = totalCount;
    this.sharedExitCode = sharedExitCode;
  }

  /** What failed in the parts of one command that asked for `totalCount` files in all. */
  static together(parts: readonly SomeFailedError[], totalCount: number): SomeFailedError {
    const failed = parts.flatMap((part) => part.failed);
    const codes = new Set(parts.map((part) => part.sharedExitCode));
    const [code] = codes;
    const haveAllFailedAlike = codes.size === 1 && failed.length === totalCount;
    return new SomeFailedError(failed, totalCount, haveAllFailedAlike ? code ?? null : null);
  }
}

/** An error together with what the user called the thing it is about. */
export class SubjectError extends Error {
  /** The path or name as typed. */
  readonly subject: string;

  /** Makes the error. */
  constructor(subject: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "SubjectError";
    this.subject = subject;
  }
}

/** Runs `work`; whatever it throws is told as being about `subject`. */
export async function about<T>(subject: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SubjectError || error instanceof UsageError) throw error;
    throw new SubjectError(subject, error);
  }
}

/** The error behind any number of subjects. */
export function rootCause(error: unknown): unknown {
  return error instanceof SubjectError ? rootCause(error.cause) : error;
}

function joinAlternatives(words: readonly string[]): string {
  if (words.length === 1) return words[0]!;
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
