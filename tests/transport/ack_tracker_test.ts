/** Which packets came, what is a replay, and when an acknowledgement is due. RFC 9000 §13.2. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { AckTracker } from "../../lib/transport/ack_tracker.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

const ELICITING = { isAckEliciting: true, isImmediate: false };
const SILENT = { isAckEliciting: false, isImmediate: false };
const URGENT = { isAckEliciting: true, isImmediate: true };

Deno.test("the second packet that wants an acknowledgement makes it due, the first after 5 ms", () => {
  const acks = new AckTracker();
  acks.onPacketReceived(0, 100, ELICITING);
  assertEquals([acks.isOwed, acks.isDue(100), acks.deadlineMs], [true, false, 105]);
  assert(acks.isDue(105));
  acks.onPacketReceived(1, 102, ELICITING);
  assert(acks.isDue(102));
  assertEquals(acks.deadlineMs, 105);
  acks.onAckSent();
  assertEquals([acks.isOwed, acks.isDue(200), acks.deadlineMs], [false, false, Infinity]);
});

Deno.test("a packet that asks for it is acknowledged at once", () => {
  const acks = new AckTracker();
  acks.onPacketReceived(0, 100, URGENT);
  assert(acks.isDue(100));
});

Deno.test("acknowledgements are not acknowledged", () => {
  const acks = new AckTracker();
  for (let n = 0; n < 10; n++) acks.onPacketReceived(n, 100, SILENT);
  assertEquals([acks.isOwed, acks.isDue(1e6), acks.deadlineMs, acks.largest], [
    false,
    false,
    Infinity,
    9,
  ]);
});

Deno.test("the delay is that of the largest packet", () => {
  const acks = new AckTracker();
  acks.onPacketReceived(5, 100, ELICITING);
  acks.onPacketReceived(3, 101, ELICITING);
  assertEquals(acks.delayUs(102.5), 2500);
  assertEquals(acks.delayUs(99), 0);
});

Deno.test("a late packet is reported in eight ACKs at least, and in sixteen at most", () => {
  for (let before = 0; before < 8; before++) {
    const acks = new AckTracker();
    acks.onPacketReceived(1000, 0, SILENT);
    let next = 1001;
    const acknowledge = (): number => {
      acks.onPacketReceived(next, next++, ELICITING);
      const { lateFrom } = acks;
      acks.onAckSent();
      return lateFrom;
    };
    for (let i = 0; i < before; i++) assertEquals(acknowledge(), Infinity);
    acks.onPacketReceived(500, next, ELICITING);
    const reports = Array.from({ length: 30 }, acknowledge);
    const count = reports.filter((lateFrom) => lateFrom === 500).length;
    assert(count >= 8 && count <= 16, `${count} reports`);
    assertEquals(reports.lastIndexOf(500), count - 1);
  }
});

Deno.test("an ACK that must reach far back waits until it is due", () => {
  const acks = new AckTracker();
  for (let n = 0; n < 400; n += 2) acks.onPacketReceived(n, 100, ELICITING);
  acks.onAckSent();
  assertFalse(acks.isReady(100));
  acks.onPacketReceived(400, 100, ELICITING);
  assert(acks.isReady(100));
  acks.onPacketReceived(301, 100, ELICITING);
  acks.onAckSent();
  acks.onPacketReceived(402, 100, ELICITING);
  assert(acks.isReady(100));
  acks.onPacketReceived(201, 100, ELICITING);
  acks.onAckSent();
  acks.onPacketReceived(404, 100, ELICITING);
  assertEquals([acks.isReady(100), acks.isReady(105)], [false, true]);
});

Deno.test("no packet number is new twice, and none is called a replay that never came", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new SeededRandom(seed, "replays");
    const acks = new AckTracker();
    const seen = new Set<number>();
    const base = random.pick([0, 2 ** 31 - 50, 2 ** 32 - 50, 2 ** 40]);
    for (let i = 0; i < 200; i++) {
      const number = base + random.below(100);
      assertEquals(acks.isReplay(number), seen.has(number), `SEED=${seed}`);
      if (acks.isReplay(number)) continue;
      seen.add(number);
      acks.onPacketReceived(number, i, ELICITING);
      assertEquals(acks.largest, Math.max(...seen));
    }
  }
});

Deno.test("what is too old to tell is a replay: memory stays bounded", () => {
  const acks = new AckTracker();
  for (let n = 0; n < 10_000; n += 2) acks.onPacketReceived(n, n, ELICITING);
  assert(acks.received.rangeCount <= 256);
  assert(acks.isReplay(1));
  assertFalse(acks.isReplay(9_997));
});

Deno.test("the sender chooses how often it hears, and an older choice does not undo a newer", () => {
  const acks = new AckTracker();
  acks.onAckFrequency(1, 4, 50);
  acks.onAckFrequency(0, 1, 1);
  for (let n = 0; n < 3; n++) acks.onPacketReceived(n, 100, ELICITING);
  assertEquals([acks.isDue(100), acks.deadlineMs], [false, 150]);
  acks.onPacketReceived(3, 100, ELICITING);
  assert(acks.isDue(100));
});

Deno.test("absurd wishes are limited", () => {
  const acks = new AckTracker();
  acks.onAckFrequency(0, 2 ** 50, 2 ** 50);
  acks.onPacketReceived(0, 0, ELICITING);
  assertEquals(acks.deadlineMs, 100);
  acks.onAckSent();
  acks.onAckFrequency(1, 0, 0);
  acks.onPacketReceived(1, 0, ELICITING);
  assert(acks.isDue(0));
});
