import { FileError } from "./file_error.ts";

/** What is about to be received. */
export interface PartialOptions {
  /** The length announced. */
  readonly sizeBytes: number;
  /** Modification time that the file gets, milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Permission bits that the file gets, less the umask. */
  readonly mode: number;
  /** What happens when the name is taken at publication. */
  readonly exists: "overwrite" | "fail";
  /** Names the content at its source: only a parked part with the same token is resumed. */
  readonly sourceToken: string;
  /**
   * What `commit` waits for: file and directory on stable storage (`"full"`, the default), the
   * file's content only (`"data"`), or nothing (`"none"`).
   */
  readonly durability?: "full" | "data" | "none";
}

/**
 * A file being received, invisible under its name until it is whole.
 *
 * Ends with exactly one of {@linkcode commit}, {@linkcode park} or {@linkcode discard}; a failed
 * `commit` ends it too, and what is called afterwards does nothing. Methods are not called while
 * another one is under way.
 */
export interface PartialFile {
  /** Bytes that are here already, in whole leaves, checked by hashing; writing goes on from there. */
  readonly resumeOffset: number;
  /** Hashes of the leaves before {@linkcode resumeOffset}. */
  readonly leaves: readonly Uint8Array[];
  /** Forgets the leaves from this one on: the source has others. Only before the first write. */
  discardFrom(leafIndex: number): Promise<void>;
  /**
   * Takes the next bytes; `bytes` may be reused when it resolves.
   *
   * @throws {FileError} `changed` for more bytes than announced; what the disk reports, also for
   * bytes taken earlier.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Publishes: size and root checked, content flushed, name given, directory flushed.
   *
   * @throws {FileError} `changed` when size or root differ, and the part is gone; else what the
   * disk reports, and the part is kept for another try.
   */
  commit(root: Uint8Array): Promise<void>;
  /** Keeps what is here for a later resume and lets go of it. */
  park(): Promise<void>;
  /** Removes what is here. */
  discard(): Promise<void>;
}

/** To be replaced. */
export function openPartialFile(path: string): Promise<PartialFile> {
  throw new FileError("unsupported", path);
}
