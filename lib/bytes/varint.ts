/**
 * Variable-length integers. RFC 9000 §16.
 *
 * The two top bits of the first byte give the length (1, 2, 4 or 8 bytes). Values are JavaScript
 * numbers, so the format's 2^62-1 is limited here to 2^53-1.
 *
 * @module
 */

/** Largest value that is encoded or accepted. */
export const MAX_VARINT: number = Number.MAX_SAFE_INTEGER;

/**
 * Bytes that `value` takes: 1, 2, 4 or 8.
 *
 * @throws {RangeError} when the value is negative, fractional or above 2^53-1.
 */
export function varintLength(value: number): number {
  if (value < 0x40) {
    if (value >= 0 && Number.isInteger(value)) return 1;
  } else if (value <= MAX_VARINT && Number.isInteger(value)) {
    return value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8;
  }
  throw new RangeError(`Cannot encode ${value} as a varint: expected an integer from 0 to 2^53-1`);
}

/**
 * Writes `value` at `offset` and returns the offset behind it. The caller has made sure of the room.
 *
 * @throws {RangeError} when the value cannot be encoded.
 */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  switch (varintLength(value)) {
    case 1:
      bytes[offset] = value;
      return offset + 1;
    case 2:
      bytes[offset] = 0x40 | (value >>> 8);
      bytes[offset + 1] = value;
      return offset + 2;
    case 4:
      bytes[offset] = 0x80 | (value >>> 24);
      bytes[offset + 1] = value >>> 16;
      bytes[offset + 2] = value >>> 8;
      bytes[offset + 3] = value;
      return offset + 4;
    default: {
      const high = Math.floor(value / 0x1_0000_0000);
      const low = value >>> 0;
      bytes[offset] = 0xc0 | (high >>> 24);
      bytes[offset + 1] = high >>> 16;
      bytes[offset + 2] = high >>> 8;
      bytes[offset + 3] = high;
      bytes[offset + 4] = low >>> 24;
      bytes[offset + 5] = low >>> 16;
      bytes[offset + 6] = low >>> 8;
      bytes[offset + 7] = low;
      return offset + 8;
    }
  }
}
