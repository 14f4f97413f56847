import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { congestionController as cubic } from "../../../lib/transport/congestion/cubic.ts";
import { congestionController as newReno } from "../../../lib/transport/congestion/new_reno.ts";
import {
  ackSample,
  createController,
  lossSample,
} from "../../conformance/congestion_controller_suite.ts";
import { runLink } from "../../simulation/link_model.ts";

const MTU = 1472;

Deno.test("cubic keeps seven tenths of its window after a loss, new_reno half", () => {
  for (const [factory, share] of [[cubic, 0.7], [newReno, 0.5]] as const) {
    const controller = createController(factory);
    for (let i = 1; i < 20; i++) controller.onAck(ackSample({ nowMs: 50 * i }));
    const before = controller.windowBytes;
    controller.onLoss(lossSample({ nowMs: 1000, largestLostSentAtMs: 990 }));
    assertAlmostEquals(controller.windowBytes, before * share, 1);
    assertEquals(controller.stateName, "recovery");
  }
});

Deno.test("one reduction per round trip, however many losses it has", () => {
  for (const factory of [cubic, newReno]) {
    const controller = createController(factory);
    for (let i = 1; i < 20; i++) controller.onAck(ackSample({ nowMs: 50 * i }));
    controller.onLoss(lossSample({ nowMs: 1000, largestLostSentAtMs: 960 }));
    const once = controller.windowBytes;
    controller.onLoss(lossSample({ nowMs: 1010, largestLostSentAtMs: 990 }));
    assertEquals(controller.windowBytes, once);
    controller.onLoss(lossSample({ nowMs: 1100, largestLostSentAtMs: 1050 }));
    assert(controller.windowBytes < once);
  }
});

Deno.test("the window does not grow while the application is the limit", () => {
  for (const factory of [cubic, newReno]) {
    const controller = createController(factory);
    const before = controller.windowBytes;
    for (let i = 1; i < 50; i++) {
      controller.onAck(ackSample({ nowMs: 50 * i, isWindowLimited: false }));
    }
    assertEquals(controller.windowBytes, before);
  }
});

Deno.test("cubic does not jump after time in which the application was the limit", () => {
  const controller = createController(cubic);
  for (let i = 1; i < 20; i++) controller.onAck(ackSample({ nowMs: 50 * i }));
  controller.onLoss(lossSample({ nowMs: 1000, largestLostSentAtMs: 990 }));
  let nowMs = 1060;
  const ack = (isWindowLimited: boolean) => {
    nowMs += 50;
    controller.onAck(ackSample({ nowMs, isWindowLimited }));
  };
  for (let i = 0; i < 10; i++) ack(i >= 0);
  const before = controller.windowBytes;
  for (let i = 0; i < 2000; i++) ack(i < 0);
  ack(nowMs > 0);
  assert(controller.windowBytes < before * 1.1, `${controller.windowBytes} of ${before}`);
});

Deno.test("cubic leaves slow start by delay before a deep buffer overflows", () => {
  const link = { rateBitsPerSecond: 50e6, rttMs: 100, bufferBytes: 2_500_000 };
  const { overflowPackets } = runLink(link, [{ controller: cubic }], 1500);
  assertEquals(overflowPackets, 0);
});

Deno.test("persistent congestion leaves two packets", () => {
  for (const factory of [cubic, newReno]) {
    const controller = createController(factory);
    controller.onPersistentCongestion(100);
    assertEquals(controller.windowBytes, 2 * MTU);
  }
});
