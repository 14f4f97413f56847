/** The token bucket with literal times: 1 MB/s is 1000 bytes a millisecond. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Pacer } from "../../lib/transport/pacer.ts";

const RATE = { bytesPerSecond: 1e6, quantumBytes: 3000, maxBurstBytes: 100_000 };

Deno.test("the first quantum may leave at once", () => {
  const pacer = new Pacer();
  assertEquals(pacer.allowanceBytes(1000, RATE), 3000);
});

Deno.test("after a quantum the next may leave when the rate has filled it up", () => {
  const pacer = new Pacer();
  pacer.allowanceBytes(1000, RATE);
  pacer.onSent(3000);
  assertEquals(pacer.allowanceBytes(1000, RATE), 0);
  assertEquals(pacer.nextSendMs(), 1003);
  assertEquals(pacer.allowanceBytes(1002, RATE), 0);
  assert(pacer.allowanceBytes(1003, RATE) >= 3000);
});

Deno.test("a burst larger than the credit is paid back", () => {
  const pacer = new Pacer();
  pacer.allowanceBytes(1000, RATE);
  pacer.onSent(10_000);
  assertEquals(pacer.allowanceBytes(1000, RATE), 0);
  assertEquals(pacer.nextSendMs(), 1010);
});

Deno.test("at the moment that nextSendMs() named there is always an allowance", () => {
  const pacer = new Pacer();
  let nowMs = 0.123;
  for (let i = 1; i < 2000; i++) {
    const rate = {
      bytesPerSecond: 12_345_678 / (i % 7 + 1),
      quantumBytes: 1200 + i % 900,
      maxBurstBytes: 1e5,
    };
    const allowance = pacer.allowanceBytes(nowMs, rate);
    if (allowance > 0) pacer.onSent(allowance);
    assertEquals(pacer.allowanceBytes(nowMs, rate), 0);
    nowMs = pacer.nextSendMs();
    assert(pacer.allowanceBytes(nowMs, rate) > 0, `round ${i}`);
  }
});

Deno.test("a stall is caught up, but only so much of it", () => {
  const pacer = new Pacer();
  pacer.allowanceBytes(1000, RATE);
  pacer.onSent(3000);
  assertAlmostEquals(pacer.allowanceBytes(1008, RATE), 8000);
  assertAlmostEquals(pacer.allowanceBytes(2000, RATE), 10_000);
});

Deno.test("the long run keeps the rate", () => {
  const pacer = new Pacer();
  let sent = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 1.7) {
    const allowance = pacer.allowanceBytes(nowMs, RATE);
    if (allowance === 0) continue;
    pacer.onSent(allowance);
    sent += allowance;
  }
  assertAlmostEquals(sent / 10e6, 1, 0.01);
});
