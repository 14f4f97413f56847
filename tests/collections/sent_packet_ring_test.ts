/** SentPacketRing against a map of rows. */
import { assertEquals } from "@std/assert";
import { SentPacketRing } from "../../lib/collections/sent_packet_ring.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

Deno.test("SentPacketRing keeps every row from its first number on, however it grows", () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new SeededRandom(seed, "sent");
    const ring = new SentPacketRing(8);
    const model = new Map<number, number[]>();
    for (let step = 0; step < 2000; step++) {
      if (random.chance(0.85)) {
        const packetNumber = ring.next;
        const row = Array.from({ length: 6 }, () => random.below(200));
        const slot = ring.append();
        assertEquals(slot, ring.slot(packetNumber));
        assertEquals(ring.flags[slot], 0);
        [ring.state[slot], ring.sizeBytes[slot], ring.sentAtMs[slot]] = row as [
          number,
          number,
          number,
        ];
        [ring.streamId[slot], ring.streamOffset[slot], ring.streamLength[slot]] = row.slice(3) as [
          number,
          number,
          number,
        ];
        model.set(packetNumber, row);
      } else {
        ring.forgetBelow(random.integer(ring.first, ring.next));
      }
    }
    for (let n = ring.first; n < ring.next; n++) {
      const at = ring.slot(n);
      const row = [
        ring.state[at],
        ring.sizeBytes[at],
        ring.sentAtMs[at],
        ring.streamId[at],
        ring.streamOffset[at],
        ring.streamLength[at],
      ];
      assertEquals(row, model.get(n), `SEED=${seed} packet ${n}`);
    }
  }
});

Deno.test("SentPacketRing.forgetBelow() neither goes back nor beyond the end", () => {
  const ring = new SentPacketRing(8);
  for (let i = 0; i < 5; i++) ring.append();
  ring.forgetBelow(3);
  ring.forgetBelow(1);
  assertEquals(ring.first, 3);
  ring.forgetBelow(99);
  assertEquals([ring.first, ring.next], [5, 5]);
});

Deno.test("SentPacketRing.slot() is right for packet numbers above 2^32", () => {
  const ring = new SentPacketRing(1024);
  for (const base of [2 ** 31 - 2, 2 ** 32 - 2, 2 ** 40, 2 ** 52]) {
    for (let n = base; n < base + 5; n++) assertEquals(ring.slot(n), n % 1024);
  }
});
