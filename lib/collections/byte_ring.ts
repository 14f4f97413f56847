/**
 * A window of a long byte sequence, kept in a circular buffer that grows when the window does.
 *
 * Bytes are addressed by their offset in the sequence; a sender keeps what is not acknowledged yet,
 * a receiver what has not been read yet. Capacities are powers of two: `offset & (capacity - 1)` is
 * right for every offset below 2^53, because the operator keeps the low 32 bits, and far cheaper
 * than a floating-point remainder.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";

const INITIAL_CAPACITY = 4096;
const EMPTY = new Uint8Array(0);

/** Bytes `[base, base + capacity)` of a sequence; offsets are plain numbers below 2^53. */
export class ByteRing {
  #bytes: Uint8Array = EMPTY;
  #base = 0;

  /** Offset of the first byte that is kept. */
  get base(): number {
    return this.#base;
  }

  /** Bytes of memory in use. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /**
   * Copies `source[start, end)` to the sequence at `offset`, which is not below `base`.
   * `filledEnd` is the end of the bytes that must survive when the ring grows.
   */
  put(offset: number, source: Uint8Array, start: number, end: number, filledEnd: number): void {
    const length = end - start;
    if (length === 0) return;
    assert(offset >= this.#base, "bytes below the window are gone");
    const needed = offset + length - this.#base;
    if (needed > this.#bytes.length) this.#resize(capacityFor(needed), filledEnd);
    const capacity = this.#bytes.length;
    const at = offset & (capacity - 1);
    const room = capacity - at;
    if (length <= room) {
      this.#bytes.set(source.subarray(start, end), at);
    } else {
      this.#bytes.set(source.subarray(start, start + room), at);
      this.#bytes.set(source.subarray(start + room, end), 0);
    }
  }

  /** Copies `length` bytes from `offset` into `target` at `targetOffset`. */
  copyTo(target: Uint8Array, targetOffset: number, offset: number, length: number): void {
    if (length === 0) return;
    const capacity = this.#bytes.length;
    const at = offset & (capacity - 1);
    const room = capacity - at;
    if (length <= room) {
      target.set(this.#bytes.subarray(at, at + length), targetOffset);
    } else {
      target.set(this.#bytes.subarray(at, capacity), targetOffset);
      target.set(this.#bytes.subarray(0, length - room), targetOffset + room);
    }
  }

  /** A view of up to `length` bytes at `base`, shorter where the circle closes. */
  view(length: number): Uint8Array {
    const at = this.#bytes.length === 0 ? 0 : this.#base & (this.#bytes.length - 1);
    return this.#bytes.subarray(at, Math.min(at + length, this.#bytes.length));
  }

  /** Drops everything below `offset`. */
  advance(offset: number): void {
    assert(offset >= this.#base, "a window only moves forward");
    this.#base = offset;
  }

  /** Gives back the memory that the bytes below `filledEnd` do not need. */
  trim(filledEnd: number): void {
    const needed = Math.max(0, filledEnd - this.#base);
    if (needed === 0) this.#bytes = EMPTY;
    else if (capacityFor(needed) < this.#bytes.length) this.#resize(capacityFor(needed), filledEnd);
  }

  /** Gives the memory back; the window stays where it is. */
  release(): void {
    this.#bytes = EMPTY;
  }

  #resize(capacity: number, filledEnd: number): void {
    const grown = new Uint8Array(capacity);
    const old = this.#bytes;
    // Move piece by piece: both circles may close at different places.
    let offset = this.#base;
    while (offset < filledEnd && old.length > 0) {
      const from = offset & (old.length - 1);
      const to = offset & (capacity - 1);
      const length = Math.min(filledEnd - offset, old.length - from, capacity - to);
      grown.set(old.subarray(from, from + length), to);
      offset += length;
    }
    this.#bytes = grown;
  }
}

function capacityFor(needed: number): number {
  let capacity = INITIAL_CAPACITY;
  while (capacity < needed) capacity *= 2;
  return capacity;
}
