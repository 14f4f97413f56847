import { assert, assertEquals, assertRejects } from "@std/assert";
import { OpenPartsLimit } from "../../lib/files/open_parts_limit.ts";

const noDescriptors = () => Object.assign(new Error("EMFILE"), { code: "EMFILE" });

Deno.test("OpenPartsLimit waits for descriptors that other parts hold", async () => {
  const limit = new OpenPartsLimit(10);
  let free = 3;
  const task = async () => {
    if (free === 0) throw noDescriptors();
    free--;
    await Promise.resolve();
    free++;
  };
  await Promise.all(Array.from({ length: 50 }, () => limit.run(task)));
  assertEquals(free, 3);
});

Deno.test("OpenPartsLimit grows back slowly once there are descriptors again", async () => {
  const limit = new OpenPartsLimit(10);
  let free = 3;
  let runningCount = 0;
  const task = async () => {
    if (free === 0) throw noDescriptors();
    free--;
    runningCount++;
    mostCount = Math.max(mostCount, runningCount);
    await Promise.resolve();
    runningCount--;
    free++;
  };
  let mostCount = 0;
  await Promise.all(Array.from({ length: 20 }, () => limit.run(task)));
  assertEquals(mostCount, 3);
  free = 100;
  await Promise.all(Array.from({ length: 20 }, () => limit.run(task)));
  assert(mostCount < 6, `${mostCount} at a time at once`);
  await Promise.all(Array.from({ length: 300 }, () => limit.run(task)));
  assertEquals([mostCount, runningCount, free], [10, 0, 100]);
});

Deno.test("OpenPartsLimit gives up when nobody else holds any", async () => {
  const limit = new OpenPartsLimit(10);
  const failed = Array.from({ length: 4 }, () => limit.run(() => Promise.reject(noDescriptors())));
  const outcomes = await Promise.allSettled(failed);
  assertEquals(outcomes.map(({ status }) => status), Array(4).fill("rejected"));
  await assertRejects(() => limit.run(() => Promise.reject(new Error("EIO"))), Error, "EIO");
  await limit.run(() => Promise.resolve());
});
