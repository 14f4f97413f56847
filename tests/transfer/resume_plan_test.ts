import { assertEquals } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import {
  claimableLeaves,
  isResumable,
  LEAVES_COMPARED_FIRST,
  leavesComparedFirst,
  MAX_CLAIMED_LEAVES,
  planResume,
} from "../../lib/transfer/mod.ts";

Deno.test("claimableLeaves() counts whole leaves only, up to its limit", () => {
  assertEquals(
    [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 5 * LEAF_BYTES].map(claimableLeaves),
    [0, 0, 0, 1, 1, 5],
  );
  assertEquals(claimableLeaves(Number.MAX_SAFE_INTEGER), MAX_CLAIMED_LEAVES);
});

Deno.test("isResumable() is true above one leaf", () => {
  assertEquals([0, LEAF_BYTES, LEAF_BYTES + 1].map(isResumable), [false, false, true]);
});

Deno.test("planResume() starts at the first leaf that differs", () => {
  assertEquals(planResume(0, 0), { startLeaf: 0, startOffset: 0, compareUntil: 0 });
  assertEquals(planResume(5, 3), { startLeaf: 3, startOffset: 3 * LEAF_BYTES, compareUntil: 0 });
  assertEquals(planResume(5, 5), { startLeaf: 5, startOffset: 5 * LEAF_BYTES, compareUntil: 0 });
});

Deno.test("planResume() leaves the rest of a long claim for later", () => {
  const long = LEAVES_COMPARED_FIRST + 44;
  assertEquals(leavesComparedFirst(long), LEAVES_COMPARED_FIRST);
  assertEquals(planResume(long, LEAVES_COMPARED_FIRST), {
    startLeaf: long,
    startOffset: long * LEAF_BYTES,
    compareUntil: long,
  });
  assertEquals(planResume(long, 7), {
    startLeaf: 7,
    startOffset: 7 * LEAF_BYTES,
    compareUntil: 0,
  });
});

Deno.test("planResume() keeps offsets exact beyond 32 bits", () => {
  assertEquals(planResume(MAX_CLAIMED_LEAVES, LEAVES_COMPARED_FIRST).startOffset, 2 ** 40);
});
