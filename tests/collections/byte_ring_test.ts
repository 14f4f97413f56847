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
