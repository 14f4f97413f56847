import { assert, assertEquals } from "@std/assert";
import { KnockMemory } from "../../lib/transport/knock_memory.ts";
import { seededEntropy } from "../hostile/rig.ts";
import { seededRandom } from "../support/seeded_random.ts";

function id(random: () => number): Uint8Array {
  return Uint8Array.from({ length: 8 }, () => random() * 256);
}

Deno.test("KnockMemory tells who knocks again from who knocks first", () => {
  const knocks = new KnockMemory(seededEntropy(1));
  const random = seededRandom(2);
  for (let i = 0; i < 1000; i++) {
    const bytes = id(random);
    assert(!knocks.isRepeated(bytes, 0, 10_000));
    assert(knocks.isRepeated(bytes, 0, 10_250));
    assert(!knocks.isRepeated(bytes, 0, 10_260), "it was answered just now");
    assert(knocks.isRepeated(bytes, 0, 10_750));
  }
});

Deno.test("KnockMemory remembers a client through seconds of a flood", () => {
  const random = seededRandom(3);
  const knocks = new KnockMemory(seededEntropy(4));
  const clients = Array.from({ length: 100 }, () => id(random));
  for (const bytes of clients) knocks.isRepeated(bytes, 0, 1000);
  for (let i = 0; i < 10_000; i++) knocks.isRepeated(id(random), 0, 1000 + i / 5);
  const remembered = clients.filter((bytes) => knocks.isRepeated(bytes, 0, 3000)).length;
  assert(remembered > 60, `${remembered} of 100`);
});

Deno.test("KnockMemory takes no stranger for somebody who knocked", () => {
  const random = seededRandom(5);
  const knocks = new KnockMemory(seededEntropy(6));
  let mistaken = 0;
  for (let i = 0; i < 200_000; i++) if (knocks.isRepeated(id(random), 0, 5000)) mistaken++;
  assertEquals(mistaken, 0);
});
