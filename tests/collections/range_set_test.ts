/** RangeSet against a plain set of integers. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { RangeSet } from "../../lib/collections/range_set.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

function rangesOf(set: RangeSet): [number, number][] {
  return Array.from({ length: set.rangeCount }, (_, i) => [set.startAt(i), set.endAt(i)]);
}

function setOf(...ranges: [number, number][]): RangeSet {
  const set = new RangeSet();
  for (const [start, end] of ranges) set.insert(start, end);
  return set;
}

Deno.test("RangeSet.insert() joins ranges that touch", () => {
  assertEquals(rangesOf(setOf([0, 2], [4, 6], [2, 4])), [[0, 6]]);
  assertEquals(rangesOf(setOf([4, 6], [0, 2])), [[0, 2], [4, 6]]);
  assertEquals(rangesOf(setOf([0, 1], [2, 3], [4, 5], [1, 5])), [[0, 5]]);
});

Deno.test("RangeSet.remove() cuts a range in two", () => {
  const set = setOf([0, 10]);
  assertEquals(set.remove(3, 5), 2);
  assertEquals(rangesOf(set), [[0, 3], [5, 10]]);
});

Deno.test("RangeSet.insert() of nothing is a mistake of ours", () => {
  assertThrows(() => new RangeSet().insert(4, 4), InternalError);
});

Deno.test("an empty RangeSet has no edges", () => {
  const set = new RangeSet();
  assertEquals([set.firstStart, set.firstEnd, set.lastEnd], [NaN, NaN, NaN]);
  assertEquals([set.isEmpty, set.has(0)], [true, false]);
  assertThrows(() => set.removeFirst(), InternalError);
});

Deno.test("RangeSet does what a set of integers does, whatever is done to it", () => {
  for (let seed = 0; seed < 150; seed++) {
    const random = new SeededRandom(seed, "ranges");
    const set = new RangeSet();
    const model = new Set<number>();
    for (let step = 0; step < 120; step++) {
      const start = random.below(80);
      const end = start + random.integer(1, 15);
      const before = model.size;
      switch (random.below(5)) {
        case 0:
        case 1:
        case 2:
          for (let n = start; n < end; n++) model.add(n);
          assertEquals(set.insert(start, end), model.size - before, `SEED=${seed} insert`);
          break;
        case 3:
          for (let n = start; n < end; n++) model.delete(n);
          assertEquals(set.remove(start, end), before - model.size, `SEED=${seed} remove`);
          break;
        case 4:
          if (!set.isEmpty && random.chance(0.3)) {
            for (let n = set.firstStart; n < set.firstEnd; n++) model.delete(n);
            set.removeFirst();
          }
          break;
      }
      assertSame(set, model, `SEED=${seed} step ${step}`);
    }
  }
});

function assertSame(set: RangeSet, model: Set<number>, message: string): void {
  let previousEnd = -1;
  let totalLength = 0;
  for (const [start, end] of rangesOf(set)) {
    // Ranges that touch would be one.
    assert(start > previousEnd && end > start, message);
    previousEnd = end;
    totalLength += end - start;
  }
  assertEquals(totalLength, model.size, message);
  for (let n = 0; n < 100; n++) assertEquals(set.has(n), model.has(n), `${message}: ${n}`);
}

Deno.test("RangeSet is right far above 2^32", () => {
  const base = 2 ** 52;
  const set = setOf([base, base + 2], [base + 4, base + 6]);
  set.insert(base + 2, base + 4);
  assertEquals(rangesOf(set), [[base, base + 6]]);
  assertEquals([set.has(base + 5), set.has(base + 6)], [true, false]);
});
