/** ByteRing against the whole sequence in memory. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { ByteRing } from "../../lib/collections/byte_ring.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

Deno.test("ByteRing keeps a moving window of any sequence", () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededRandom(seed, "ring");
    const model = random.bytes(200_000);
    const ring = new ByteRing();
    let end = 0;
    while (end < model.length) {
      const length = Math.min(model.length - end, Math.floor(random.logBetween(1, 20_000)));
      ring.put(end, model, end, end + length);
      end += length;
      const at = random.integer(ring.base, end);
      const copyLength = random.below(end - at + 1);
      const copy = new Uint8Array(copyLength + 2);
      ring.copyTo(copy, 1, at, copyLength);
      assertEquals(copy.subarray(1, 1 + copyLength), model.subarray(at, at + copyLength));
      assertEquals([copy[0], copy[copyLength + 1]], [0, 0]);
      assertView(ring, model, end - ring.base);
      assertBlock(ring, model, { at, length: copyLength });
      if (random.chance(0.6)) ring.advance(random.integer(ring.base, end));
    }
  }
});

/** What views show one after another is the window. */
function assertView(ring: ByteRing, model: Uint8Array, length: number): void {
  const view = ring.view(length);
  assertEquals(view, model.subarray(ring.base, ring.base + view.length));
  assert(view.length > 0 || length === 0);
}

/** Bytes in one block are found there; 256 KiB are one block, and this is less. */
function assertBlock(
  ring: ByteRing,
  model: Uint8Array,
  { at, length }: { at: number; length: number },
): void {
  const block = ring.blockOf(at, length);
  const from = ring.positionInBlock(at);
  assert(length === 0 || block !== null);
  if (length > 0) {
    assertEquals(block!.subarray(from, from + length), model.subarray(at, at + length));
  }
}

Deno.test("ByteRing.blockOf() gives no block for bytes in two blocks, or in one that is gone or not filled", () => {
  const blockBytes = 256 * 1024;
  const bytes = Uint8Array.from({ length: 3 * blockBytes }, (_, i) => i % 251);
  const ring = new ByteRing();
  assertEquals(ring.blockOf(0, 1), null);
  ring.put(0, bytes, 0, 2 * blockBytes + 100);
  assertEquals(ring.blockOf(-1, 10), null);
  assertEquals(ring.blockOf(blockBytes - 5, 6), null);
  assertEquals(ring.blockOf(3 * blockBytes, 1), null);
  const last = ring.blockOf(blockBytes - 5, 5)!;
  assertEquals(
    last.subarray(ring.positionInBlock(blockBytes - 5)),
    bytes.subarray(blockBytes - 5, blockBytes),
  );
  const next = ring.blockOf(blockBytes, 5)!;
  assert(next !== last);
  assertEquals([ring.positionInBlock(blockBytes), next[0]], [0, bytes[blockBytes]]);
  // Below the window and still there, then gone with their block.
  ring.advance(blockBytes + 50);
  assertEquals(ring.blockOf(blockBytes, 5), next);
  assertEquals(ring.blockOf(blockBytes - 1, 1), null);
  assertEquals(ring.positionInBlock(2 * blockBytes + 7), 7);
  ring.release();
  assertEquals(ring.blockOf(blockBytes + 50, 1), null);
});

Deno.test("ByteRing takes pieces in any order and keeps them when it grows", () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededRandom(seed, "pieces");
    const size = random.integer(1, 60_000);
    const model = random.bytes(size);
    const ring = new ByteRing();
    ring.advance(2 ** 32 - 7);
    const pieces: [number, number][] = [];
    for (let at = 0; at < size;) {
      const end = Math.min(size, at + random.integer(1, 3000));
      pieces.push([at, end]);
      at = end;
    }
    pieces.sort(() => random.next() - 0.5);
    for (const [start, end] of pieces) {
      ring.put(ring.base + start, model, start, end);
    }
    const copy = new Uint8Array(size);
    ring.copyTo(copy, 0, ring.base, size);
    assertEquals(copy, model, `SEED=${seed}`);
  }
});

Deno.test("ByteRing never goes back and gives its memory away", () => {
  const ring = new ByteRing();
  ring.put(0, new Uint8Array(10_000), 0, 10_000);
  assertEquals(ring.capacity, 16_384);
  ring.advance(100);
  assertThrows(() => ring.advance(99), InternalError);
  assertThrows(() => ring.put(99, new Uint8Array(5), 0, 5), InternalError);
  ring.release();
  assertEquals([ring.capacity, ring.base, ring.view(10).length], [0, 100, 0]);
});
