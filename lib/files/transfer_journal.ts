/**
 * The journal beside an unfinished file: which leaves were written, and their hashes.
 *
 * ```text
 * entry  = u16 body length ‖ u8 type ‖ body ‖ first 8 bytes of SHA-256 over what precedes
 * header = u8 version ‖ u64 size ‖ u32 leaf size ‖ key (32 bytes) ‖ target path
 * leaf   = u32 index ‖ hash (32 bytes)
 * ```
 *
 * It is only a list of claims: whoever resumes hashes every leaf again, so neither the order in
 * which the disk wrote things nor a torn tail matters. Reading stops at the first entry that is not
 * whole, not in order or not for this file.
 *
 * @module
 */
import { ByteReader } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { constantTimeEqual, HASH_BYTES, LEAF_BYTES, sha256 } from "../crypto/mod.ts";
import type { DiskFile } from "./disk.ts";

/** What a journal belongs to. */
export interface JournalHeader {
  /** Length of the whole file. */
  readonly sizeBytes: number;
  /** Hash of what identifies source and target, 32 bytes. */
  readonly key: Uint8Array;
  /** The target as users write it, for whoever looks into the staging folder. */
  readonly target: string;
}

/** The journal of one unfinished file, open for appending. */
export class TransferJournal {
  readonly #file: DiskFile;
  readonly #headerLength: number;
  #leafCount: number;

  private constructor(file: DiskFile, headerLength: number, leafCount: number) {
    this.#file = file;
    this.#headerLength = headerLength;
    this.#leafCount = leafCount;
  }

  /** Starts an empty journal in `file`, whatever was in it. */
  static async start(file: DiskFile, header: JournalHeader): Promise<TransferJournal> {
    const entry = encodeHeader(header);
    await file.truncate(0);
    await file.write(entry, 0);
    return new TransferJournal(file, entry.length, 0);
  }

  /**
   * Reads what `file` claims, or returns `null` when it is the journal of nothing or of something
   * else. Drop the leaves that turn out wrong with {@linkcode cutTo} before appending.
   */
  static async recover(
    file: DiskFile,
    header: JournalHeader,
  ): Promise<{ journal: TransferJournal; leaves: Uint8Array[] } | null> {
    const expected = encodeHeader(header);
    const maxLeafCount = Math.floor(header.sizeBytes / LEAF_BYTES);
    const { sizeBytes } = await file.status();
    const stored = new Uint8Array(
      Math.min(sizeBytes, expected.length + maxLeafCount * LEAF_ENTRY_BYTES),
    );
    const length = await readFully(file, stored);
    if (length < expected.length) return null;
    if (!constantTimeEqual(stored.subarray(0, expected.length), expected)) return null;
    const leaves = decodeLeaves(stored.subarray(expected.length, length));
    return { journal: new TransferJournal(file, expected.length, leaves.length), leaves };
  }

  /** Notes that the next leaf is written. */
  async append(hash: Uint8Array): Promise<void> {
    await this.#file.write(encodeLeaf(this.#leafCount, hash), this.#end());
    this.#leafCount++;
  }

  /** Forgets the leaves from this index on. */
  async cutTo(leafCount: number): Promise<void> {
    this.#leafCount = Math.min(leafCount, this.#leafCount);
    await this.#file.truncate(this.#end());
  }

  #end(): number {
    return this.#headerLength + this.#leafCount * LEAF_ENTRY_BYTES;
  }
}

const VERSION = 1;
const HEADER = 1;
const LEAF = 2;
const CHECK_BYTES = 8;
const LEAF_ENTRY_BYTES = 3 + 4 + HASH_BYTES + CHECK_BYTES;

function encodeHeader({ sizeBytes, key, target }: JournalHeader): Uint8Array {
  const body = new ByteWriter().u8(VERSION).u64(sizeBytes).u32(LEAF_BYTES).bytes(key).text(target);
  return encodeEntry(HEADER, body.finish());
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

async function readFully(file: DiskFile, buffer: Uint8Array): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const count = await file.read(buffer.subarray(length), length);
    if (count === 0) break;
    length += count;
  }
  return length;
}
