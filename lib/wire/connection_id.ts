/**
 * Connection IDs: 8 random bytes, chosen by the side that receives packets carrying them. RFC 9000 §5.1.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";

/** Bytes of a connection ID. */
export const CONNECTION_ID_BYTES = 8;

/** A connection ID, kept as two 32-bit halves so that comparing costs two integer compares. */
export class ConnectionId {
  /** First four bytes, big-endian. */
  readonly high: number;
  /** Last four bytes, big-endian. */
  readonly low: number;

  /** Makes an ID from its halves (unsigned 32-bit). */
  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  /** The ID in `bytes` at `offset`. */
  static read(bytes: Uint8Array, offset: number): ConnectionId {
    assert(offset + CONNECTION_ID_BYTES <= bytes.length, "a connection ID is 8 bytes");
    return new ConnectionId(readU32(bytes, offset), readU32(bytes, offset + 4));
  }

  /** Writes the 8 bytes at `offset`. */
  write(bytes: Uint8Array, offset: number): void {
    writeU32(bytes, offset, this.high);
    writeU32(bytes, offset + 4, this.low);
  }

  /**
   * A number that tells IDs apart in a `Map`: 52 of the 64 bits. Two IDs may share it, so the finder
   * compares the halves as well.
   */
  get key(): number {
    return (this.high & 0xf_ffff) * 0x1_0000_0000 + this.low;
  }

  /** True when both are the same ID. */
  equals(other: ConnectionId): boolean {
    return this.high === other.high && this.low === other.low;
  }

  /** Sixteen hexadecimal digits. */
  toString(): string {
    return this.high.toString(16).padStart(8, "0") + this.low.toString(16).padStart(8, "0");
  }
}

/** Four bytes, big-endian, as an unsigned number. */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

/** Writes the low 32 bits of `value`, big-endian. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
