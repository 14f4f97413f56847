import { assert, assertEquals } from "@std/assert";
import { PacketCollector } from "../../lib/driver/packet_collector.ts";

/** Lets packets come for so long, a look whenever one does or the collector's wait is over. */
function collect(
  { packetsPerMs, patienceMs = 4, bytes = 1472, lastMs = 40 }: {
    packetsPerMs: number;
    patienceMs?: number;
    bytes?: number;
    lastMs?: number;
  },
  collector: PacketCollector = new PacketCollector(),
  startMs = 0,
): { collector: PacketCollector; looks: number } {
  let looks = 0;
  let seen = 0;
  let nowMs = startMs;
  while (nowMs < startMs + lastMs) {
    nowMs += collector.isWorthwhile ? collector.durationUs / 1000 : 1 / packetsPerMs;
    collector.onLook();
    const arrived = Math.floor((nowMs - startMs) * packetsPerMs + 1e-9);
    for (; seen < arrived; seen++) collector.onDatagram(bytes);
    collector.onLooked(nowMs, () => patienceMs);
    looks++;
  }
  return { collector, looks };
}

Deno.test("a link of 200 Mbit/s and 80 ms is looked at once a millisecond, not at each packet", () => {
  const { collector, looks } = collect({ packetsPerMs: 17 });
  assert(collector.isWorthwhile);
  assertEquals(collector.durationUs, 941, "16 packets");
  assert(looks < 120, `${looks} looks for 680 packets`);
});

Deno.test("where packets may not wait long, the wait is short", () => {
  assertEquals(collect({ packetsPerMs: 17, patienceMs: 0.64 }).collector.durationUs, 640);
  assertEquals(collect({ packetsPerMs: 85, patienceMs: 0.16 }).collector.durationUs, 200);
});

Deno.test("on a fast link the wait is short, and ends with the first gap", () => {
  const { collector } = collect({ packetsPerMs: 85 });
  const look = (packets: number, nowMs: number) => {
    collector.onLook();
    for (let i = 0; i < packets; i++) collector.onDatagram(1472);
    collector.onLooked(nowMs, () => 4);
  };
  look(17, 40.2);
  assert(collector.isWorthwhile);
  assertEquals(collector.durationUs, 200, "16 packets take less");
  look(0, 40.4);
  assert(!collector.isWorthwhile);
});

Deno.test("few packets, acknowledgements and coalesced ones are not waited for", () => {
  assert(!collect({ packetsPerMs: 2 }).collector.isWorthwhile);
  assert(!collect({ packetsPerMs: 20, patienceMs: 0.16 }).collector.isWorthwhile);
  assert(!collect({ packetsPerMs: 50, bytes: 60 }).collector.isWorthwhile);
  assert(!collect({ packetsPerMs: 50, bytes: 50_000 }).collector.isWorthwhile);
});

Deno.test("many at one look are enough, without a rate", () => {
  const collector = new PacketCollector();
  collector.onLook();
  for (let i = 0; i < 6; i++) collector.onDatagram(1472);
  collector.onLooked(1, () => 4);
  assert(collector.isWorthwhile);
  assertEquals(collector.durationUs, 200);
});

Deno.test("when packets stop coming, waiting ends within some milliseconds", () => {
  const { collector } = collect({ packetsPerMs: 17 });
  let nowMs = 40;
  let waits = 0;
  for (; collector.isWorthwhile; waits++) {
    nowMs += collector.durationUs / 1000;
    collector.onLook();
    collector.onLooked(nowMs, () => 4);
  }
  assert(waits <= 9, `${waits} waits`);
});
