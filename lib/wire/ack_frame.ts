/**
 * The ACK frame. RFC 9000 §19.3, layout and gap coding as there; the delay is in microseconds.
 *
 * @module
 */
import type { ByteReader } from "../bytes/byte_reader.ts";
import { varintLength, writeVarint } from "../bytes/varint.ts";
import type { RangeSet } from "../collections/range_set.ts";

/** Frame type. */
export const ACK_TYPE = 0x02;
/**
 * Most ranges that one ACK reports: under strong reordering a late packet splits a range far behind the newest
 * one, and a range that no ACK reaches counts as lost. A walk over so many costs less than its bytes.
 */
export const MAX_ACK_RANGES = 256;
/** What every version reads; a peer that reads more says so in its transport parameters. */
export const BASE_ACK_RANGES = 64;

/** A decoded ACK. */
export interface AckFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "ack";
  /** How long the receiver held the largest acknowledged packet, microseconds. */
  readonly delayUs: number;
  /** `[smallest, largest]` pairs, both inclusive, newest first, flattened. */
  readonly ranges: Float64Array;
}

/**
 * Writes an ACK of the newest ranges at `offset` and returns the offset behind it, or `offset` itself
 * when not even the newest range fits before `limit`.
 *
 * There are up to `maxRanges` ranges of them, but beyond {@linkcode BASE_ACK_RANGES} only down to packet `lateFrom`:
 * every loss leaves a gap for ever, and old ones are not worth their bytes.
 */
export function writeAckFrame(
  bytes: Uint8Array,
  offset: number,
  limit: number,
  ack: { received: RangeSet; delayUs: number; lateFrom: number; maxRanges: number },
): number {
  const { received, delayUs, lateFrom, maxRanges } = ack;
  let index = received.rangeCount - 1;
  if (index < 0) return offset;
  const largest = received.endAt(index) - 1;
  const firstLength = largest - received.startAt(index);
  const furtherLimit = Math.min(index, maxRanges - 1);
  // The count is known last and stands first: its length is chosen by what it may become.
  const countBytes = varintLength(furtherLimit);
  let at = offset + 1 + varintLength(largest) + varintLength(delayUs) + countBytes;
  if (at + varintLength(firstLength) > limit) return offset;
  bytes[offset] = ACK_TYPE;
  const countAt = writeVarint(bytes, writeVarint(bytes, offset + 1, largest), delayUs);
  at = writeVarint(bytes, at, firstLength);
  let count = 0;
  let smallest = received.startAt(index);
  for (index--; count < furtherLimit; index--) {
    const end = received.endAt(index) - 1;
    if (count >= BASE_ACK_RANGES - 1 && end < lateFrom) break;
    const gap = smallest - end - 2;
    const length = end - received.startAt(index);
    if (at + varintLength(gap) + varintLength(length) > limit) break;
    at = writeVarint(bytes, at, gap);
    at = writeVarint(bytes, at, length);
    smallest = received.startAt(index);
    count++;
  }
  if (countBytes === 2) bytes[countAt] = 0x40 | count >> 8;
  bytes[countAt + countBytes - 1] = count & 0xff;
  return at;
}

/**
 * Reads an ACK behind its type byte.
 *
 * @throws {TruncatedError} when the bytes end, `RangeError` when a range goes below zero or there are
 * more of them than allowed.
 */
export function readAckFrame(reader: ByteReader): AckFrame {
  const largest = reader.varint();
  const delayUs = reader.varint();
  const count = reader.varint();
  if (count >= MAX_ACK_RANGES) throw new RangeError("Expected at most 256 ACK ranges");
  const ranges = new Float64Array((count + 1) * 2);
  let smallest = largest - reader.varint();
  ranges[0] = smallest;
  ranges[1] = largest;
  for (let i = 1; i <= count; i++) {
    const end = smallest - reader.varint() - 2;
    smallest = end - reader.varint();
    ranges[i * 2] = smallest;
    ranges[i * 2 + 1] = end;
  }
  if (smallest < 0) throw new RangeError("Expected ACK ranges above zero");
  return { kind: "ack", delayUs, ranges };
}
