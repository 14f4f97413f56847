/**
 * Writes big-endian values one after another, into a fixed buffer or one that grows.
 *
 * @module
 */
import { varintLength, writeVarint } from "./varint.ts";

const textEncoder = new TextEncoder();

/** The mirror of `ByteReader`. Every method returns the writer. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;
  #isFixed: boolean;

  /** Writes into `target` when it is an array; otherwise into an own buffer that grows from `target` bytes. */
  constructor(target: Uint8Array | number = 256) {
    this.#isFixed = typeof target !== "number";
    this.#bytes = typeof target === "number" ? new Uint8Array(target) : target;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** One byte. Throws `RangeError` when a fixed buffer is full, like all writes. */
  u8(value: number): this {
    // Apart, because reserving may replace the buffer.
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  /** Two bytes, big-endian. */
  u16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  /** Four bytes, big-endian. */
  u32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
    return this;
  }

  /** Eight bytes, big-endian; the value is below 2^53. */
  u64(value: number): this {
    return this.u32(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
  }

  /** A variable-length integer, RFC 9000 §16. */
  varint(value: number): this {
    const at = this.#reserve(varintLength(value));
    writeVarint(this.#bytes, at, value);
    return this;
  }

  /** Raw bytes, without a length. */
  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** UTF-8 text, without a length. */
  text(value: string): this {
    return this.bytes(textEncoder.encode(value));
  }

  /** A view of what was written. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): number {
    const at = this.#length;
    const end = at + count;
    if (end > this.#bytes.length) {
      if (this.#isFixed) {
        throw new RangeError(`Cannot write ${count} bytes: ${this.#bytes.length - at} left`);
      }
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }
}
