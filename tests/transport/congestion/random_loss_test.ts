import { assert, assertEquals } from "@std/assert";
import { RandomLoss } from "../../../lib/transport/congestion/parts/random_loss.ts";
import { RoundTracker } from "../../../lib/transport/congestion/parts/rounds.ts";

const MTU = 1472;

/** Feeds rounds of 1000 packets and half a second, of which `ratioAt` gets lost, and tells the highest proof. */
function feed(
  loss: RandomLoss,
  ratioAt: (round: number, isTesting: boolean) => number,
  options: { from?: number; rounds?: number; isSteady?: boolean } = {},
): number {
  const { from = 1, rounds = 60, isSteady = true } = options;
  let highest = 0;
  for (let round = from; round < from + rounds; round++) {
    const tracker = new RoundTracker();
    const packets = loss.isTesting ? 500 : 1000;
    tracker.lastLostBytes = packets * MTU * ratioAt(round, loss.isTesting);
    tracker.lastDeliveredBytes = packets * MTU - tracker.lastLostBytes;
    const nowMs = round * 500;
    loss.onRoundEnd(tracker, { isSteady, isDelayed: false, packetBytes: MTU, nowMs });
    highest = Math.max(highest, loss.ratio);
  }
  return highest;
}

Deno.test("RandomLoss believes in loss that is steady and stays at half the rate", () => {
  const loss = new RandomLoss();
  const ratio = feed(loss, (round) => round % 2 === 0 ? 0.19 : 0.21);
  assert(ratio > 0.18 && ratio <= 0.2, `${ratio}`);
  assertEquals(loss.madeGoodRatio, loss.ratio);
});

Deno.test("RandomLoss does not believe in loss that falls when less is sent", () => {
  assertEquals(feed(new RandomLoss(), (_round, isTesting) => isTesting ? 0.05 : 0.2), 0);
});

Deno.test("RandomLoss does not believe in loss that comes and goes, nor in little, nor beside a queue", () => {
  assertEquals(feed(new RandomLoss(), (round) => round % 4 < 2 ? 0.1 : 0.3), 0);
  assertEquals(feed(new RandomLoss(), () => 0.08), 0);
  assertEquals(feed(new RandomLoss(), () => 0.2, { isSteady: false }), 0);
});

Deno.test("RandomLoss stops believing when the loss changes or ends", () => {
  for (const later of [0, 0.4]) {
    const loss = new RandomLoss();
    assert(feed(loss, () => 0.2, { rounds: 20 }) > 0.15);
    feed(loss, () => later, { from: 21, rounds: 6 });
    assertEquals(loss.ratio, 0, `${later}`);
  }
});

Deno.test("RandomLoss makes good half of it beside a queue", () => {
  const loss = new RandomLoss();
  feed(loss, () => 0.2, { rounds: 20 });
  const round = { isSteady: false, isDelayed: true, packetBytes: MTU, nowMs: 11_000 };
  loss.onRoundEnd(new RoundTracker(), round);
  assertEquals(loss.madeGoodRatio, loss.ratio / 2);
});
