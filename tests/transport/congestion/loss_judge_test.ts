import { assert, assertEquals } from "@std/assert";
import { LossJudge } from "../../../lib/transport/congestion/parts/loss_judge.ts";
import { JitterMeter } from "../../../lib/transport/congestion/parts/jitter.ts";
import { RoundTracker } from "../../../lib/transport/congestion/parts/rounds.ts";
import { ackSample, lossSample } from "../../conformance/congestion_controller_suite.ts";
import { seededRandom } from "../../support/seeded_random.ts";

const MTU = 1472;
const SENT = 1000 * MTU;
const DELAYED = { isDelayed: true };
const FREE = { isDelayed: false };

function judge(losses: LossJudge, lostPackets: number, { isDelayed }: { isDelayed: boolean }) {
  return losses.isTooHigh(lostPackets * MTU, SENT, isDelayed, MTU);
}

function roundWith(lostPackets: number): RoundTracker {
  const rounds = new RoundTracker();
  rounds.lastLostBytes = lostPackets * MTU;
  rounds.lastDeliveredBytes = SENT - rounds.lastLostBytes;
  return rounds;
}

Deno.test("LossJudge takes loss for congestion only when the delay agrees", () => {
  const losses = new LossJudge();
  assert(!judge(losses, 100, FREE));
  assert(judge(losses, 100, DELAYED));
  assert(!judge(losses, 10, DELAYED));
});

Deno.test("LossJudge takes hopeless loss for congestion whatever the delay", () => {
  assert(judge(new LossJudge(), 300, FREE));
});

Deno.test("LossJudge measures loss from what the path loses anyway", () => {
  const losses = new LossJudge();
  for (let i = 0; i < 60; i++) losses.learn(roundWith(50));
  assert(Math.abs(losses.baseRatio - 0.05) < 0.001);
  assert(!judge(losses, 60, DELAYED));
  assert(judge(losses, 100, DELAYED));
});

Deno.test("LossJudge takes no more than a tenth for the path's own loss", () => {
  const losses = new LossJudge();
  for (let i = 0; i < 60; i++) losses.learn(roundWith(400));
  assertEquals(losses.baseRatio, 0.1);
});

Deno.test("LossJudge forgets losses that were reordering", () => {
  const losses = new LossJudge();
  losses.learn(roundWith(50));
  losses.onSpuriousLoss(50 * MTU);
  assertEquals(losses.baseRatio, 0);
});

Deno.test("JitterMeter sees packets that jump, not queues that fill", () => {
  const queue = new JitterMeter();
  const radio = new JitterMeter();
  const random = seededRandom(3);
  for (let i = 0; i < 300; i++) {
    queue.onRtt(50 + Math.abs(100 - i % 200));
    radio.onRtt(50 + 40 * random());
  }
  assert(queue.spreadMs < 1, `queue: ${queue.spreadMs}`);
  assert(radio.spreadMs > 8, `radio: ${radio.spreadMs}`);
});

Deno.test("RoundTracker counts a round when a packet sent in it is acknowledged", () => {
  const rounds = new RoundTracker();
  let starts = 0;
  for (let i = 1; i <= 40; i++) {
    // Ten ACKs a round trip of 50 ms.
    rounds.onAck(ackSample({
      nowMs: i * 5,
      deliveredBytes: i * 1000,
      priorDeliveredBytes: Math.max(0, i - 10) * 1000,
    }));
    if (rounds.isRoundStart) starts++;
  }
  assertEquals(starts, 4);
  assertEquals(rounds.count, 4);
});

Deno.test("RoundTracker counts no round shorter than the scheduler's noise", () => {
  const rounds = new RoundTracker();
  for (let i = 1; i <= 100; i++) {
    rounds.onAck(ackSample({
      nowMs: i * 0.2,
      deliveredBytes: i * 1000,
      priorDeliveredBytes: (i - 1) * 1000,
    }));
  }
  assert(rounds.count <= 5, `${rounds.count} rounds in 20 ms`);
});

Deno.test("RoundTracker counts bursts of losses, not packets", () => {
  const rounds = new RoundTracker();
  rounds.onLoss(lossSample({ lostPackets: 20, lostBytes: 20 * MTU }));
  rounds.onLoss(lossSample({ lostPackets: 5, lostBytes: 5 * MTU }));
  assertEquals(rounds.lossBursts, 2);
  assertEquals(rounds.lostBytes, 25 * MTU);
});
