import { assertEquals } from "@std/assert";
import { ListingMemory } from "../../lib/files/listing_memory.ts";

const SECOND_MS = 1000;

function memoryOf100() {
  const clock = { nowMs: 50_000 };
  const memory = new ListingMemory({ nowMs: () => clock.nowMs, capacityBytes: 100 });
  const dropped: string[] = [];
  const held = (name: string, heldBytes: number) => {
    const names = { heldBytes, drop: () => void dropped.push(name) };
    memory.hold(names);
    return names;
  };
  return { clock, memory, dropped, held };
}

Deno.test("ListingMemory.roomFor() leaves everybody a turn, whatever is wanted", () => {
  const { memory, dropped, held } = memoryOf100();
  held("a", 60);
  assertEquals(memory.roomFor(50), 40);
  held("b", 70);
  assertEquals(memory.roomFor(50), 0);
  assertEquals([memory.heldBytes, dropped], [130, []]);
});

Deno.test("ListingMemory.roomFor() drops those who had their turn, the oldest first and no more than needed", () => {
  const { clock, memory, dropped, held } = memoryOf100();
  for (const name of ["a", "b", "c"]) held(name, 30);
  clock.nowMs += 2 * SECOND_MS;
  held("d", 10);
  assertEquals(memory.roomFor(20), 30);
  assertEquals([memory.heldBytes, dropped], [70, ["a"]]);
  assertEquals(memory.roomFor(1000), 90, "the youngest keeps its turn");
  assertEquals(dropped, ["a", "b", "c"]);
});

Deno.test("ListingMemory.roomFor() ends turns also when the clock is set back", () => {
  const { clock, memory, dropped, held } = memoryOf100();
  held("a", 60);
  clock.nowMs -= 3600 * SECOND_MS;
  assertEquals(memory.roomFor(50), 100);
  assertEquals(dropped, ["a"]);
});

Deno.test("ListingMemory.release() gives back once", () => {
  const { memory, held } = memoryOf100();
  const a = held("a", 60);
  memory.release(a);
  memory.release(a);
  assertEquals(memory.heldBytes, 0);
});
