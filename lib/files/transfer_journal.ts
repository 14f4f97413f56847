/**
 * The journal beside an unfinished file: which leaves were written, and their hashes.
 *
 * ```text
 * entry  = u16 body length ‖ u8 type ‖ body ‖ first 8 bytes of SHA-256 over what precedes
 * header = u8 2 ‖ u64 size ‖ source (16 bytes) ‖ u32 leaf size ‖ key (32 bytes) ‖ target path
 *          u8 3 ‖ …                                 ‖ scheme of the hashes (17 bytes) ‖ peer (16 bytes) ‖ …
 * leaf   = u32 index ‖ hash (32 bytes)
 * ```
 *
 * It is only a list of claims: whoever resumes hashes every leaf again, so neither the order in
 * which the disk wrote things nor a torn tail matters. Reading stops at the first entry that is not
 * whole, not in order or not for this file. Size and source are those that the last leaf came from: with
 * others the leaves may still be right, which the source itself has to tell.
 *
 * Version 2 is for plain leaves. Version 3 is for keyed ones, and names the peer who was told the key: whoever
 * knows it can make content with the hashes of other content.
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
  plainLeaves,
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
  /** Names who is told how leaves are hashed, 16 bytes. */
  readonly peer: Uint8Array;
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
  /** Somebody else was told the key of the hashes. */
  readonly isKeyOfAnother: boolean;
}

/** The journal of one unfinished file, open for appending. */
export class TransferJournal {
  readonly #file: DiskFile;
  /** What is being received. */
  readonly #about: JournalHeader;
  /** The source of the leaves that are there. */
  readonly #ofLeaves: JournalHeader;
  /** As it should be; as long as the one that is there. */
  readonly #header: Uint8Array;
  /** The file begins with the header of another source, from which all its leaves are. */
  #isHeaderDue: boolean;
  #leafCount: number;

  private constructor(
    file: DiskFile,
    { about, ofLeaves, hasher, leafCount }: {
      about: JournalHeader;
      ofLeaves: JournalHeader;
      hasher: LeafHasher;
      leafCount: number;
    },
  ) {
    this.#file = file;
    this.#about = about;
    this.#ofLeaves = ofLeaves;
    this.#header = encodeHeader(about, hasher);
    this.#leafCount = leafCount;
    this.#isHeaderDue = !constantTimeEqual(this.#header, encodeHeader(ofLeaves, hasher));
  }

  /** Starts an empty journal in `file`, whatever was in it. */
  static async start(
    file: DiskFile,
    header: JournalHeader,
    hasher: LeafHasher,
  ): Promise<TransferJournal> {
    await file.truncate(0);
    await file.write(encodeHeader(header, hasher), 0);
    return new TransferJournal(file, { about: header, ofLeaves: header, hasher, leafCount: 0 });
  }

  /**
   * Reads what `file` claims, as far as a file of this size has leaves, or returns `null` when it is the
   * journal of nothing or for something else, or hashes in a way unknown to `hashing`. Drop the leaves that
   * turn out wrong, or not to be of this source, with {@linkcode cutTo} before appending.
   */
  static async recover(
    file: DiskFile,
    header: JournalHeader,
    hashing: LeafHashing,
  ): Promise<RecoveredJournal | null> {
    const longestHeader = encodeHeader(header, plainLeaves).length + LEAF_SCHEME_BYTES +
      header.peer.length;
    const maxLeafCount = Math.floor(header.sizeBytes / LEAF_BYTES);
    const { sizeBytes } = await file.status();
    const stored = new Uint8Array(
      Math.min(sizeBytes, longestHeader + maxLeafCount * LEAF_ENTRY_BYTES),
    );
    const length = await readFully(file, stored, 0);
    const found = decodeHeader(stored.subarray(0, length), header, hashing);
    if (found === null) return null;
    const { hasher, about: ofLeaves } = found;
    const entries = stored.subarray(encodeHeader(ofLeaves, hasher).length, length);
    const leaves = decodeLeaves(entries).slice(0, maxLeafCount);
    const state = { about: header, ofLeaves, hasher, leafCount: leaves.length };
    return {
      journal: new TransferJournal(file, state),
      leaves,
      hasher,
      isSameSource: ofLeaves.sizeBytes === header.sizeBytes &&
        constantTimeEqual(ofLeaves.source, header.source),
      isKeyOfAnother: hasher.key !== null && !constantTimeEqual(ofLeaves.peer, header.peer),
    };
  }

  /** Hashes of the same leaves made in another way take the place of those that are there. */
  async rehash(hasher: LeafHasher, leaves: readonly Uint8Array[]): Promise<TransferJournal> {
    const { sizeBytes, source } = this.#ofLeaves;
    const ofLeaves = { ...this.#about, sizeBytes, source };
    const entries = new ByteWriter().bytes(encodeHeader(ofLeaves, hasher));
    leaves.forEach((hash, index) => entries.bytes(encodeLeaf(index, hash)));
    const content = entries.finish();
    await this.#file.write(content, 0);
    await this.#file.truncate(content.length);
    const state = { about: this.#about, ofLeaves, hasher, leafCount: leaves.length };
    return new TransferJournal(this.#file, state);
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

const PLAIN_VERSION = 2;
const KEYED_VERSION = 3;
const HEADER = 1;
const LEAF = 2;
const CHECK_BYTES = 8;
const LEAF_ENTRY_BYTES = 3 + 4 + HASH_BYTES + CHECK_BYTES;

function encodeHeader(
  { sizeBytes, source, peer, key, target }: JournalHeader,
  hasher: LeafHasher,
): Uint8Array {
  const isKeyed = hasher.key !== null;
  const body = new ByteWriter().u8(isKeyed ? KEYED_VERSION : PLAIN_VERSION);
  body.u64(sizeBytes).bytes(source).u32(LEAF_BYTES);
  if (isKeyed) body.bytes(hasher.scheme).bytes(peer);
  return encodeEntry(HEADER, body.bytes(key).text(target).finish());
}

/** What a journal begins with, when that differs from `wanted` in nothing but size, source, peer and hashes. */
function decodeHeader(
  stored: Uint8Array,
  wanted: JournalHeader,
  hashing: LeafHashing,
): { about: JournalHeader; hasher: LeafHasher } | null {
  if (stored.length < 3) return null;
  const entryBytes = 3 + new ByteReader(stored).u16() + CHECK_BYTES;
  const shortestHeader = encodeHeader(wanted, plainLeaves).length;
  if (entryBytes < shortestHeader || entryBytes > stored.length) return null;
  const entry = stored.subarray(0, entryBytes);
  const checked = entry.subarray(0, -CHECK_BYTES);
  if (!constantTimeEqual(entry.subarray(-CHECK_BYTES), checkOf(checked))) return null;
  const fields = new ByteReader(checked, 3);
  const isKeyed = fields.u8() === KEYED_VERSION;
  const sizeBytes = fields.u64();
  const source = fields.bytes(wanted.source.length).slice();
  fields.u32(); // the leaf size
  const hasher = isKeyed ? hashing.of(fields.bytes(LEAF_SCHEME_BYTES)) : plainLeaves;
  if (hasher === null) return null;
  const peer = isKeyed ? fields.bytes(wanted.peer.length).slice() : wanted.peer;
  const about = { ...wanted, sizeBytes, source, peer };
  return constantTimeEqual(entry, encodeHeader(about, hasher)) ? { about, hasher } : null;
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
