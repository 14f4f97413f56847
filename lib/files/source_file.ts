import { LEAF_BYTES, type LeafHasher } from "../crypto/mod.ts";
import type { DiskFile, OpenFileStatus } from "./disk.ts";
import { type FileStatus, fileStatus } from "./directory_listing.ts";
import { FileError, fileErrorFrom } from "./file_error.ts";
import type { LeafBlock } from "./leaf_block.ts";
import { isSettled, type LeafMemory } from "./leaf_memory.ts";

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
  /** Hash of leaf `index`, whose first `length` bytes were read into a block: computed, or remembered. */
  leafHash(
    hasher: LeafHasher,
    block: LeafBlock,
    index: number,
    length: number,
  ): Promise<Uint8Array>;
  /** Remembers the hash of a leaf that was read from here, unless the file has changed. */
  keepLeafHash(hasher: LeafHasher, index: number, hash: Uint8Array): Promise<void>;
  /** The hash of a leaf if it is remembered, else null. */
  knownLeafHash(hasher: LeafHasher, index: number): Uint8Array | null;
  /** Forgets what is remembered: the receiver found other bytes than the hashes say. */
  forgetLeaves(): void;
  /** Whether the content may have changed since opening: ask after the last byte. */
  hasChanged(): Promise<boolean>;
  /** Releases the file. */
  close(): Promise<void>;
}

/** What a source is opened with. */
export interface SourceOptions {
  /** What errors name. */
  readonly path: string;
  /** Where hashes of leaves are remembered. */
  readonly memory: LeafMemory;
  /** Now, on the clock of the disk. */
  readonly nowMs: number;
}

/** Wraps an open file as a source, or closes it. */
export async function sourceFile(file: DiskFile, options: SourceOptions): Promise<SourceFile> {
  try {
    return new OpenSource(file, await file.status(), options);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Leaves that are hashed before it is asked whether the file has changed. */
const LEAVES_CONFIRMED_AT_ONCE = 16;

/** A leaf that was hashed. */
interface HashedLeaf {
  readonly hasher: LeafHasher;
  readonly index: number;
  readonly hash: Uint8Array;
}

class OpenSource implements SourceFile {
  readonly status: FileStatus;
  readonly identity: string;
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #opened: OpenFileStatus;
  /** Null when nothing of this file can be known: it changed just now, or is too short to matter. */
  readonly #memory: LeafMemory | null;
  /** What was hashed since the file was last seen unchanged. */
  #unconfirmed: HashedLeaf[] = [];
  #isClosed = false;

  constructor(file: DiskFile, opened: OpenFileStatus, { path, memory, nowMs }: SourceOptions) {
    this.#file = file;
    this.#path = path;
    this.#opened = opened;
    const isLong = opened.sizeBytes > LEAF_BYTES;
    this.#memory = isLong && isSettled(opened, nowMs) ? memory : null;
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

  async leafHash(
    hasher: LeafHasher,
    block: LeafBlock,
    index: number,
    length: number,
  ): Promise<Uint8Array> {
    const known = this.knownLeafHash(hasher, index);
    if (known !== null) return known;
    const hash = await block.digest(hasher, index, length);
    await this.keepLeafHash(hasher, index, hash);
    return hash;
  }

  async keepLeafHash(hasher: LeafHasher, index: number, hash: Uint8Array): Promise<void> {
    if (this.#memory === null) return;
    this.#unconfirmed.push({ hasher, index, hash });
    if (this.#unconfirmed.length >= LEAVES_CONFIRMED_AT_ONCE) await this.#confirm(this.#memory);
  }

  knownLeafHash(hasher: LeafHasher, index: number): Uint8Array | null {
    return this.#memory?.hashOf(this.#opened, hasher, index) ?? null;
  }

  forgetLeaves(): void {
    this.#unconfirmed = [];
    this.#memory?.forget(this.#opened);
  }

  async hasChanged(): Promise<boolean> {
    // Not the time of the last change of any kind: that moves when the file is renamed or unlinked.
    return (await this.#file.status()).contentVersion !== this.#opened.contentVersion;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      if (this.#memory !== null) await this.#confirm(this.#memory);
    } catch {
      // They are hashed once more some day.
    } finally {
      this.#file.close();
    }
  }

  /** Remembers what was hashed when the file is still what it was: asking takes a turn to the disk. */
  async #confirm(memory: LeafMemory): Promise<void> {
    const leaves = this.#unconfirmed;
    if (leaves.length === 0) return;
    this.#unconfirmed = [];
    if ((await this.#file.status()).version !== this.#opened.version) return;
    for (const { hasher, index, hash } of leaves) memory.keep(this.#opened, hasher, index, hash);
  }
}
