/**
 * Every error → exit code, code word and the sentence people read. The one place where sentences are made.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { FileError, type FileErrorKind, validateComponent } from "../files/mod.ts";
import { RemoteError, type StatusName } from "../request/mod.ts";
import {
  CancelledError,
  ConnectFailure,
  type ConnectFailureKind,
  ConnectionLostError,
  NotConnectedError,
  OneNameError,
  rootCause,
  SomeFailedError,
  SubjectError,
  UnknownCommandError,
  UsageError,
} from "../shell/mod.ts";
import { TransferError, type TransferErrorKind } from "../transfer/mod.ts";

/** What the program leaves with. */
export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  connectionLost: 6,
  integrity: 7,
  noSpace: 8,
  exists: 9,
  versionMismatch: 10,
  someFailed: 11,
  sourceChanged: 12,
  interrupted: 130,
  terminated: 143,
} as const;

/** An error as users meet it. The texts may hold remote names: they go through `show` when printed. */
export interface Failure {
  /** Word for programs: `not-found`. */
  readonly code: string;
  /** The program's exit code. */
  readonly exitCode: number;
  /** The sentence. */
  readonly message: string;
  /** Lines after it. */
  readonly more: readonly string[];
}

/** Describes an error of a command (its canonical name, or "" outside any). */
export function describeFailure(command: string, error: unknown): Failure {
  const subject = innermostSubject(error);
  const cause = rootCause(error);
  if (cause instanceof RemoteError) return describeRemote(command, cause, subject);
  if (cause instanceof FileError) return describeLocal(command, cause, subject);
  if (cause instanceof TransferError) return describeTransfer(command, cause, subject);
  if (cause instanceof StreamError) return describeStream(cause, subject);
  return describeShell(command, cause);
}

function describeShell(command: string, error: unknown): Failure {
  if (error instanceof UnknownCommandError) {
    return failure("unknown-command", EXIT.usage, error.message, [
      `Commands: ${error.known.join(" ")}`,
    ]);
  }
  if (error instanceof UsageError) return failure("usage", EXIT.usage, error.message);
  if (error instanceof OneNameError) return failure("exists", EXIT.exists, error.message);
  if (error instanceof CancelledError) return cancelled(command);
  if (error instanceof ConnectFailure) {
    return failure(error.kind, CONNECT_EXIT[error.kind], error.message);
  }
  if (error instanceof NotConnectedError) {
    return failure("not-connected", EXIT.unreachable, error.message);
  }
  if (error instanceof ConnectionLostError) {
    return failure("connection-lost", EXIT.connectionLost, error.message);
  }
  if (error instanceof SomeFailedError) {
    return failure("some-failed", error.sharedExitCode ?? EXIT.someFailed, someFailed(error));
  }
  const message = error instanceof Error ? error.message : String(error);
  return failure("other", EXIT.other, message === "" ? "Something went wrong" : message);
}

const LONGEST_LIST = 20;

function someFailed({ failed, totalCount }: SomeFailedError): string {
  const names = failed.slice(0, LONGEST_LIST).join(", ");
  const rest = failed.length - LONGEST_LIST;
  return `${failed.length} of ${totalCount} failed: ${names}${rest > 0 ? ` and ${rest} more` : ""}`;
}

const CONNECT_EXIT: Readonly<Record<ConnectFailureKind, number>> = {
  "unreachable": EXIT.unreachable,
  "unknown-host": EXIT.unreachable,
  "version-mismatch": EXIT.versionMismatch,
  "refused": EXIT.refused,
  "other": EXIT.other,
};

const FOLDER_COMMANDS: readonly string[] = ["cd", "rmdir", "lcd", "sync"];

function thing(name: string, command: string): string {
  return name.endsWith("/") || FOLDER_COMMANDS.includes(command) ? "folder" : "file";
}

function describeRemote(command: string, error: RemoteError, subject: string | null): Failure {
  const name = subject ?? error.path;
  const { exitCode, sentence } = REMOTE[error.status];
  return failure(error.status, exitCode, sentence(name, command));
}

type Sentence = (name: string, command: string) => string;

