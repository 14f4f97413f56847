import { assertEquals, assertRejects } from "@std/assert";
import { leafHash, plainLeaves } from "../../lib/crypto/mod.ts";
import { FileError } from "../../lib/files/mod.ts";
import { HeldLeavesCheck } from "../../lib/files/held_leaves_check.ts";

const COUNT = 100;
const BYTES = 16;
const LEAVES = Array.from({ length: COUNT }, (_, index) => leafHash(index, content(index)));

function content(index: number): Uint8Array {
  return new Uint8Array(BYTES).fill(index);
}

/** A part of tiny leaves, of which some are wrong, and the indexes that were read. */
function held(wrong: readonly number[]) {
  const read: number[] = [];
  return {
    read,
    leaves: LEAVES,
    part: {
      hasher: plainLeaves,
      leaves: LEAVES,
      isStopped: () => false,
      // deno-lint-ignore require-await
      read: async (buffer: Uint8Array, offset: number) => {
        const index = offset / (1 << 20);
        read.push(index);
        buffer.set(content(wrong.includes(index) ? 255 : index));
        return BYTES;
      },
    },
  };
}

Deno.test("HeldLeavesCheck claims everything once the last leaves are right, and checks the rest", async () => {
  const { part, read } = held([]);
  const check = await HeldLeavesCheck.start(part);
  assertEquals(check.count, COUNT);
  assertEquals(await check.trueCount(), COUNT);
  assertEquals(read.toSorted((a, b) => a - b), LEAVES.map((_, index) => index));
});

Deno.test("HeldLeavesCheck claims what is before the first wrong leaf when that is among the last", async () => {
  for (const wrong of [[99], [60, 70], [36, 5]]) {
    const check = await HeldLeavesCheck.start(held(wrong).part);
    assertEquals([check.count, await check.trueCount()], Array(2).fill(Math.min(...wrong)));
  }
});

Deno.test("HeldLeavesCheck finds a wrong leaf far in front, later", async () => {
  const check = await HeldLeavesCheck.start(held([0]).part);
  assertEquals([check.count, await check.trueCount()], [COUNT, 0]);
});

Deno.test("HeldLeavesCheck throws what the disk reports when asked, and can be stopped before", async () => {
  const { part } = held([]);
  const read = (buffer: Uint8Array, offset: number) =>
    offset === 0 ? Promise.reject(new Error("EIO")) : part.read(buffer, offset);
  const check = await HeldLeavesCheck.start({ ...part, read });
  await check.stop();
  await assertRejects(() => check.trueCount(), Error, "EIO");
});

Deno.test("HeldLeavesCheck that was ended knows nothing of the leaves", async () => {
  // Among the last leaves, then among all of them because of a wrong one, then in the background.
  for (const [stopAfter, wrong] of [[10, []], [70, [99]], [80, []]] as const) {
    let asked = 0;
    const isStopped = () => asked++ >= stopAfter;
    const work = async () => {
      return await (await HeldLeavesCheck.start({ ...held(wrong).part, isStopped })).trueCount();
    };
    assertEquals((await assertRejects(work, FileError)).kind, "cancelled", String(stopAfter));
  }
});

Deno.test("HeldLeavesCheck that is complete stays true when it is ended afterwards", async () => {
  let isOver = false;
  const check = await HeldLeavesCheck.start({ ...held([3]).part, isStopped: () => isOver });
  assertEquals(await check.trueCount(), 3);
  isOver = true;
  assertEquals(await check.trueCount(), 3);
});

Deno.test("HeldLeavesCheck.ofRead() has nothing left to check", async () => {
  const check = HeldLeavesCheck.ofRead(5);
  assertEquals([check.count, await check.trueCount()], [5, 5]);
  await check.stop();
});
