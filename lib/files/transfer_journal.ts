/**
 * The journal beside an unfinished file: which leaves were written, and their hashes.
 *
 * ```text
 * entry  = u16 body length ‖ u8 type ‖ body ‖ first 8 bytes of SHA-256 over what precedes
 * header = u8 version ‖ u64 size ‖ source (16 bytes) ‖ u32 leaf size ‖ scheme of the hashes (17 bytes) ‖
 *          key (32 bytes) ‖ target path
 * leaf   = u32 index ‖ hash (32 bytes)
 * ```
 *
 * It is only a list of claims: whoever resumes hashes every leaf again, so neither the order in
 * which the disk wrote things nor a torn tail matters. Reading stops at the first entry that is not
 * whole, not in order or not for this file. Size and source are those that the last leaf came from: with
 * others the leaves may still be right, which the source itself has to tell.
 *
 * @module
 */
import { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  constantTimeEqual,
  HASH_BYTES,
  LEAF_BYTES,
  LEAF_SCHEME_BYTES,
  type LeafHasher,
  type LeafHashing,
  sha256,
} from "../crypto/mod.ts";
import type { DiskFile } from "./disk.ts";
import { readFully } from "./read_fully.ts";

/** What a journal belongs to. */
export interface JournalHeader {
  /** Length of the whole file. */
  readonly sizeBytes: number;
  /** Names the content at its source, 16 bytes. */
  readonly source: Uint8Array;
  /** Hash of what identifies sender and target, 32 bytes. */
  readonly key: Uint8Array;
  /** The target as users write it, for whoever looks into the staging folder. */
  readonly target: string;
}

/** What a journal claims. */
export interface RecoveredJournal {
  /** The journal, open for appending. */
  readonly journal: TransferJournal;
  /** Hashes of the leaves. */
  readonly leaves: Uint8Array[];
  /** How the leaves are hashed. */
  readonly hasher: LeafHasher;
  /** Whether they are of a source that looked the same as the one that is sent now. */
  readonly isSameSource: boolean;
}

/** The journal of one unfinished file, open for appending. */
export class TransferJournal {
  readonly #file: DiskFile;
  /** As it should be; its length never changes for one key and target. */
  readonly #header: Uint8Array;
  /** The file begins with the header of another source, from which all its leaves are. */
  #isHeaderDue: boolean;
  #leafCount: number;

  private constructor(
    file: DiskFile,
    header: Uint8Array,
    { leafCount, isHeaderDue }: { leafCount: number; isHeaderDue: boolean },
  ) {
    this.#file = file;
    this.#header = header;
    this.#leafCount = leafCount;
    this.#isHeaderDue = isHeaderDue;
  }

  /** Starts an empty journal in `file`, whatever was in it. */
  static async start(
    file: DiskFile,
    header: JournalHeader,
    { scheme }: Pick<LeafHasher, "scheme">,
  ): Promise<TransferJournal> {
    const entry = encodeHeader(header, scheme);
    await file.truncate(0);
    await file.write(entry, 0);
    return new TransferJournal(file, entry, { leafCount: 0, isHeaderDue: false });
  }

  /**
   * Reads what `file` claims, as far as a file of this size has leaves, or returns `null` when it is the
   * journal of nothing or for something else, or hashes in a way unknown to `hashing`. Drop the leaves that turn out wrong, or not to be of this
   * source, with {@linkcode cutTo} before appending.
   */
  static async recover(
    file: DiskFile,
    header: JournalHeader,
    hashing: LeafHashing,
  ): Promise<RecoveredJournal | null> {
    const headerBytes = encodeHeader(header, new Uint8Array(LEAF_SCHEME_BYTES)).length;
    const maxLeafCount = Math.floor(header.sizeBytes / LEAF_BYTES);
    const { sizeBytes } = await file.status();
    const stored = new Uint8Array(
      Math.min(sizeBytes, headerBytes + maxLeafCount * LEAF_ENTRY_BYTES),
    );
    const length = await readFully(file, stored, 0);
    if (length < headerBytes) return null;
    const found = stored.subarray(0, headerBytes);
    const scheme = schemeForSameTarget(found, header);
    const hasher = scheme === null ? null : hashing.of(scheme);
    if (hasher === null) return null;
    const expected = encodeHeader(header, hasher.scheme);
    const isSameSource = constantTimeEqual(found, expected);
    const leaves = decodeLeaves(stored.subarray(headerBytes, length));
    const state = { leafCount: leaves.length, isHeaderDue: !isSameSource };
    const journal = new TransferJournal(file, expected, state);
    return { journal, leaves, hasher, isSameSource };
  }

