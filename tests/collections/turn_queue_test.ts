import { assertEquals } from "@std/assert";
import { TurnQueue } from "../../lib/collections/turn_queue.ts";

Deno.test("TurnQueue gives each its turn, one after the other", () => {
  const queue = new TurnQueue<string>();
  for (const name of ["a", "b", "c"]) queue.add(name);
  const turns: (string | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    turns.push(queue.first);
    queue.rotate();
  }
  assertEquals(turns, ["a", "b", "c", "a"]);
});

Deno.test("TurnQueue has each at most once, and again after it has left", () => {
  const queue = new TurnQueue<string>();
  for (const name of ["a", "b", "a"]) queue.add(name);
  queue.dropFirst();
  assertEquals(queue.first, "b");
  queue.add("a");
  queue.dropFirst();
  assertEquals(queue.first, "a");
  queue.rotate();
  assertEquals(queue.first, "a");
  queue.dropFirst();
  queue.dropFirst();
  assertEquals(queue.first, undefined);
});
