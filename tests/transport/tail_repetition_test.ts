/** Which packets of the tail go again, and when. */
import { assertEquals } from "@std/assert";
import {
  FLAG_MTU_PROBE,
  PACKET_ACKED,
  PACKET_OUTSTANDING,
  SentPacketRing,
} from "../../lib/collections/sent_packet_ring.ts";
import { TailRepetition } from "../../lib/transport/tail_repetition.ts";

/** A ring with stream packets that left at these times. */
function sentAt(...timesMs: number[]): SentPacketRing {
  const ring = new SentPacketRing(64);
  for (const timeMs of timesMs) {
    const slot = ring.append();
    ring.state[slot] = PACKET_OUTSTANDING;
    ring.streamId[slot] = 0;
    ring.sentAtMs[slot] = timeMs;
  }
  return ring;
}

const limits = (nowMs: number) => ({ count: 8, nowMs, smoothedRttMs: 100 });

Deno.test("a packet of the tail goes again half a round trip after it left, once", () => {
  const ring = sentAt(0, 10, 60);
  const tail = new TailRepetition();
  tail.onNewData(ring);
  assertEquals(tail.choose(ring, 0, limits(40)), []);
  assertEquals(tail.deadlineMs, 50);
  assertEquals(tail.choose(ring, 0, limits(60)), [0, 1]);
  assertEquals(tail.deadlineMs, 110);
  assertEquals(tail.choose(ring, 0, limits(110)), [2]);
  assertEquals([tail.choose(ring, 0, limits(900)), tail.deadlineMs], [[], Infinity]);
});

Deno.test("what is acknowledged, an MTU probe or no stream data does not go again", () => {
  const ring = sentAt(0, 0, 0, 0);
  const tail = new TailRepetition();
  tail.onNewData(ring);
  ring.state[0] = PACKET_ACKED;
  ring.flags[1] = FLAG_MTU_PROBE;
  ring.streamId[2] = -1;
  assertEquals(tail.choose(ring, 0, limits(500)), [3]);
});

Deno.test("repetitions are not repeated, new data is", () => {
  const ring = sentAt(0);
  const tail = new TailRepetition();
  tail.onNewData(ring);
  assertEquals(tail.choose(ring, 0, limits(50)), [0]);
  const repetition = ring.append();
  ring.state[repetition] = PACKET_OUTSTANDING;
  ring.streamId[repetition] = 0;
  ring.sentAtMs[repetition] = 50;
  assertEquals(tail.choose(ring, 0, limits(500)), []);
  const fresh = ring.append();
  ring.state[fresh] = PACKET_OUTSTANDING;
  ring.streamId[fresh] = 0;
  ring.sentAtMs[fresh] = 500;
  tail.onNewData(ring);
  assertEquals(tail.choose(ring, 2, limits(550)), [2]);
});

Deno.test("no more than a batch goes at once", () => {
  const ring = sentAt(0, 0, 0);
  const tail = new TailRepetition();
  tail.onNewData(ring);
  const two = { count: 2, nowMs: 50, smoothedRttMs: 100 };
  assertEquals([tail.choose(ring, 0, two), tail.choose(ring, 0, two)], [[0, 1], [2]]);
});
