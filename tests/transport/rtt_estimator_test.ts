/** RFC 9002 §5 and §6.2.1 with literal times. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { RttEstimator } from "../../lib/transport/rtt_estimator.ts";

Deno.test("before the first sample the RTT is the RFC's 333 ms", () => {
  const rtt = new RttEstimator();
  assertEquals([rtt.smoothedMs, rtt.varianceMs, rtt.hasSample], [333, 166.5, false]);
  assertEquals(rtt.ptoMs(0), 333 + 4 * 166.5);
});

Deno.test("the first sample is taken as it is", () => {
  const rtt = new RttEstimator();
  rtt.onSample(100, 50, 0);
  assertEquals([rtt.latestMs, rtt.smoothedMs, rtt.varianceMs, rtt.minMs], [100, 100, 50, 100]);
});

Deno.test("later samples weigh an eighth, their distance a quarter", () => {
  const rtt = new RttEstimator();
  rtt.onSample(100, 0, 0);
  rtt.onSample(180, 0, 0);
  assertAlmostEquals(rtt.varianceMs, 0.75 * 50 + 0.25 * 80);
  assertAlmostEquals(rtt.smoothedMs, 110);
});

Deno.test("the peer's delay is subtracted unless that would go below the minimum", () => {
  const rtt = new RttEstimator();
  rtt.onSample(100, 0, 0);
  rtt.onSample(130, 20, 0);
  assertAlmostEquals(rtt.smoothedMs, 0.875 * 100 + 0.125 * 110);
  const before = rtt.smoothedMs;
  rtt.onSample(105, 20, 0);
  assertAlmostEquals(rtt.smoothedMs, 0.875 * before + 0.125 * 105);
  assertEquals(rtt.minMs, 100);
});

Deno.test("an assumed RTT is replaced by the first sample", () => {
  const rtt = new RttEstimator();
  rtt.assume(5000);
  assertEquals([rtt.smoothedMs, rtt.hasSample, rtt.minMs], [5000, false, Infinity]);
  rtt.onSample(20, 0, 0);
  assertEquals([rtt.smoothedMs, rtt.varianceMs, rtt.minMs], [20, 10, 20]);
});

Deno.test("a probe timeout has a floor against busy machines", () => {
  const rtt = new RttEstimator();
  rtt.onSample(0.1, 0, 0);
  assertEquals(rtt.ptoMs(5), 15);
  assertEquals(rtt.ptoMs(40), 0.1 + 2 + 40);
});

Deno.test("the minimum is that of the last minute or so", () => {
  const rtt = new RttEstimator();
  rtt.onSample(20, 0, 0);
  for (let nowMs = 1000; nowMs <= 59_000; nowMs += 1000) rtt.onSample(28, 0, nowMs);
  assertEquals(rtt.minMs, 20);
  for (let nowMs = 60_000; nowMs <= 90_000; nowMs += 1000) rtt.onSample(28, 0, nowMs);
  assertEquals(rtt.minMs, 28);
});

Deno.test("a path that may be longer keeps its smoothed RTT, another path nothing", () => {
  const rtt = new RttEstimator();
  rtt.onSample(20, 0, 0);
  rtt.forgetMinimum();
  assertEquals([rtt.minMs, rtt.smoothedMs, rtt.hasSample], [Infinity, 20, true]);
  rtt.onSample(100, 0, 10);
  assertEquals([rtt.minMs, rtt.smoothedMs], [100, 30]);
  rtt.reset();
  assertEquals([rtt.minMs, rtt.smoothedMs, rtt.varianceMs], [Infinity, 333, 166.5]);
  assertEquals([rtt.latestMs, rtt.hasSample], [NaN, false]);
  rtt.onSample(60, 0, 20);
  assertEquals([rtt.minMs, rtt.smoothedMs, rtt.varianceMs], [60, 60, 30]);
});
