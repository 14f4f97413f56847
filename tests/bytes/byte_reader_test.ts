/** Reading back what was written, and refusing everything beyond the end. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ByteReader, TruncatedError } from "../../lib/bytes/byte_reader.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

type Field = readonly [kind: "u8" | "u16" | "u32" | "u64" | "varint", value: number];

const BITS = { u8: 8, u16: 16, u32: 32, u64: 53, varint: 53 } as const;

Deno.test("any sequence of numbers, bytes and text is read back as it was written", () => {
  const random = new SeededRandom(2, "reader");
  for (let round = 0; round < 300; round++) {
    const writer = new ByteWriter(random.integer(1, 40));
    const fields: Field[] = [];
    for (let i = random.below(20); i > 0; i--) {
      const kind = random.pick(Object.keys(BITS) as (keyof typeof BITS)[]);
      const value = Math.floor(random.next() * 2 ** random.integer(1, BITS[kind]));
      fields.push([kind, value]);
      writer[kind](value);
    }
    const tail = random.bytes(random.below(50));
    const bytes = writer.bytes(tail).text("Grüße, 世界").finish();
    const reader = new ByteReader(bytes);
    for (const [kind, value] of fields) assertEquals(reader[kind](), value, kind);
    assertEquals(reader.bytes(tail.length), tail);
    assertEquals(reader.text(reader.remaining), "Grüße, 世界");
    assertEquals(reader.remaining, 0);
  }
});

Deno.test("numbers are big-endian", () => {
  const bytes = Uint8Array.of(0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88);
  assertEquals(new ByteReader(bytes).u8(), 0x01);
  assertEquals(new ByteReader(bytes).u16(), 0x0182);
  assertEquals(new ByteReader(bytes).u32(), 0x01820384);
  assertEquals(new ByteReader(bytes, 4).u32(), 0x05860788);
});

Deno.test("every read beyond the end throws TruncatedError and the next reads go on", () => {
  const bytes = new Uint8Array(3);
  for (const kind of ["u16", "u32", "u64"] as const) {
    const reader = new ByteReader(bytes, 2, 3);
    assertThrows(() => reader[kind](), TruncatedError);
    assertEquals(reader.u8(), 0);
    assertThrows(() => reader.u8(), TruncatedError);
  }
  assertThrows(() => new ByteReader(bytes).bytes(4), TruncatedError);
  assertThrows(() => new ByteReader(bytes).text(4), TruncatedError);
});

Deno.test("a reader of a part sees neither what is before nor what is behind it", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const reader = new ByteReader(bytes, 1, 4);
  assertEquals(reader.remaining, 3);
  assertEquals(reader.rest(), Uint8Array.of(2, 3, 4));
  assertEquals(reader.rest(), new Uint8Array(0));
  reader.reset(bytes, 4, 5);
  assertEquals(reader.u8(), 5);
});

Deno.test("ByteReader.bytes() is a view, not a copy", () => {
  const bytes = new Uint8Array(8);
  assertStrictEquals(new ByteReader(bytes, 2).bytes(3).buffer, bytes.buffer);
});

Deno.test("u64 above 2^53-1 and malformed UTF-8 are refused", () => {
  assertThrows(() => new ByteReader(Uint8Array.of(0, 32, 0, 0, 0, 0, 0, 0)).u64(), TruncatedError);
  assertThrows(() => new ByteReader(Uint8Array.of(0xc3, 0x28)).text(2), TruncatedError);
  assertThrows(() => new ByteReader(Uint8Array.of(0xed, 0xa0, 0x80)).text(3), TruncatedError);
});

Deno.test("a byte order mark is text like any other", () => {
  assertEquals(new ByteReader(Uint8Array.of(0xef, 0xbb, 0xbf)).text(3), "\ufeff");
});