  /** Notes that the next leaves are written. */
  async append(hashes: readonly Uint8Array[]): Promise<void> {
    if (this.#isHeaderDue) await this.#file.write(this.#header, 0);
    this.#isHeaderDue = false;
    const entries = new ByteWriter(hashes.length * LEAF_ENTRY_BYTES);
    for (const [at, hash] of hashes.entries()) {
      entries.bytes(encodeLeaf(this.#leafCount + at, hash));
    }
    await this.#file.write(entries.finish(), this.#end());
    this.#leafCount += hashes.length;
  }

  /** Forgets the leaves from this index on. */
  async cutTo(leafCount: number): Promise<void> {
    this.#leafCount = Math.min(leafCount, this.#leafCount);
    await this.#file.truncate(this.#end());
  }

  #end(): number {
    return this.#header.length + this.#leafCount * LEAF_ENTRY_BYTES;
  }
}

const VERSION = 3;
const HEADER = 1;
const LEAF = 2;
const CHECK_BYTES = 8;
const LEAF_ENTRY_BYTES = 3 + 4 + HASH_BYTES + CHECK_BYTES;

function encodeHeader(
  { sizeBytes, source, key, target }: JournalHeader,
  scheme: Uint8Array,
): Uint8Array {
  const body = new ByteWriter().u8(VERSION).u64(sizeBytes).bytes(source).u32(LEAF_BYTES);
  return encodeEntry(HEADER, body.bytes(scheme).bytes(key).text(target).finish());
}

/** The scheme in a header that otherwise differs from this one in nothing but size and source, or null. */
function schemeForSameTarget(
  entry: Uint8Array,
  { source, key, target }: JournalHeader,
): Uint8Array | null {
  const checked = entry.subarray(0, -CHECK_BYTES);
  if (!constantTimeEqual(entry.subarray(-CHECK_BYTES), checkOf(checked))) return null;
  const fields = new ByteReader(checked, 3);
  if (fields.u8() !== VERSION) return null;
  const sizeBytes = fields.u64();
  const other = { sizeBytes, source: fields.bytes(source.length), key, target };
  fields.u32(); // the leaf size
  const scheme = fields.bytes(LEAF_SCHEME_BYTES);
  return constantTimeEqual(entry, encodeHeader(other, scheme)) ? scheme : null;
}

function encodeLeaf(index: number, hash: Uint8Array): Uint8Array {
  return encodeEntry(LEAF, new ByteWriter(4 + HASH_BYTES).u32(index).bytes(hash).finish());
}

function encodeEntry(type: number, body: Uint8Array): Uint8Array {
  const entry = new ByteWriter(3 + body.length + CHECK_BYTES).u16(body.length).u8(type).bytes(body);
  return entry.bytes(checkOf(entry.finish())).finish();
}

function decodeLeaves(entries: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = [];
  const reader = new ByteReader(entries);
  while (reader.remaining >= LEAF_ENTRY_BYTES) {
    const entry = reader.bytes(LEAF_ENTRY_BYTES);
    const checked = entry.subarray(0, -CHECK_BYTES);
    if (!constantTimeEqual(entry.subarray(-CHECK_BYTES), checkOf(checked))) break;
    const fields = new ByteReader(checked, 2);
    if (fields.u8() !== LEAF || fields.u32() !== leaves.length) break;
    leaves.push(fields.rest().slice());
  }
  return leaves;
}

function checkOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, CHECK_BYTES);
}
