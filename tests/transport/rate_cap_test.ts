/** The cap's token bucket with literal times: 1 MB/s is 1000 bytes a millisecond. */
import { assertEquals } from "@std/assert";
import { RateCap } from "../../lib/transport/rate_cap.ts";

Deno.test("RateCap without a cap lets everything through at once", () => {
  const cap = new RateCap(Infinity);
  cap.onSent(1e9);
  assertEquals(cap.allowanceBytes(0, 1200), Infinity);
  assertEquals(cap.nextSendMs(), -Infinity);
  assertEquals(cap.datagramLimit(65_507), 65_507);
});

Deno.test("RateCap lets a quantum go at first, and the next when the rate has paid for it", () => {
  const cap = new RateCap(1e6);
  assertEquals(cap.allowanceBytes(1000, 1200), 2000);
  cap.onSent(2000);
  assertEquals(cap.allowanceBytes(1000, 1200), 0);
  assertEquals(cap.nextSendMs(), 1002);
  assertEquals(cap.allowanceBytes(1002, 1200), 2000);
});

Deno.test("RateCap keeps credit for a late timer, not for an idle hour", () => {
  const cap = new RateCap(1e6);
  cap.allowanceBytes(1000, 1200);
  cap.onSent(2000);
  assertEquals(cap.allowanceBytes(1010, 1200), 10_000);
  assertEquals(cap.allowanceBytes(3_600_000, 1200), 22_000);
});

Deno.test("RateCap is paid back what it could not hold, up to a second", () => {
  const cap = new RateCap(10_000);
  cap.allowanceBytes(0, 1200);
  cap.onSent(1200 + 5000);
  assertEquals(cap.nextSendMs(), 620);
  cap.onSent(1e6);
  assertEquals(cap.nextSendMs(), 1120);
});

Deno.test("RateCap.set() starts afresh after no cap, and never gives more than the new rate", () => {
  const cap = new RateCap(Infinity);
  cap.allowanceBytes(0, 1200);
  cap.set(10_000);
  assertEquals(cap.allowanceBytes(5000, 1200), 1200);
  cap.set(1e6);
  cap.allowanceBytes(6000, 1200);
  cap.set(10_000);
  assertEquals(cap.allowanceBytes(6000, 1200), 1400);
});

Deno.test("RateCap.datagramLimit() keeps datagrams short in time, and never below 1200 bytes", () => {
  assertEquals(new RateCap(20_000).datagramLimit(65_507), 1200);
  assertEquals(new RateCap(1e6).datagramLimit(65_507), 20_000);
  assertEquals(new RateCap(1e6).datagramLimit(1472), 1472);
});
