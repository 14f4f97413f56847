import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../lib/driver/clock.ts";

Deno.test("nowMs() never goes back", () => {
  let before = systemClock.nowMs();
  for (let i = 0; i < 1000; i++) {
    const now = systemClock.nowMs();
    assert(now >= before);
    before = now;
  }
});

Deno.test("sleep() ends by itself", async () => {
  const before = systemClock.nowMs();
  await systemClock.sleep(1).done;
  assert(systemClock.nowMs() > before);
  await systemClock.sleep(-5).done;
});

Deno.test("a cancelled sleep ends at once and leaves no timer", async () => {
  const sleep = systemClock.sleep(3_600_000);
  sleep.cancel();
  await sleep.done;
  sleep.cancel();
});

Deno.test("a sleep longer than timers can be does not end at once", async () => {
  const sleep = systemClock.sleep(Infinity);
  const outcome = await Promise.race([
    sleep.done.then(() => "slept"),
    systemClock.sleep(5).done.then(() => "still sleeping"),
  ]);
  assertEquals(outcome, "still sleeping");
  sleep.cancel();
});

Deno.test("yieldTurn() lets work that is ready go first", async () => {
  const order: string[] = [];
  const turn = systemClock.yieldTurn().then(() => order.push("turn"));
  await Promise.resolve().then(() => order.push("microtask"));
  await turn;
  assertEquals(order, ["microtask", "turn"]);
});
