import { assert, assertEquals } from "@std/assert";
import { ConnectionWatch } from "../../lib/transport/connection_watch.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

/** Counts how often it is asked. */
class FakeConnection {
  deadlineAtMs: number;
  asked = 0;

  constructor(deadlineAtMs: number) {
    this.deadlineAtMs = deadlineAtMs;
  }

  get deadlineMs(): number {
    this.asked++;
    return this.deadlineAtMs;
  }
}

Deno.test("many idle connections are not asked while one is busy", () => {
  const watch = new ConnectionWatch<FakeConnection>();
  const idle = Array.from({ length: 1000 }, (_, i) => new FakeConnection(20_000 + i));
  const busy = new FakeConnection(0);
  const all = [...idle, busy];
  for (const connection of all) watch.onTouched(connection);
  for (let nowMs = 0; nowMs < 900; nowMs++) {
    watch.sort(all, nowMs);
    busy.deadlineAtMs = nowMs + 1;
    watch.onTouched(busy);
    assertEquals(watch.nextDeadlineMs(), nowMs + 1);
  }
  assertEquals(Math.max(...idle.map(({ asked }) => asked)), 1);
  assertEquals(watch.near.size, 1);
});

Deno.test("no deadline is missed, whichever way deadlines move", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new SeededRandom(seed, "watch");
    const watch = new ConnectionWatch<FakeConnection>();
    let all = Array.from({ length: 20 }, () => new FakeConnection(random.below(40_000)));
    for (const connection of all) watch.onTouched(connection);
    for (let nowMs = 0; nowMs < 60_000; nowMs += random.integer(1, 800)) {
      watch.sort(all, nowMs);
      const due = all.filter(({ deadlineAtMs }) => deadlineAtMs <= nowMs);
      for (const connection of due) {
        assert(watch.near.has(connection), `${seed}: due at ${nowMs}`);
        connection.deadlineAtMs = nowMs + random.integer(1, 40_000);
      }
      const touched = random.pick(all);
      touched.deadlineAtMs = nowMs + random.integer(1, 3000);
      watch.onTouched(touched);
      if (random.chance(0.05) && all.length > 1) {
        const gone = random.pick(all);
        all = all.filter((connection) => connection !== gone);
        watch.remove(gone);
        watch.sort(all, nowMs);
        assertEquals(watch.nextDeadlineMs(), Math.min(...all.map((one) => one.deadlineAtMs)));
      }
      const earliestMs = Math.min(...all.map(({ deadlineAtMs }) => deadlineAtMs));
      assert(watch.nextDeadlineMs() <= earliestMs, `${seed}: early enough at ${nowMs}`);
    }
  }
});

Deno.test("one that has no deadline any more stays in sight until it is taken away", () => {
  const watch = new ConnectionWatch<FakeConnection>();
  const ended = new FakeConnection(Infinity);
  const idle = new FakeConnection(30_000);
  watch.sort([ended, idle], 0);
  assertEquals([...watch.near], [ended]);
  watch.remove(ended);
  watch.remove(idle);
  watch.sort([], 0);
  assertEquals([watch.near.size, watch.nextDeadlineMs()], [0, Infinity]);
});
