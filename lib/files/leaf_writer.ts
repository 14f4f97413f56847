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
import type { ThreadPatience } from "./thread_patience.ts";
import type { TransferJournal } from "./transfer_journal.ts";

/** Where there is a clock, what came in so little time is journaled at once: no more is lost by a kill. */
const JOURNALED_AFTER_MS = 50;

/** What a {@linkcode LeafWriter} works with. */
export interface LeafWriterOptions {
  /** The part, open for writing. */
  readonly part: Pick<DiskFile, "write">;
  /** Its journal. */
  readonly journal: Pick<TransferJournal, "append">;
  /** Where the file is to go: says whether there is room, and what errors name. */
  readonly destination: Pick<Destination, "guard" | "parent" | "path">;
  /** How leaves are hashed. */
  readonly hasher: LeafHasher;
  /** Hashes of the leaves that are there already. */
  readonly leaves: readonly Uint8Array[];
  /** Length of the whole file. */
  readonly sizeBytes: number;
  /** A clock, if there is one. */
  readonly nowMs: (() => number) | undefined;
  /** Says when a leaf that is waited for is written on this thread. */
  readonly patience: ThreadPatience;
  /** Told after each leaf how many bytes of the file are on the disk. */
  readonly onWritten: (bytes: number) => void;
}

/** One fills while another is written. */
const MAX_BLOCKS = 2;

const ALL_THERE = true;

/** A leaf on its way to the disk. */
interface FilledLeaf {
  readonly block: LeafBlock;
  /** Bytes of it. */
  readonly length: number;
  /** Null when it is still to be hashed. */
  readonly hash: Uint8Array | null;
  /** To be written on this thread. */
  readonly isHere: boolean;
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
  /** Blocks that no write uses. */
  readonly #spare: LeafBlock[] = [];
  /** Blocks that are being written. */
  #underWay = 0;
  /** Called when one of them is spare. */
  #onSpare: (() => void) | null = null;
  /** Resolves when every leaf that was handed over is written and noted: to whether none is missing. */
  #writing: Promise<boolean> = Promise.resolve(ALL_THERE);
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
    return this.#spare.pop() ?? new LeafBlock();
  }

  /**
   * Gives the leaf to the disk once the one before is there, or, when it would have to wait for that, writes it
   * on this thread meanwhile. Resolves when there is a block for the next one.
   */
  async #handOver(): Promise<void> {
    const isHere = this.#underWay > 0 && this.#options.patience.isThere;
    if (!isHere) await this.#writing;
    this.throwFailure();
    const block = this.#filling!;
    const length = this.#filled;
    const position = this.#handedBytes;
    this.#filling = null;
    this.#filled = 0;
    this.#handedBytes += length;
    const hash = this.#passing?.finish() ?? null;
    this.#writing = this.#writeLeaf({ block, length, hash, isHere }, position, this.#writing);
    while (this.#underWay === MAX_BLOCKS) {
      await new Promise<void>((resolve) => this.#onSpare = resolve);
    }
  }

  /**
   * Writes a leaf, and notes it when those before it are: whether all are there then. Never rejects: a failure
   * is kept for the next call.
   */
  async #writeLeaf(
    leaf: FilledLeaf,
    position: number,
    before: Promise<boolean>,
  ): Promise<boolean> {
    try {
      const hash = await this.#store(leaf, position);
      if (!await before) return false;
      this.#tree.addLeaf(hash, leaf.length);
      if (leaf.length === LEAF_BYTES) this.#unjournaled.push(hash);
      if (this.#isJournalDue()) await this.#journal();
      this.#options.onWritten(position + leaf.length);
      return true;
    } catch (error) {
      this.fail(error);
      await before;
      return false;
    }
  }

  /** Gives a leaf to the disk: its hash. The block is spare afterwards. */
  async #store({ block, length, hash, isHere }: FilledLeaf, position: number): Promise<Uint8Array> {
    const { part, hasher, destination: { guard, parent, path }, patience } = this.#options;
    const hashing = hash ?? block.digest(hasher, position / LEAF_BYTES, length);
    this.#underWay++;
    try {
      await guard.assertMayWrite(parent, path, length);
      const write = () => part.write(block.data.subarray(0, length), position, { isHere });
      await (isHere ? patience.spend(write) : write());
      return await hashing;
    } finally {
      await Promise.allSettled([hashing]); // it uses the block
      this.#spare.push(block);
      this.#underWay--;
      this.#onSpare?.();
      this.#onSpare = null;
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