const REMOTE: Readonly<Record<StatusName, { exitCode: number; sentence: Sentence }>> = {
  "ok": { exitCode: EXIT.ok, sentence: () => "Done" },
  "malformed": {
    exitCode: EXIT.other,
    sentence: (name) => `The two sides do not understand each other about ${name}`,
  },
  "unsupported": {
    exitCode: EXIT.other,
    sentence: (_, command) => `The server cannot do that: ${command}`,
  },
  "refused": {
    exitCode: EXIT.refused,
    sentence: (_, command) =>
      command === "shutdown"
        ? "The server refuses: only its owner may stop it"
        : CHANGING_COMMANDS.includes(command)
        ? "The server refuses: this client may only read"
        : "The server refuses: this client has not been let in",
  },
  "read-only-server": {
    exitCode: EXIT.refused,
    sentence: (name) => `The server is read-only: ${name} was not changed`,
  },
  "stopping": { exitCode: EXIT.unreachable, sentence: () => "The server is stopping" },
  "busy": {
    exitCode: EXIT.other,
    sentence: (name) => `In use on the server by another transfer: ${name}`,
  },
  "cancelled": { exitCode: EXIT.other, sentence: (name) => `The server gave up on ${name}` },
  "connection-lost": { exitCode: EXIT.connectionLost, sentence: () => "Connection lost" },
  "internal": {
    exitCode: EXIT.other,
    sentence: () => "The server met an error of its own; its log says which",
  },
  "not-found": {
    exitCode: EXIT.notFound,
    sentence: (name, command) => `No such ${thing(name, command)} on the server: ${name}`,
  },
  "exists": {
    exitCode: EXIT.exists,
    sentence: (name, command) =>
      command === "rename"
        ? `It exists on the server: ${name} (rename -f replaces it)`
        : `It exists on the server: ${name}`,
  },
  "not-a-file": {
    exitCode: EXIT.other,
    sentence: (name) => `Not a regular file on the server: ${name}`,
  },
  "is-a-directory": {
    exitCode: EXIT.usage,
    sentence: (name, command) => `A folder on the server: ${name}${FOLDER_HINTS[command] ?? ""}`,
  },
  "not-a-directory": {
    exitCode: EXIT.notFound,
    sentence: (name) => `Not a folder on the server: ${name}`,
  },
  "not-empty": {
    exitCode: EXIT.other,
    sentence: (name) => `The folder on the server is not empty: ${name} (rm -r removes it)`,
  },
  "permission": {
    exitCode: EXIT.refused,
    sentence: (name) => `The server's system denies access to ${name}`,
  },
  "no-space": { exitCode: EXIT.noSpace, sentence: (name) => `No space on the server for ${name}` },
  "quota": {
    exitCode: EXIT.noSpace,
    sentence: (name) =>
      `Too much that was sent before is unfinished on the server: ${name} has to wait (resume goes on with that)`,
  },
  "read-only": {
    exitCode: EXIT.refused,
    sentence: (name) => `The server's disk is read-only: ${name} was not changed`,
  },
  "invalid-name": {
    exitCode: EXIT.usage,
    sentence: (name) => `The server does not take this name: ${name}${faultOf(name)}`,
  },
  "name-too-long": { exitCode: EXIT.usage, sentence: (name) => `The name is too long: ${name}` },
  "outside": {
    exitCode: EXIT.refused,
    sentence: (name) => `Outside the served folder: ${name}`,
  },
  "changed": {
    exitCode: EXIT.sourceChanged,
    sentence: (name) => `${name} changed while it was read`,
  },
  "integrity": {
    exitCode: EXIT.integrity,
    sentence: (name) => `${name} did not arrive as it was sent; nothing was replaced`,
  },
  "too-large": { exitCode: EXIT.noSpace, sentence: (name) => `Too large: ${name}` },
  "io": { exitCode: EXIT.other, sentence: (name) => `The server's disk failed on ${name}` },
};

/** What is wrong with a name, where anybody can see that. */
function faultOf(path: string): string {
  const reason = validateComponent(path.split("/").at(-1) ?? "");
  return reason === null ? "" : ` (${reason})`;
}

const CHANGING_COMMANDS: readonly string[] = ["put", "rename", "mkdir", "rm", "rmdir"];

const FOLDER_HINTS: Readonly<Record<string, string>> = {
  get: " (get -r fetches it)",
  rm: " (rm -r removes it)",
};

function describeLocal(command: string, error: FileError, subject: string | null): Failure {
  if (error.kind === "cancelled") return cancelled(command);
  const name = subject ?? error.path;
  const { exitCode, sentence } = LOCAL[error.kind];
  return failure(error.kind, exitCode, sentence(name, command, error));
}

type LocalSentence = (name: string, command: string, error: FileError) => string;

const LOCAL: Readonly<
  Record<
    Exclude<FileErrorKind, "cancelled">,
    { exitCode: number; sentence: LocalSentence }
  >
