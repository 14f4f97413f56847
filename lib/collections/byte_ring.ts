/**
 * A window of a long byte sequence, kept in blocks that come and go as the window moves.
 *
 * Bytes are addressed by their offset in the sequence; a sender keeps what is not acknowledged yet,
 * a receiver what has not been read yet. On a long path that is tens of megabytes: blocks, unlike
 * one buffer, grow without copying and without a pause of many milliseconds. What has been left
 * behind serves again in front. Offsets are plain numbers below 2^53.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";

/** The first block of a short sequence begins this small and doubles. */
const INITIAL_BYTES = 4096;
const BLOCK_BYTES = 256 * 1024;
/** Blocks left behind that are kept for use in front. */
const SPARE_BLOCKS = 32;
const EMPTY = new Uint8Array(0);

/** Bytes from `base` on, as far as they were put in. */
export class ByteRing {
  /** Blocks from the one of `base` on; an empty one was never written. */
  #blocks: Uint8Array[] = [];
  /** Offset of the first block's first byte, a multiple of the block size. */
  #start = 0;
  #base = 0;
  #capacity = 0;
  #spare: Uint8Array[] = [];

  /** Offset of the first byte that is kept. */
  get base(): number {
    return this.#base;
  }

  /** Bytes of memory in use. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Copies `source[start, end)` to the sequence at `offset`, which is not below `base`. */
  put(offset: number, source: Uint8Array, start: number, end: number): void {
    assert(offset >= this.#base || start === end, "bytes below the window are gone");
    let from = start;
    let to = offset - this.#start;
    while (from < end) {
      const index = Math.floor(to / BLOCK_BYTES);
      const at = to - index * BLOCK_BYTES;
      const length = Math.min(end - from, BLOCK_BYTES - at);
      this.#blockFor(index, at + length).set(source.subarray(from, from + length), at);
      from += length;
      to += length;
    }
  }

  /** Copies `length` bytes from `offset` into `target` at `targetOffset`. */
  copyTo(target: Uint8Array, targetOffset: number, offset: number, length: number): void {
    let from = offset - this.#start;
    let done = 0;
    while (done < length) {
      const index = Math.floor(from / BLOCK_BYTES);
      const at = from - index * BLOCK_BYTES;
      const part = Math.min(length - done, BLOCK_BYTES - at);
      target.set(this.#blocks[index]!.subarray(at, at + part), targetOffset + done);
      done += part;
      from += part;
    }
  }

  /**
   * The block that all `length` bytes from `offset` lie in, at `positionInBlock(offset)`; null when they lie
   * in more than one. Bytes below `base` are there as long as their block is.
   */
  blockOf(offset: number, length: number): Uint8Array | null {
    const at = offset - this.#start;
    if (at < 0) return null;
    const block = this.#blocks[Math.floor(at / BLOCK_BYTES)];
    return block !== undefined && at % BLOCK_BYTES + length <= block.length ? block : null;
  }

  /** Where in its block the byte at `offset` lies. */
  positionInBlock(offset: number): number {
    return (offset - this.#start) % BLOCK_BYTES;
  }

  /** A view of up to `length` bytes at `base`, shorter where a block ends. */
  view(length: number): Uint8Array {
    const at = this.#base - this.#start;
    return this.#blocks.length === 0 ? EMPTY : this.#blocks[0]!.subarray(at, at + length);
  }

  /** Drops everything below `offset`. */
  advance(offset: number): void {
    assert(offset >= this.#base, "a window only moves forward");
    this.#base = offset;
    let left = Math.floor((offset - this.#start) / BLOCK_BYTES);
    if (left === 0) return;
    this.#start += left * BLOCK_BYTES;
    for (; left > 0 && this.#blocks.length > 0; left--) this.#leave(this.#blocks.shift()!);
  }

  /** Gives back the memory that the bytes below `filledEnd` do not need. */
  trim(filledEnd: number): void {
    for (const block of this.#spare) this.#capacity -= block.length;
    this.#spare = [];
    if (filledEnd <= this.#base) this.release();
  }

  /** Gives the memory back; the window stays where it is. */
  release(): void {
    this.#blocks = [];
    this.#spare = [];
    this.#capacity = 0;
  }

  /** The block, with room for so many bytes. */
  #blockFor(index: number, neededBytes: number): Uint8Array {
    const blocks = this.#blocks;
    while (blocks.length <= index) blocks.push(EMPTY);
    const block = blocks[index]!;
    if (block.length >= neededBytes) return block;
    const spare = block.length === 0 ? this.#spare.pop() : undefined;
    if (spare !== undefined) return blocks[index] = spare;
    const grown = new Uint8Array(this.#sizeFor(index, neededBytes));
    grown.set(block);
    this.#capacity += grown.length - block.length;
    return blocks[index] = grown;
  }

  /** Only the sequence's very first block begins small: later ones belong to long sequences. */
  #sizeFor(index: number, neededBytes: number): number {
    if (index > 0) return BLOCK_BYTES;
    let size = INITIAL_BYTES;
    while (size < neededBytes) size *= 2;
    return size;
  }

  #leave(block: Uint8Array): void {
    if (block.length === BLOCK_BYTES && this.#spare.length < SPARE_BLOCKS) this.#spare.push(block);
    else this.#capacity -= block.length;
  }
}
