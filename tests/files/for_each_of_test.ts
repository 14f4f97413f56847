import { assertEquals, assertRejects } from "@std/assert";
import { forEachOf } from "../../lib/files/for_each_of.ts";

Deno.test("forEachOf() has so many under way at the same time, and does all", async () => {
  let runningCount = 0;
  let mostRunning = 0;
  const done: number[] = [];
  await forEachOf([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    mostRunning = Math.max(mostRunning, ++runningCount);
    await Promise.resolve();
    runningCount--;
    done.push(item);
  });
  assertEquals([mostRunning, done.toSorted()], [3, [1, 2, 3, 4, 5, 6, 7]]);
});

Deno.test("forEachOf() waits for what is under way before it fails, and begins nothing more", async () => {
  const begun: number[] = [];
  const slow = Promise.withResolvers<void>();
  let hasSlowEnded = false;
  const act = async (item: number) => {
    begun.push(item);
    if (item === 2) {
      await slow.promise;
      hasSlowEnded = true;
    }
    if (item === 3) {
      slow.resolve();
      throw new Error("no third");
    }
  };
  await assertRejects(() => forEachOf([1, 2, 3, 4, 5], 2, act), Error, "no third");
  assertEquals([begun, hasSlowEnded], [[1, 2, 3], true]);
});