> = {
  "not-found": {
    exitCode: EXIT.notFound,
    sentence: (name, command) => `No such ${thing(name, command)} here: ${name}`,
  },
  "exists": { exitCode: EXIT.exists, sentence: (name) => `It exists here: ${name}` },
  "not-a-file": { exitCode: EXIT.other, sentence: (name) => `Not a regular file here: ${name}` },
  "not-a-directory": { exitCode: EXIT.notFound, sentence: (name) => `Not a folder here: ${name}` },
  "is-a-directory": {
    exitCode: EXIT.usage,
    sentence: (name, command) =>
      `A folder here: ${name}${command === "put" ? " (put -r sends it)" : ""}`,
  },
  "not-empty": {
    exitCode: EXIT.other,
    sentence: (name) => `The folder here is not empty: ${name}`,
  },
  "permission": {
    exitCode: EXIT.refused,
    sentence: (name, _, error) => `Access denied here: ${name}${isOfDeno(error) ? DENO_HINT : ""}`,
  },
  "no-space": { exitCode: EXIT.noSpace, sentence: (name) => `No space here for ${name}` },
  "quota": { exitCode: EXIT.noSpace, sentence: (name) => `Too much is unfinished here: ${name}` },
  "read-only": {
    exitCode: EXIT.refused,
    sentence: (name) => `The disk here is read-only: ${name}`,
  },
  "too-many-open": {
    exitCode: EXIT.other,
    sentence: (name) => `Too many files are open here: ${name}`,
  },
  "invalid-name": {
    exitCode: EXIT.usage,
    sentence: (name, _, error) => `Not a name for a file: ${name} (${reasonOf(error)})`,
  },
  "outside": { exitCode: EXIT.refused, sentence: (name) => `Outside the served folder: ${name}` },
  "busy": { exitCode: EXIT.other, sentence: (name) => `In use here by another transfer: ${name}` },
  "changed": {
    exitCode: EXIT.integrity,
    sentence: (name) => `${name} did not arrive as it was sent; nothing was replaced`,
  },
  "io": { exitCode: EXIT.other, sentence: (name) => `The disk here failed on ${name}` },
  "name-too-long": { exitCode: EXIT.usage, sentence: (name) => `The name is too long: ${name}` },
  "unsupported": {
    exitCode: EXIT.other,
    sentence: (name) => `The file system here cannot do that: ${name}`,
  },
  "cross-device": {
    exitCode: EXIT.other,
    sentence: (name) => `On another file system here: ${name}`,
  },
};

const DENO_HINT =
  " (Deno was started without permission for it; add --allow-read and --allow-write)";

/** Whether not the system but the runtime refused. */
function isOfDeno({ cause }: FileError): boolean {
  return cause instanceof Error && cause.name === "NotCapable";
}

/** The part of a file error's message after the path. */
function reasonOf(error: FileError): string {
  const prefix = `Cannot use "${error.path}": `;
  return error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
}

function describeTransfer(command: string, error: TransferError, subject: string | null): Failure {
  const name = subject ?? error.path;
  if (error.kind === "cancelled") return cancelled(command);
  const { exitCode, sentence } = TRANSFER[error.kind];
  return failure(error.kind, exitCode, sentence(name));
}

const TRANSFER: Readonly<
  Record<
    Exclude<TransferErrorKind, "cancelled">,
    { exitCode: number; sentence: (name: string) => string }
  >
> = {
  "connection-lost": {
    exitCode: EXIT.connectionLost,
    sentence: (name) => `Connection lost while moving ${name}; what arrived is kept`,
  },
  "changed": {
    exitCode: EXIT.sourceChanged,
    sentence: (name) => `${name} changed while it was read`,
  },
  "integrity": {
    exitCode: EXIT.integrity,
    sentence: (name) => `${name} did not arrive as it was sent; nothing was replaced`,
  },
  "protocol": {
    exitCode: EXIT.other,
    sentence: (name) => `The two sides do not understand each other about ${name}`,
  },
};

function describeStream(error: StreamError, subject: string | null): Failure {
  if (error.kind === "aborted") return cancelled("");
  const name = subject === null ? "" : `: ${subject}`;
  if (error.kind === "connection-lost") {
    return failure("connection-lost", EXIT.connectionLost, `Connection lost${name}`);
  }
  return failure("other", EXIT.other, `The server broke off${name}`);
}

function cancelled(command: string): Failure {
  const message = MOVING_COMMANDS.includes(command)
    ? "Cancelled; what arrived is kept"
    : "Cancelled";
  return failure("cancelled", EXIT.interrupted, message);
}

const MOVING_COMMANDS: readonly string[] = ["get", "put", "sync", "resume"];

function innermostSubject(error: unknown): string | null {
  if (!(error instanceof SubjectError)) return null;
  return innermostSubject(error.cause) ?? error.subject;
}

function failure(
  code: string,
  exitCode: number,
  message: string,
  more: readonly string[] = [],
): Failure {
  return { code, exitCode, message, more };
}
