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
/** Newest ranges that one ACK reports; with an ACK every few packets each fate is repeated often. */
export const MAX_ACK_RANGES = 64;

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
 */
export function writeAckFrame(
  bytes: Uint8Array,
  offset: number,
  limit: number,
  ack: { received: RangeSet; delayUs: number },
): number {
  const { received, delayUs } = ack;
  let index = received.rangeCount - 1;
  if (index < 0) return offset;
  const largest = received.endAt(index) - 1;
  const firstLength = largest - received.startAt(index);
  // The range count is written as one byte: 63 further ranges at most.
  let at = offset + 1;
  if (at + varintLength(largest) + varintLength(delayUs) + 1 + varintLength(firstLength) > limit) {
    return offset;
  }
  bytes[offset] = ACK_TYPE;
  at = writeVarint(bytes, at, largest);
  at = writeVarint(bytes, at, delayUs);
  const countAt = at++;
  at = writeVarint(bytes, at, firstLength);
  let count = 0;
  let smallest = received.startAt(index);
  for (index--; index >= 0 && count < MAX_ACK_RANGES - 1; index--) {
    const end = received.endAt(index) - 1;
    const gap = smallest - end - 2;
    const length = end - received.startAt(index);
    if (at + varintLength(gap) + varintLength(length) > limit) break;
    at = writeVarint(bytes, at, gap);
    at = writeVarint(bytes, at, length);
    smallest = received.startAt(index);
    count++;
  }
  bytes[countAt] = count;
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
  if (count >= MAX_ACK_RANGES) throw new RangeError("Expected at most 64 ACK ranges");
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
