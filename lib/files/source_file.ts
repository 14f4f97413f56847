import type { DiskFile, OpenFileStatus } from "./disk.ts";
import { type FileStatus, fileStatus } from "./directory_listing.ts";
import { FileError, fileErrorFrom } from "./file_error.ts";

/** A file open for reading. It stays readable when its name is changed or removed. */
export interface SourceFile {
  /** What it was when opened; the size is the length to send. */
  readonly status: FileStatus;
  /** Device, inode, size and times: equal when the file is (most likely) the same and unchanged. */
  readonly identity: string;
  /**
   * Fills `buffer` from `offset`; returns how many bytes, 0 at the end as it was when opened.
   *
   * @throws {FileError} `changed` when the file has become shorter.
   */
  readInto(buffer: Uint8Array, offset: number): Promise<number>;
  /** Whether the content may have changed since opening: ask after the last byte. */
  hasChanged(): Promise<boolean>;
  /** Releases the file. */
  close(): Promise<void>;
}

/** Wraps an open file as a source, or closes it; `path` is what errors name. */
export async function sourceFile(file: DiskFile, path: string): Promise<SourceFile> {
  try {
    return new OpenSource(file, path, await file.status());
  } catch (error) {
    file.close();
    throw error;
  }
}

class OpenSource implements SourceFile {
  readonly status: FileStatus;
  readonly identity: string;
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #contentVersion: string;
  #isClosed = false;

  constructor(file: DiskFile, path: string, opened: OpenFileStatus) {
    this.#file = file;
    this.#path = path;
    this.#contentVersion = opened.contentVersion;
    this.status = fileStatus(opened);
    this.identity = opened.version;
  }

  async readInto(buffer: Uint8Array, offset: number): Promise<number> {
    const wanted = Math.min(buffer.length, this.status.sizeBytes - offset);
    let filled = 0;
    try {
      while (filled < wanted) {
        const count = await this.#file.read(buffer.subarray(filled, wanted), offset + filled);
        if (count === 0) throw new FileError("changed", this.#path, { reason: "it has shrunk" });
        filled += count;
      }
    } catch (error) {
      throw fileErrorFrom(error, this.#path);
    }
    return filled;
  }

  async hasChanged(): Promise<boolean> {
    // Not the time of the last change of any kind: that moves when the file is renamed or unlinked.
    return (await this.#file.status()).contentVersion !== this.#contentVersion;
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
  }
}
