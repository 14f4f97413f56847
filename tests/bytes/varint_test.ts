/** Variable-length integers against RFC 9000 §A.1 and a plain model. */
import { assertEquals, assertThrows } from "@std/assert";
import { ByteReader, TruncatedError } from "../../lib/bytes/byte_reader.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { MAX_VARINT, varintLength, writeVarint } from "../../lib/bytes/varint.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g)!, (b) => parseInt(b, 16));

// RFC 9000 §A.1. The first one, 151 288 809 941 952 652, is above 2^53 - 1: see the next test.
for (
  const [text, value] of [
    ["9d7f3e7d", 494_878_333],
    ["7bbd", 15_293],
    ["25", 37],
  ] as const
) {
  Deno.test(`varint ${value} is coded as in RFC 9000 A.1`, () => {
    assertEquals(new ByteReader(hex(text)).varint(), value);
    assertEquals(new ByteWriter().varint(value).finish(), hex(text));
  });
}

Deno.test("the RFC's eight-byte example is refused, because it is above 2^53-1", () => {
  assertThrows(() => new ByteReader(hex("c2197c5eff14e88c")).varint(), TruncatedError);
});

Deno.test("a value may take more bytes than it needs", () => {
  for (const text of ["25", "4025", "80000025", "c000000000000025"]) {
    assertEquals(new ByteReader(hex(text)).varint(), 37);
  }
});

Deno.test("the largest varint is 2^53-1 and the next is refused", () => {
  const reader = new ByteReader(hex("c01fffffffffffff"));
  assertEquals(reader.varint(), MAX_VARINT);
  assertThrows(() => new ByteReader(hex("c020000000000000")).varint(), TruncatedError);
});

Deno.test("varintLength() changes at the four borders", () => {
  const lengths = [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, MAX_VARINT].map(varintLength);
  assertEquals(lengths, [1, 1, 2, 2, 4, 4, 8, 8]);
});

Deno.test("what is no integer from 0 to 2^53-1 cannot be written", () => {
  for (const value of [-1, 0.5, 64.5, NaN, Infinity, -Infinity, MAX_VARINT + 1]) {
    assertThrows(() => varintLength(value), RangeError, undefined);
    assertThrows(() => writeVarint(new Uint8Array(8), 0, value), RangeError);
  }
});

Deno.test("every varint is read back and nothing around it is touched", () => {
  const random = new SeededRandom(1, "varint");
  for (let i = 0; i < 5000; i++) {
    const value = Math.floor(random.next() * 2 ** random.integer(1, 53));
    const bytes = new Uint8Array(12).fill(0xaa);
    const end = writeVarint(bytes, 2, value);
    assertEquals(end - 2, varintLength(value));
    const reader = new ByteReader(bytes, 2, end);
    assertEquals([reader.varint(), reader.remaining], [value, 0]);
    const around = [bytes[0], bytes[1], ...bytes.subarray(end)];
    assertEquals(around, around.map(() => 0xaa));
  }
});

Deno.test("a varint that ends too early is refused at every cut", () => {
  for (const value of [100, 20_000, 2 ** 31, 2 ** 40]) {
    const bytes = new ByteWriter().varint(value).finish();
    for (let end = 0; end < bytes.length; end++) {
      assertThrows(() => new ByteReader(bytes, 0, end).varint(), TruncatedError);
    }
  }
});
