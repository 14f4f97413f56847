import { assertEquals, assertRejects } from "@std/assert";
import { DiskFlushes, type LoneFlush } from "../../lib/files/disk_flushes.ts";

/** Files whose flushes end when told; `started` has their numbers in order. */
function slowFiles(count: number) {
  const started: number[] = [];
  const ends = Array.from({ length: count }, () => Promise.withResolvers<void>());
  const files = ends.map(({ promise }, index): LoneFlush => () => {
    started.push(index);
    return promise;
  });
  return { started, ends, files };
}

/** A disk whose common flushes end when told. */
function slowDisk() {
  const flushes: PromiseWithResolvers<void>[] = [];
  const together = () => {
    const flush = Promise.withResolvers<void>();
    flushes.push(flush);
    return flush.promise;
  };
  return { flushes, together };
}

Deno.test("DiskFlushes lets so many run and serves the others in order", async () => {
  const { started, ends, files } = slowFiles(8);
  const flushes = new DiskFlushes({ parallel: 2 });
  const flushed = files.map((file) => flushes.flush(file));
  assertEquals(started, [0, 1]);
  ends[1]!.resolve();
  await flushed[1];
  assertEquals(started, [0, 1, 2]);
  for (const end of ends) end.resolve();
  await Promise.all(flushed);
  assertEquals(started, [0, 1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("DiskFlushes goes on after a flush that failed", async () => {
  const flushes = new DiskFlushes({ parallel: 1 });
  const failed = flushes.flush(() => Promise.reject(new Error("EIO")));
  const next = flushes.flush(() => Promise.resolve());
  await assertRejects(() => failed, Error, "EIO");
  await next;
});

Deno.test("DiskFlushes flushes all that wait together, and who comes meanwhile with the next", async () => {
  const { started, ends, files } = slowFiles(12);
  const disk = slowDisk();
  const flushes = new DiskFlushes({ parallel: 1, together: disk.together });
  const flushed = files.slice(0, 6).map((file) => flushes.flush(file));
  assertEquals([started, disk.flushes.length], [[0], 1], "one alone, then four were waiting");
  const late = files.slice(6).map((file) => flushes.flush(file));
  disk.flushes[0]!.resolve();
  await Promise.all(flushed.slice(1, 5));
  assertEquals(
    [started, disk.flushes.length],
    [[0], 2],
    "what came late waits for a flush of its own",
  );
  disk.flushes[1]!.resolve();
  await Promise.all([flushed[5], ...late]);
  ends[0]!.resolve();
  await flushed[0];
  assertEquals(started, [0]);
});

Deno.test("DiskFlushes asks each file when the common flush fails, and from then on", async () => {
  const { started, ends, files } = slowFiles(10);
  const disk = slowDisk();
  const flushes = new DiskFlushes({ parallel: 1, together: disk.together });
  const flushed = files.slice(0, 5).map((file) => flushes.flush(file));
  for (const [index, end] of ends.entries()) {
    if (index === 3) end.reject(new Error("EIO"));
    else end.resolve();
  }
  disk.flushes[0]!.reject(new Error("syncfs failed"));
  const outcomes = await Promise.allSettled(flushed);
  assertEquals(outcomes.map(({ status }) => status === "fulfilled"), [
    true,
    true,
    true,
    false,
    true,
  ]);
  await Promise.all(files.slice(5).map((file) => flushes.flush(file)));
  assertEquals([started, disk.flushes.length], [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1]);
});

Deno.test("DiskFlushes leaves the disk as a whole alone for a minute after it took long", async () => {
  const { ends, files } = slowFiles(20);
  const disk = slowDisk();
  let nowMs = 0;
  const flushes = new DiskFlushes({ parallel: 1, together: disk.together, nowMs: () => nowMs });
  const flushAll = (from: number) => files.slice(from, from + 5).map((file) => flushes.flush(file));
  for (const end of ends) end.resolve();
  const first = flushAll(0);
  nowMs = 1001;
  disk.flushes[0]!.resolve();
  await Promise.all(first);
  await Promise.all(flushAll(5));
  assertEquals(disk.flushes.length, 1);
  nowMs += 60_000;
  const last = flushAll(10);
  assertEquals(disk.flushes.length, 2);
  disk.flushes[1]!.resolve();
  await Promise.all(last);
});

Deno.test("DiskFlushes does without a common flush where there is none", async () => {
  const { ends, files } = slowFiles(8);
  for (const end of ends) end.resolve();
  const flushes = new DiskFlushes({ parallel: 1, together: () => null });
  await Promise.all(files.map((file) => flushes.flush(file)));
});
