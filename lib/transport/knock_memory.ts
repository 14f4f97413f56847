/**
 * Remembers who has knocked before, roughly and in fixed memory: a client repeats its INITIAL, a flood of
 * forged ones does not, or has to pay twice.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { readU32 } from "../wire/connection_id.ts";

/** Connection IDs that are remembered; at 5000 a second they last for some seconds. A power of two. */
const ROWS = 1 << 15;
/** One connection ID is answered so often at most, in units of 128 ms. */
const PAUSE_UNITS = 2;

/** A table of connection IDs without owners. */
export class KnockMemory {
  readonly #entropy: Entropy;
  /** Made at the first knock: a client never needs it. */
  #tags: Uint32Array | null = null;
  #answeredAt = new Uint32Array(0);
  readonly #seed = new Uint32Array(2);

  /** Takes a secret from `entropy`, so that nobody can choose who is forgotten. */
  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /**
   * True when this connection ID (at `bytes[at]`) knocked before and was not answered just now. Never
   * allocates, but for the table the first time.
   */
  isRepeated(bytes: Uint8Array, at: number, nowMs: number): boolean {
    const tags = this.#tags ?? this.#makeTable();
    let hash = this.#seed[0]! ^ readU32(bytes, at);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ readU32(bytes, at + 4) ^ (hash >>> 13), 0xc2b2_ae35);
    hash ^= hash >>> 16;
    const row = hash & (ROWS - 1);
    const tag = (Math.imul(hash ^ this.#seed[1]!, 0x9e37_79b1) ^ readU32(bytes, at)) >>> 0;
    const now = Math.floor(nowMs / 128) >>> 0;
    if (tags[row] !== tag) {
      tags[row] = tag;
      this.#answeredAt[row] = 0;
      return false;
    }
    if (now - this.#answeredAt[row]! < PAUSE_UNITS) return false;
    this.#answeredAt[row] = now;
    return true;
  }

  #makeTable(): Uint32Array {
    this.#tags = new Uint32Array(ROWS);
    this.#answeredAt = new Uint32Array(ROWS);
    this.#entropy.fill(new Uint8Array(this.#seed.buffer));
    return this.#tags;
  }
}
