import { assertEquals, assertRejects } from "@std/assert";
import { FlushLimit } from "../../lib/files/flush_limit.ts";

Deno.test("FlushLimit.run() lets so many run and serves the others in order", async () => {
  const limit = new FlushLimit(2);
  const started: number[] = [];
  const ends = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const runs = ends.map((end, index) =>
    limit.run(() => {
      started.push(index);
      return end.promise;
    })
  );
  assertEquals(started, [0, 1]);
  ends[1]!.resolve();
  await runs[1];
  assertEquals(started, [0, 1, 2]);
  for (const end of ends) end.resolve();
  await Promise.all(runs);
  assertEquals(started, [0, 1, 2, 3]);
});

Deno.test("FlushLimit.run() goes on after a flush that failed", async () => {
  const limit = new FlushLimit(1);
  const failed = limit.run(() => Promise.reject(new Error("EIO")));
  const next = limit.run(() => Promise.resolve());
  await assertRejects(() => failed, Error, "EIO");
  await next;
});
