/** Whoever was not let in cannot fill the log. */
import { assertEquals } from "@std/assert";
import { StrangerLines } from "../../lib/cli/stranger_lines.ts";

Deno.test("StrangerLines tells a hundred lines at once, then one a second and how many it left out", () => {
  let nowMs = 0;
  const told: string[] = [];
  const lines = new StrangerLines(() => nowMs, (sentence) => void told.push(sentence));
  for (let i = 0; i < 5000; i++) lines.tell(() => void told.push(`line ${i}`));
  assertEquals(told.length, 100);
  assertEquals(told.at(-1), "line 99");

  nowMs = 1000;
  for (let i = 0; i < 5000; i++) lines.tell(() => void told.push(`later ${i}`));
  assertEquals(told.slice(100), [
    "Left out 4900 lines about clients that were not let in",
    "later 0",
  ]);
  nowMs = 3_600_000;
  for (let i = 0; i < 3; i++) lines.tell(() => void told.push(`much later ${i}`));
  assertEquals(told.slice(102), [
    "Left out 4999 lines about clients that were not let in",
    "much later 0",
    "much later 1",
    "much later 2",
  ]);
});
