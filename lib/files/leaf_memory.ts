/**
 * Hashes of leaves that were read before: a file that goes to many, or again to one, is hashed once with plain
 * leaves; with keyed ones, a receiver that comes back with its part finds them known.
 *
 * A hash may be remembered when nothing can have changed unseen since: the file has the same node, size
 * and times after hashing as when it was opened, and these times were well past by then. A file that was
 * changed a moment ago may change once more and keep its times, which some systems count in seconds
 * (Deno does for one of the two): the "racily clean" entries of Git's index.
 *
 * Being wrong here harms nobody. The receiver hashes what arrives, and when that differs it says so: then
 * what is remembered is forgotten, and the next attempt hashes again.
 *
 * @module
 */
import { HASH_BYTES, LEAF_BYTES, type LeafHasher } from "../crypto/mod.ts";
import type { OpenFileStatus } from "./disk.ts";

/** How long ago a file must have been changed last: more than the coarsest time stamps, two seconds, tell. */
export const SETTLED_MS = 3000;

/** Memory for the hashes of 240 GiB. */
const CAPACITY_BYTES = 8 * 1024 * 1024;

/** What an entry takes besides its hashes, roughly. */
const ENTRY_BYTES = 512;

/** What names a version of a file. */
export type FileVersion = Pick<OpenFileStatus, "nodeId" | "version" | "sizeBytes">;

interface Entry {
  readonly nodeId: string;
  readonly version: string;
  readonly hashes: Uint8Array;
  /** By leaf, whether its hash is known. */
  readonly isKnown: Uint8Array;
  readonly costBytes: number;
}

/** Whether the times of a file are far enough in the past to tell later changes from earlier ones. */
export function isSettled(
  { modifiedMs, changedMs }: Pick<OpenFileStatus, "modifiedMs" | "changedMs">,
  nowMs: number,
): boolean {
  return nowMs - Math.max(modifiedMs, changedMs) >= SETTLED_MS;
}

/** A bounded memory; what was not used for the longest time goes first. */
export class LeafMemory {
  readonly #capacityBytes: number;
  /** By node and scheme, the one last used at the end. */
  readonly #entries = new Map<string, Entry>();
  #usedBytes = 0;

  /** Knows nothing yet. */
  constructor(options: { readonly capacityBytes?: number } = {}) {
    this.#capacityBytes = options.capacityBytes ?? CAPACITY_BYTES;
  }

  /** What it takes, bytes. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The hash of a leaf of exactly this version, or null. Not to be written to. */
  hashOf(file: FileVersion, hasher: LeafHasher, index: number): Uint8Array | null {
    const entry = this.#entryOf(file, hasher);
    if (entry === null || entry.isKnown[index] !== 1) return null;
    return entry.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  /** Remembers the hash of a leaf of this version, and nothing of other versions that was hashed so. */
  keep(file: FileVersion, hasher: LeafHasher, index: number, hash: Uint8Array): void {
    const entry = this.#entryOf(file, hasher) ?? this.#start(file, hasher);
    if (entry === null) return;
    entry.hashes.set(hash, index * HASH_BYTES);
    entry.isKnown[index] = 1;
  }

  /** Forgets every version of a file. */
  forget({ nodeId }: Pick<FileVersion, "nodeId">): void {
    for (const [id, entry] of this.#entries) if (entry.nodeId === nodeId) this.#drop(id);
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#usedBytes -= entry.costBytes;
  }

  #entryOf(file: FileVersion, hasher: LeafHasher): Entry | null {
    const id = entryId(file, hasher);
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    if (entry.version !== file.version) {
      this.#drop(id);
      return null;
    }
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry;
  }

  /** Makes room for a file; null when there can be none. */
  #start(file: FileVersion, hasher: LeafHasher): Entry | null {
    const { nodeId, version, sizeBytes } = file;
    const count = Math.ceil(sizeBytes / LEAF_BYTES);
    const costBytes = ENTRY_BYTES + count * (HASH_BYTES + 1);
    if (costBytes > this.#capacityBytes) return null;
    for (const oldest of this.#entries.keys()) {
      if (this.#usedBytes + costBytes <= this.#capacityBytes) break;
      this.#drop(oldest);
    }
    const hashes = new Uint8Array(count * HASH_BYTES);
    const entry = { nodeId, version, hashes, isKnown: new Uint8Array(count), costBytes };
    this.#entries.set(entryId(file, hasher), entry);
    this.#usedBytes += costBytes;
    return entry;
  }
}

function entryId({ nodeId }: FileVersion, { scheme }: LeafHasher): string {
  return `${nodeId} ${scheme.toHex()}`;
}
