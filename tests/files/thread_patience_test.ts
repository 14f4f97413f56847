/** Patience with a disk, on a clock that is wound by hand. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { ThreadPatience } from "../../lib/files/thread_patience.ts";

function patienceOf(processors: number) {
  const clock = { nowMs: 1000 };
  const patience = new ThreadPatience({ processors, nowMs: () => clock.nowMs });
  const spend = (tookMs: number) => patience.spend(() => clock.nowMs += tookMs);
  return { clock, patience, spend };
}

Deno.test("ThreadPatience lasts as long as the disk is quick", () => {
  const { patience, spend } = patienceOf(2);
  assertEquals(spend(0.3), 1000.3);
  for (let i = 0; i < 100; i++) spend(4);
  assert(patience.isThere);
});

Deno.test("ThreadPatience pauses for twenty times as long as it waited", () => {
  const { clock, patience, spend } = patienceOf(1);
  spend(200);
  assertFalse(patience.isThere);
  clock.nowMs += 3999;
  assertFalse(patience.isThere);
  clock.nowMs += 1;
  assert(patience.isThere);
  spend(5);
  assertFalse(patience.isThere);
});

Deno.test("ThreadPatience counts the time of what fails", () => {
  const { clock, patience } = patienceOf(1);
  assertThrows(() =>
    patience.spend(() => {
      clock.nowMs += 50;
      throw new RangeError("no");
    }), RangeError);
  assertFalse(patience.isThere);
});

Deno.test("there is no patience where other threads have processors, or nothing measures it", () => {
  assertFalse(patienceOf(3).patience.isThere);
  const clockless = new ThreadPatience({ processors: 1, nowMs: undefined });
  assertFalse(clockless.isThere);
  assertEquals(clockless.spend(() => 7), 7);
});
