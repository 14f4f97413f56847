import { assert } from "../bytes/invariant.ts";
import { constantTimeEqual, LEAF_BYTES, leafHash, plainLeaves, treeRoot } from "../crypto/mod.ts";
import { FileError, fileErrorFrom, osCode } from "./file_error.ts";
import type { OpenPartsLimit } from "./open_parts_limit.ts";
import type { PartialFile, PartialOptions } from "./partial_file.ts";
import { type Destination, publishFile, sealFile, UnreliablePartError } from "./publication.ts";
import { beginStaged, createUniquePart, removeIfThere, type StagingContext } from "./staging.ts";

const EMPTY = new Uint8Array(0);

/** What small files of one folder share. */
export interface SmallPartContext extends StagingContext {
  /** Numbers that no other part of this program uses. */
  readonly numbers: Iterator<number, never>;
  /** Bounds how many are written at a time. */
  readonly openParts: OpenPartsLimit;
}

/**
 * A file of at most one leaf: kept in memory until all of it is there, then written at once.
 *
 * There is nothing to resume in so little, hence no journal and no lock. Ten system calls a file.
 */
export class BufferedPart implements PartialFile {
  readonly resumeOffset = 0;
  readonly leafHasher = plainLeaves;
  readonly leaves: readonly Uint8Array[] = [];
  readonly isOfSameSource = true;
  readonly #context: SmallPartContext;
  readonly #destination: Destination;
  readonly #options: PartialOptions;
  readonly #sizeBytes: number;
  /** Empty before room is asked for. */
  #bytes: Uint8Array = EMPTY;
  #length = 0;
  #isEnded = false;

  /** Holds nothing yet. */
  constructor(
    context: SmallPartContext,
    destination: Destination,
    options: PartialOptions,
  ) {
    this.#context = context;
    this.#destination = destination;
    this.#options = options;
    this.#sizeBytes = Math.min(options.sizeBytes, LEAF_BYTES);
  }

  async discardFrom(leafIndex: number): Promise<void> {
    if (leafIndex !== 0) {
      throw new RangeError(`Cannot discard from leaf ${leafIndex}: none is held`);
    }
    await Promise.resolve();
  }

  room(): Uint8Array {
    this.#assertOpen();
    if (this.#bytes === EMPTY) this.#bytes = new Uint8Array(this.#sizeBytes);
    return this.#bytes.subarray(this.#length);
  }

  // deno-lint-ignore require-await
  async fill(count: number): Promise<void> {
    this.#assertOpen();
    this.#length += count;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    if (bytes.length > this.#sizeBytes - this.#length) throw this.#changed("it is too long");
    this.room().set(bytes);
    await this.fill(bytes.length);
  }

  async writeKept(bytes: Uint8Array): Promise<void> {
    if (this.#length > 0 || bytes.length !== this.#sizeBytes) return await this.write(bytes);
    this.#assertOpen();
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  async commit(root: Uint8Array): Promise<void> {
    this.#assertOpen();
    try {
      this.#verify(root);
      await this.#context.openParts.run(() => this.#publish());
    } catch (error) {
      const cause = error instanceof UnreliablePartError ? error.cause : error;
      throw fileErrorFrom(cause, this.#destination.path);
    } finally {
      this.#end();
    }
  }

  // deno-lint-ignore require-await
  async park(): Promise<void> {
    this.#end();
  }

  // deno-lint-ignore require-await
  async discard(): Promise<void> {
    this.#end();
  }

  #verify(root: Uint8Array): void {
    const bytes = this.#bytes;
    if (this.#length !== this.#sizeBytes) throw this.#changed("it is too short");
    const leaves = bytes.length === 0 ? [] : [leafHash(0, bytes)];
    if (!constantTimeEqual(treeRoot(leaves, bytes.length), root)) {
      throw this.#changed("the hash differs");
    }
  }

  async #publish(): Promise<void> {
    const { numbers, directories } = this.#context;
    const { guard, parent, path } = this.#destination;
    await guard.assertMayWrite(parent, path, this.#bytes.length);
    const { place, begun: { file, name } } = await beginStaged(
      this.#context,
      this.#destination,
      (place) => createUniquePart(place, numbers),
    );
    try {
      await file.write(this.#bytes, 0);
      await sealFile(file, this.#options, this.#destination);
      await publishFile({ place, name, file }, this.#destination, this.#options);
    } catch (error) {
      if (osCode(error) === "ENOENT") directories.forget(); // a folder vanished
      await removeIfThere(place.directory, name).catch(() => {}); // the first error counts
      throw error;
    } finally {
      file.close();
      place.close();
    }
  }

  #assertOpen(): void {
    assert(!this.#isEnded, "An ended part was used");
  }

  #changed(reason: string): FileError {
    return new FileError("changed", this.#destination.path, { reason });
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#destination.release();
  }
}
