/** What went wrong with a file, independent of the operating system. */
export type FileErrorKind =
  | "not-found"
  | "exists"
  | "not-a-file"
  | "not-a-directory"
  | "is-a-directory"
  | "not-empty"
  | "permission"
  | "no-space"
  | "quota"
  | "read-only"
  | "too-many-open"
  | "invalid-name"
  | "outside"
  | "busy"
  | "changed"
  | "cancelled"
  | "io"
  | "name-too-long"
  | "unsupported"
  | "cross-device";

/**
 * The one error of the files layer.
 *
 * `path` and `message` hold names as they came, control characters included: escape them before
 * they reach a terminal.
 */
export class FileError extends Error {
  /** Always `"FileError"`. */
  override readonly name = "FileError";
  /** What went wrong. */
  readonly kind: FileErrorKind;
  /** The path as the user wrote it or as {@linkcode formatRemotePath} writes it. */
  readonly path: string;
  /** The operating system's own code, such as `ENOSPC`, when there was one. */
  declare readonly code?: string;

  /** Builds the message `Cannot use "<path>": <reason>`; the reason defaults to one for the kind. */
  constructor(
    kind: FileErrorKind,
    path: string,
    options: { cause?: unknown; code?: string; reason?: string } = {},
  ) {
    super(`Cannot use "${path}": ${options.reason ?? REASONS[kind]}`, { cause: options.cause });
    this.kind = kind;
    this.path = path;
    if (options.code !== undefined) this.code = options.code;
  }
}

/** Turns whatever a disk threw into a {@linkcode FileError}; one that already is passes unchanged. */
export function fileErrorFrom(cause: unknown, path: string): FileError {
  if (cause instanceof FileError) return cause;
  const code = osCode(cause);
  if (code !== undefined) {
    return new FileError(KIND_BY_CODE[code] ?? "io", path, { cause, code });
  }
  const { name } = cause as { name?: unknown };
  return new FileError(KIND_BY_NAME[String(name)] ?? "io", path, { cause });
}

/** The code an operating-system error carries, or `undefined`. */
export function osCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const { code } = cause as { code?: unknown };
  if (typeof code === "string") return code;
  const number = /\(os error (\d+)\)$/.exec(cause.message)?.[1];
  return number === undefined ? undefined : CODE_BY_NUMBER[number];
}

/** Deno leaves the code out for some errors; their numbers are the same on Linux and macOS, or unused there. */
const CODE_BY_NUMBER: Readonly<Record<string, string>> = {
  5: "EIO",
  23: "ENFILE",
  24: "EMFILE",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  69: "EDQUOT",
  122: "EDQUOT",
};

const KIND_BY_CODE: Readonly<Record<string, FileErrorKind>> = {
  EACCES: "permission",
  EBUSY: "busy",
  EDQUOT: "no-space",
  EEXIST: "exists",
  EFBIG: "no-space",
  EILSEQ: "invalid-name",
  EIO: "io",
  EISDIR: "is-a-directory",
  ELOOP: "not-a-file",
  EMFILE: "too-many-open",
  EMLINK: "not-a-file",
  ENAMETOOLONG: "name-too-long",
  ENFILE: "too-many-open",
  ENODEV: "not-a-file",
  ENOENT: "not-found",
  ENOSPC: "no-space",
  ENOSYS: "unsupported",
  ENOTDIR: "not-a-directory",
  ENOTEMPTY: "not-empty",
  ENOTSUP: "unsupported",
  ENXIO: "not-a-file",
  EOPNOTSUPP: "unsupported",
  EPERM: "permission",
  EROFS: "read-only",
  ETXTBSY: "busy",
  EXDEV: "cross-device",
};

/** Deno's error classes, for the few errors that carry no code. */
const KIND_BY_NAME: Readonly<Record<string, FileErrorKind>> = {
  AlreadyExists: "exists",
  Busy: "busy",
  FilesystemLoop: "not-a-file",
  IsADirectory: "is-a-directory",
  NotADirectory: "not-a-directory",
  NotCapable: "permission",
  NotFound: "not-found",
  NotSupported: "unsupported",
  PermissionDenied: "permission",
};

const REASONS: Readonly<Record<FileErrorKind, string>> = {
  "not-found": "it does not exist",
  "exists": "it exists already",
  "not-a-file": "it is not a regular file",
  "not-a-directory": "it is not a folder, or its path passes through something that is none",
  "is-a-directory": "it is a folder",
  "not-empty": "the folder is not empty",
  "permission": "access is denied",
  "no-space": "no space is left",
  "quota": "too much of the same sender is unfinished",
  "read-only": "the file system is read-only",
  "too-many-open": "too many files are open",
  "invalid-name": "the name is not allowed",
  "outside": "path leaves the shared folder",
  "busy": "it is in use by another transfer",
  "changed": "the content is not what was announced",
  "cancelled": "it was given up",
  "io": "the disk reported an error",
  "name-too-long": "the name is too long",
  "unsupported": "the file system cannot do that",
  "cross-device": "it is on another file system",
};
