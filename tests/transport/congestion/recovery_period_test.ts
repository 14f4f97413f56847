import { assert, assertFalse } from "@std/assert";
import { RecoveryPeriod } from "../../../lib/transport/congestion/parts/recovery_period.ts";
import { ackSample, lossSample } from "../../conformance/congestion_controller_suite.ts";

const loss = (largestLostSentAtMs: number, nowMs: number, lostPackets: number) =>
  lossSample({ largestLostSentAtMs, nowMs, lostPackets });

Deno.test("RecoveryPeriod asks for one reduction for all that left before it", () => {
  const recovery = new RecoveryPeriod();
  assert(recovery.onLoss(loss(10, 100, 1)));
  assertFalse(recovery.onLoss(loss(100, 120, 5)));
  assert(recovery.isRunning);
  assertFalse(recovery.onAck(ackSample({ largestAckedSentAtMs: 100 })));
  assert(recovery.isRunning);
  assert(recovery.onAck(ackSample({ largestAckedSentAtMs: 101 })));
  assertFalse(recovery.isRunning);
  assert(recovery.onLoss(loss(101, 200, 1)));
});

Deno.test("RecoveryPeriod is undone by the last of its losses that proves to be none", () => {
  const recovery = new RecoveryPeriod();
  assertFalse(recovery.onSpuriousLoss(1));
  recovery.onLoss(loss(10, 100, 1));
  recovery.onLoss(loss(20, 110, 2));
  assertFalse(recovery.onSpuriousLoss(2));
  assert(recovery.onSpuriousLoss(1));
  assertFalse(recovery.isRunning);
  assertFalse(recovery.onSpuriousLoss(1));
  assert(recovery.onLoss(loss(20, 120, 1)), "what left before it counts again");
});

Deno.test("RecoveryPeriod cannot be undone once it is kept or forgotten", () => {
  for (const settle of ["keep", "forget"] as const) {
    const recovery = new RecoveryPeriod();
    recovery.onLoss(loss(10, 100, 1));
    recovery[settle]();
    assertFalse(recovery.onSpuriousLoss(1));
    assert(recovery.isRunning === (settle === "keep"));
  }
});
