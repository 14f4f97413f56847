/**
 * A cursor over received bytes. Every read checks the end; nothing is copied.
 *
 * @module
 */

/** The bytes end too early or hold a value that the format forbids. */
export class TruncatedError extends Error {
  /** Makes the error with what was being read. */
  constructor(message: string) {
    super(message);
    this.name = "TruncatedError";
  }
}

const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads big-endian values one after another from `bytes[start, end)`. */
export class ByteReader {
  /** Offset of the next byte in the underlying array. */
  position: number;
  #bytes: Uint8Array;
  #end: number;

  /** Reads `bytes` from `start` (default 0) up to `end` (default its length). */
  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.position = start;
    this.#end = end;
  }

  /** Points the same reader at other bytes: hot paths keep one reader. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.position = start;
    this.#end = end;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.position;
  }

  /** One byte. Throws {@linkcode TruncatedError}. */
  u8(): number {
    if (this.position >= this.#end) throw new TruncatedError("Expected 1 more byte");
    return this.#bytes[this.position++]!;
  }

  /** Passes over bytes as long as they are `value`. */
  skipRun(value: number): void {
    const [bytes, end] = [this.#bytes, this.#end];
    let at = this.position;
    while (at < end && bytes[at] === value) at++;
    this.position = at;
  }

  /** Two bytes, big-endian. Throws {@linkcode TruncatedError}. */
  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  /** Four bytes, big-endian. Throws {@linkcode TruncatedError}. */
  u32(): number {
    const at = this.#take(4);
    const bytes = this.#bytes;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) |
      bytes[at + 3]!) >>>
      0;
  }

  /** Eight bytes, big-endian. Throws {@linkcode TruncatedError} above 2^53-1 as well. */
  u64(): number {
    const high = this.u32();
    if (high > 0x1f_ffff) throw new TruncatedError("Expected an integer below 2^53");
    return high * 0x1_0000_0000 + this.u32();
  }

  /** A variable-length integer, RFC 9000 §16. Throws {@linkcode TruncatedError} above 2^53-1 as well. */
  varint(): number {
    const first = this.u8();
    switch (first >> 6) {
      case 0:
        return first;
      case 1:
        return ((first & 0x3f) << 8) | this.u8();
      case 2: {
        const at = this.#take(3);
        const bytes = this.#bytes;
        return ((first & 0x3f) * 0x100_0000) +
          ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
      }
      default: {
        const at = this.#take(3);
        const bytes = this.#bytes;
        const high = ((first & 0x3f) * 0x100_0000) +
          ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
        if (high > 0x1f_ffff) throw new TruncatedError("Expected a varint below 2^53");
        return high * 0x1_0000_0000 + this.u32();
      }
    }
  }

  /** A view of the next `length` bytes. Throws {@linkcode TruncatedError}. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A view of everything left, possibly empty. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** The next `length` bytes as UTF-8 text. Throws {@linkcode TruncatedError} for malformed UTF-8 as well. */
  text(length: number): string {
    const bytes = this.bytes(length);
    try {
      return textDecoder.decode(bytes);
    } catch {
      throw new TruncatedError("Expected well-formed UTF-8");
    }
  }

  #take(length: number): number {
    const at = this.position;
    if (length > this.#end - at) {
      throw new TruncatedError(`Expected ${length} more bytes, found ${this.#end - at}`);
    }
    this.position = at + length;
    return at;
  }
}
