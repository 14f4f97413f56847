/** A writer that grows and one that cannot. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";

Deno.test("a growing writer keeps what was written, whatever it began with", () => {
  for (const capacity of [0, 1, 7, 4096]) {
    const writer = new ByteWriter(capacity);
    for (let i = 0; i < 1000; i++) writer.u8(i & 0xff);
    assertEquals(writer.length, 1000);
    assertEquals(writer.finish(), Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff));
  }
});

Deno.test("a fixed writer fills exactly its buffer and refuses the byte after it", () => {
  const target = new Uint8Array(4);
  const writer = new ByteWriter(target);
  assertStrictEquals(writer.u16(0x0102).u16(0x0304).finish().buffer, target.buffer);
  assertEquals(target, Uint8Array.of(1, 2, 3, 4));
  assertThrows(() => writer.u8(5), RangeError, "Cannot write 1 bytes: 0 left");
  assertEquals(writer.length, 4);
});

Deno.test("a write that does not fit leaves a fixed buffer as it was", () => {
  const target = new Uint8Array(5);
  const writer = new ByteWriter(target).u8(9);
  assertThrows(() => writer.varint(2 ** 40), RangeError);
  assertThrows(() => writer.bytes(new Uint8Array(5)), RangeError);
  assertEquals([writer.length, ...target], [1, 9, 0, 0, 0, 0]);
});

Deno.test("64 bits keep all their digits", () => {
  assertEquals(
    new ByteWriter().u64(Number.MAX_SAFE_INTEGER).finish(),
    Uint8Array.of(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  );
});
