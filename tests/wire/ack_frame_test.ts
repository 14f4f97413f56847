/** ACK frames against the set of packet numbers they speak of. RFC 9000 §19.3. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ByteReader, TruncatedError } from "../../lib/bytes/byte_reader.ts";
import { RangeSet } from "../../lib/collections/range_set.ts";
import {
  ACK_TYPE,
  BASE_ACK_RANGES,
  MAX_ACK_RANGES,
  readAckFrame,
  writeAckFrame,
} from "../../lib/wire/ack_frame.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

/** The frame's ranges as the set would list them, newest first. */
function expectedRanges(set: RangeSet, count: number): number[] {
  const ranges: number[] = [];
  for (let i = set.rangeCount - 1; i >= 0 && ranges.length < 2 * count; i--) {
    ranges.push(set.startAt(i), set.endAt(i) - 1);
  }
  return ranges;
}

Deno.test("an ACK reports the newest ranges of any set, as many as there is room for", () => {
  for (let seed = 0; seed < 400; seed++) {
    const random = new SeededRandom(seed, "acks");
    const set = new RangeSet();
    let at = random.chance(0.5) ? random.below(10) : Math.floor(random.next() * 2 ** 50);
    for (let i = random.integer(1, 300); i > 0; i--) {
      const end = at + Math.floor(random.logBetween(1, 10_000));
      set.insert(at, end);
      at = end + Math.floor(random.logBetween(1, 10_000));
    }
    const bytes = new Uint8Array(1500);
    const limit = random.integer(30, 1400);
    const delayUs = random.below(100_000);
    const maxRanges = random.chance(0.3) ? BASE_ACK_RANGES : MAX_ACK_RANGES;
    const end = writeAckFrame(bytes, 7, limit, { received: set, delayUs, lateFrom: 0, maxRanges });
    assert(end <= limit, `SEED=${seed} wrote behind its limit`);
    assertEquals(bytes.subarray(end), new Uint8Array(1500 - end));
    assertEquals(bytes[7], ACK_TYPE);
    const reader = new ByteReader(bytes, 8, end);
    const frame = readAckFrame(reader);
    assertEquals(reader.remaining, 0);
    assertEquals(frame.delayUs, delayUs);
    const count = frame.ranges.length / 2;
    assert(count <= maxRanges);
    assertEquals([...frame.ranges], expectedRanges(set, count), `SEED=${seed}`);
    const wanted = Math.min(set.rangeCount, maxRanges);
    if (limit > 1300 && wanted <= BASE_ACK_RANGES) assertEquals(count, wanted);
    if (count < wanted) assert(end > limit - 16, `SEED=${seed} left ${limit - end} bytes of room`);
  }
});

Deno.test("under the reordering of a fast path an ACK of all ranges fits into the smallest packet", () => {
  const set = new RangeSet();
  for (let i = 0; i < MAX_ACK_RANGES; i++) set.insert(1e9 + 100 * i, 1e9 + 100 * i + 40);
  const bytes = new Uint8Array(1150);
  const maxRanges = MAX_ACK_RANGES;
  const end = writeAckFrame(bytes, 0, bytes.length, {
    received: set,
    delayUs: 100,
    lateFrom: 0,
    maxRanges,
  });
  const { ranges } = readAckFrame(new ByteReader(bytes, 1, end));
  assertEquals([...ranges], expectedRanges(set, MAX_ACK_RANGES));
});

Deno.test("beyond the base ranges an ACK reaches down to the late packets and no further", () => {
  const set = new RangeSet();
  for (let i = 0; i < 200; i++) set.insert(10 * i, 10 * i + 5);
  const bytes = new Uint8Array(1150);
  const countFrom = (lateFrom: number, maxRanges: number): number => {
    const ack = { received: set, delayUs: 0, lateFrom, maxRanges };
    const end = writeAckFrame(bytes, 0, bytes.length, ack);
    return readAckFrame(new ByteReader(bytes, 1, end)).ranges.length / 2;
  };
  assertEquals(countFrom(Infinity, MAX_ACK_RANGES), BASE_ACK_RANGES);
  assertEquals(countFrom(1994, MAX_ACK_RANGES), BASE_ACK_RANGES);
  assertEquals(countFrom(1000, MAX_ACK_RANGES), 100);
  assertEquals(countFrom(1004, MAX_ACK_RANGES), 100);
  assertEquals(countFrom(0, MAX_ACK_RANGES), 200);
  assertEquals(countFrom(0, BASE_ACK_RANGES), BASE_ACK_RANGES);
  assertEquals(countFrom(0, 1), 1);
});

Deno.test("an ACK that does not fit is not written", () => {
  const set = new RangeSet();
  set.insert(100_000, 200_000);
  const bytes = new Uint8Array(50);
  const maxRanges = MAX_ACK_RANGES;
  for (let limit = 10; limit < 20; limit++) {
    const end = writeAckFrame(bytes, 10, limit, {
      received: set,
      delayUs: 70,
      lateFrom: 0,
      maxRanges,
    });
    assert(end === 10 || end <= limit);
  }
  assertEquals(
    writeAckFrame(bytes, 10, 50, {
      received: new RangeSet(),
      delayUs: 0,
      lateFrom: 0,
      maxRanges,
    }),
    10,
  );
});

Deno.test("an ACK with ranges below zero, or too many of them, is refused", () => {
  const read = (...bytes: number[]) => readAckFrame(new ByteReader(Uint8Array.from(bytes)));
  assertThrows(() => read(5, 0, 0, 6), RangeError);
  assertThrows(() => read(5, 0, 1, 0, 4, 0), RangeError);
  assertThrows(() => read(5, 0, 1, 0, 3, 1), RangeError);
  assertEquals([...read(5, 0, 1, 0, 3, 0).ranges], [5, 5, 0, 0]);
  assertThrows(() => read(5, 0, 0x41, 0, 0), RangeError);
  assertThrows(() => read(5, 0, 1, 0), TruncatedError);
});
