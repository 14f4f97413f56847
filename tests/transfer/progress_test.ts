import { assertEquals } from "@std/assert";
import { Progress, PROGRESS_STEP_BYTES, ProgressSteps } from "../../lib/transfer/mod.ts";

Deno.test("ProgressSteps reports once for 64 KiB, and the end", () => {
  const reports: number[] = [];
  const steps = new ProgressSteps({
    totalBytes: 200_000,
    startBytes: 10_000,
    report: (bytes) => reports.push(bytes),
  });
  for (let bytes = 11_000; bytes <= 200_000; bytes += 1000) steps.reach(bytes);
  steps.reach(200_000);
  assertEquals(reports, [
    76_000,
    142_000,
    200_000,
  ]);
  assertEquals(PROGRESS_STEP_BYTES, 65_536);
});

Deno.test("Progress knows rate and remaining time from what it is told", () => {
  const progress = new Progress({ totalBytes: 10_000, startBytes: 2000, nowMs: 5000 });
  assertEquals([progress.rateBytesPerSecond, progress.remainingSeconds], [0, null]);
  progress.update(4000, 7000);
  assertEquals(progress.bytes, 4000);
  assertEquals(progress.fraction, 0.4);
  assertEquals(progress.elapsedSeconds, 2);
  assertEquals(progress.rateBytesPerSecond, 1000);
  assertEquals(progress.remainingSeconds, 6);
});

Deno.test("Progress forgets the rate of long ago", () => {
  const progress = new Progress({ totalBytes: 1e9, startBytes: 0, nowMs: 0 });
  for (let second = 1; second <= 10; second++) progress.update(second * 1_000_000, second * 1000);
  for (let second = 11; second <= 30; second++) {
    progress.update(10_000_000 + (second - 10) * 1000, second * 1000);
  }
  assertEquals(Math.round(progress.rateBytesPerSecond), 1000);
});

Deno.test("Progress keeps few moments, however often it is told", () => {
  const progress = new Progress({ totalBytes: 1e9, startBytes: 0, nowMs: 0 });
  for (let tick = 1; tick <= 100_000; tick++) progress.update(tick * 100, tick / 10);
  assertEquals(Math.round(progress.rateBytesPerSecond), 1_000_000);
});

Deno.test("Progress of an empty file is complete", () => {
  assertEquals(new Progress({ totalBytes: 0, startBytes: 0, nowMs: 0 }).fraction, 1);
});
