/**
 * Fills the leaves of an unfinished file, hashes them, and writes them to the part and its journal.
 *
 * @module
 */
import { LEAF_BYTES, type LeafHasher, LeafTree, type PassingLeaves } from "../crypto/mod.ts";
import type { DiskFile } from "./disk.ts";
import { fileErrorFrom } from "./file_error.ts";
import { LeafBlock } from "./leaf_block.ts";
import { type Destination, UnreliablePartError } from "./publication.ts";
import type { TransferJournal } from "./transfer_journal.ts";

/** Where there is a clock, what came in so little time is journaled at once: no more is lost by a kill. */
const JOURNALED_AFTER_MS = 50;

/** What a {@linkcode LeafWriter} works with. */
export interface LeafWriterOptions {
  /** The part, open for writing. */
  readonly part: DiskFile;
  /** Its journal. */
  readonly journal: TransferJournal;
  /** Where the file is to go: says whether there is room, and what errors name. */
  readonly destination: Destination;
  /** How leaves are hashed. */
  readonly hasher: LeafHasher;
  /** Hashes of the leaves that are there already. */
  readonly leaves: readonly Uint8Array[];
  /** Length of the whole file. */
  readonly sizeBytes: number;
  /** A clock, if there is one. */
  readonly nowMs: (() => number) | undefined;
  /** Told after each leaf how many bytes of the file are on the disk. */
  readonly onWritten: (bytes: number) => void;
}

/** A leaf on its way to the disk. */
interface FilledLeaf {
  readonly block: LeafBlock;
  /** Bytes of it. */
  readonly length: number;
  /** Null when it is still to be hashed. */
  readonly hash: Uint8Array | null;
}

/** One leaf is written while the next one fills. Methods are not called while another one is under way. */
export class LeafWriter {
  readonly #options: LeafWriterOptions;
  /** Hashes leaves while they fill, where that is quick. */
  readonly #passing: PassingLeaves | null;
  readonly #tree: LeafTree;
  #acceptedBytes: number;
  #handedBytes: number;
  /** The leaf that is being filled. */
  #filling: LeafBlock | null = null;
  #filled = 0;
  /** The other block, while no write uses it. */
  #spare: LeafBlock | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** Hashes of leaves that are written and not in the journal. */
  #unjournaled: Uint8Array[] = [];
  #journaledAtMs = -Infinity;
  #failure: unknown = null;

  /** Goes on behind the leaves that are there. */
  constructor(options: LeafWriterOptions) {
    this.#options = options;
    this.#passing = options.hasher.passing();
    this.#tree = new LeafTree(options.leaves);
    this.#acceptedBytes = this.#handedBytes = options.leaves.length * LEAF_BYTES;
  }

  /** Bytes taken, those of before included. */
  get acceptedBytes(): number {
    return this.#acceptedBytes;
  }

  /** Bytes that are on the disk or on their way. */
  get handedBytes(): number {
    return this.#handedBytes;
  }

  /** The first thing that went wrong in the background, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Something else has failed: nothing more is taken. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  /** Throws what has failed as a `FileError`. */
  throwFailure(): void {
    if (this.#failure === null) return;
    const failure = this.#failure;
    const cause = failure instanceof UnreliablePartError ? failure.cause : failure;
    throw fileErrorFrom(cause, this.#options.destination.path);
  }

  /** Where the next bytes go: up to the end of the leaf or of the file. */
  room(): Uint8Array {
    this.throwFailure();
    this.#filling ??= this.#takeSpare();
    const leftBytes = this.#options.sizeBytes - this.#acceptedBytes;
    return this.#filling.data.subarray(this.#filled, this.#filled + leftBytes);
  }

  /** Takes bytes that were put into the room; resolves when there is room again. */
  async fill(count: number): Promise<void> {
    const end = this.#filled + count;
    const piece = this.#filling!.data.subarray(this.#filled, end);
    this.#passing?.update(this.#handedBytes / LEAF_BYTES, piece);
    this.#acceptedBytes += count;
    this.#filled = end;
    if (end === LEAF_BYTES) await this.#handOver();
  }

  /** Writes what there is of the last leaf; resolves when all is written. Throws what has failed. */
  async finish(): Promise<void> {
    if (this.#filled > 0) await this.#handOver();
    await this.#writing;
    this.throwFailure();
  }

  /** The root of everything that was taken. Call once, at the end. */
  root(): Uint8Array {
    return this.#tree.root();
  }

  /** Resolves when nothing is being written; what is written is in the journal then, if that can be. */
  async settle(): Promise<void> {
    await this.#writing;
    await this.#journal().catch((error) => this.fail(error));
  }

  /** Frees what it holds; the files stay open. */
  close(): void {
    this.#passing?.close();
  }

  #takeSpare(): LeafBlock {
    const block = this.#spare ?? new LeafBlock();
    this.#spare = null;
    return block;
  }

  /** Gives the leaf to the disk once the one before is there. */
  async #handOver(): Promise<void> {
    await this.#writing;
    this.throwFailure();
    const block = this.#filling!;
    const length = this.#filled;
    const position = this.#handedBytes;
    this.#filling = null;
    this.#filled = 0;
    this.#handedBytes += length;
    const hash = this.#passing?.finish() ?? null;
    this.#writing = this.#writeLeaf({ block, length, hash }, position);
  }

  /** Never rejects: a failure is kept for the next call. */
  async #writeLeaf({ block, length, hash: known }: FilledLeaf, position: number): Promise<void> {
    const { part, hasher, destination: { guard, parent, path }, onWritten } = this.#options;
    const hashing = known ?? block.digest(hasher, position / LEAF_BYTES, length);
    try {
      await guard.assertMayWrite(parent, path, length);
      await part.write(block.data.subarray(0, length), position);
      const hash = await hashing;
      this.#tree.addLeaf(hash, length);
      if (length === LEAF_BYTES) this.#unjournaled.push(hash);
      if (this.#isJournalDue()) await this.#journal();
      this.#spare = block;
      onWritten(position + length);
    } catch (error) {
      this.fail(error);
      await Promise.allSettled([hashing]); // it uses the block
    }
  }

  #isJournalDue(): boolean {
    const { nowMs } = this.#options;
    return nowMs === undefined || nowMs() - this.#journaledAtMs >= JOURNALED_AFTER_MS;
  }

  async #journal(): Promise<void> {
    const leaves = this.#unjournaled;
    if (leaves.length === 0) return;
    this.#unjournaled = [];
    await this.#options.journal.append(leaves);
    this.#journaledAtMs = this.#options.nowMs?.() ?? 0;
  }
}
