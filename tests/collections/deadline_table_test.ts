/** DeadlineTable against a plain map. */
import { assert, assertEquals } from "@std/assert";
import { DeadlineTable } from "../../lib/collections/deadline_table.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

const NAMES = ["a", "b", "c", "d"] as const;

Deno.test("DeadlineTable knows the earliest deadline, whatever is set and cleared", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new SeededRandom(seed, "deadlines");
    const table = new DeadlineTable(NAMES);
    const model = new Map<string, number>();
    for (let step = 0; step < 200; step++) {
      const name = random.pick(NAMES);
      const atMs = random.below(20);
      switch (random.below(5)) {
        case 0:
          table.clear(name);
          model.delete(name);
          break;
        case 1: {
          const expired = table.takeExpired(atMs);
          const due = [...model].filter(([, dueMs]) => dueMs <= atMs).map(([due]) => due);
          assertEquals(expired === null, due.length === 0);
          if (expired !== null) assert(due.includes(expired));
          if (expired !== null) model.delete(expired);
          break;
        }
        case 2:
          if (random.chance(0.1)) {
            table.clearAll();
            model.clear();
          }
          break;
        default:
          table.set(name, atMs);
          model.set(name, atMs);
      }
      assertEquals(table.earliestMs, Math.min(Infinity, ...model.values()), `SEED=${seed}`);
      for (const each of NAMES) assertEquals(table.at(each), model.get(each) ?? Infinity);
    }
  }
});

Deno.test("DeadlineTable.takeExpired() gives every due deadline once", () => {
  const table = new DeadlineTable(NAMES);
  table.set("c", 5);
  table.set("a", 7);
  table.set("d", 9);
  assertEquals(table.takeExpired(4), null);
  const taken = [table.takeExpired(8), table.takeExpired(8), table.takeExpired(8)];
  assertEquals(taken, ["a", "c", null]);
  assertEquals(table.earliestMs, 9);
});
