import { assertEquals } from "@std/assert";
import { Alarm } from "../../lib/driver/alarm.ts";
import type { Clock } from "../../lib/driver/clock.ts";
import { TaskGroup } from "../../lib/driver/task_group.ts";

Deno.test("a later moment leaves the timer alone, an earlier one replaces it", async () => {
  const { alarm, timers, rung } = setUp();
  alarm.within(10, 0);
  alarm.within(10, 5);
  assertEquals(timers.map(({ delayMs }) => delayMs), [10], "rings at 10, wanted at 15");
  alarm.within(2, 6);
  assertEquals(timers.map(({ delayMs, state }) => `${delayMs} ${state}`), [
    "10 cancelled",
    "2 set",
  ]);
  timers[1]!.pass();
  await settled();
  assertEquals(rung(), 1);
});

Deno.test("after ringing, or after cancel(), the next moment gets a timer of its own", async () => {
  const { alarm, timers, rung } = setUp();
  alarm.within(10, 0);
  timers[0]!.pass();
  await settled();
  alarm.within(30, 10);
  alarm.cancel();
  await settled();
  alarm.within(40, 10);
  assertEquals(timers.map(({ delayMs, state }) => `${delayMs} ${state}`), [
    "10 passed",
    "30 cancelled",
    "40 set",
  ]);
  assertEquals(rung(), 1, "a cancelled timer does not ring");
});

interface Timer {
  readonly delayMs: number;
  state: "set" | "passed" | "cancelled";
  pass(): void;
}

function setUp() {
  const timers: Timer[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    yieldTurn: () => Promise.resolve(),
    sleep: (delayMs) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (state: "passed" | "cancelled") => {
        timer.state = state;
        resolve();
      };
      const timer: Timer = { delayMs, state: "set", pass: () => end("passed") };
      timers.push(timer);
      return { done: promise, cancel: () => end("cancelled") };
    },
  };
  let count = 0;
  const alarm = new Alarm(clock, new TaskGroup(), () => count++);
  return { alarm, timers, rung: () => count };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}
