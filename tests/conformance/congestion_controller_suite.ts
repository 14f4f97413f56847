/**
 * What every congestion controller must do, whatever its algorithm.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type {
  AckSample,
  CongestionController,
  CongestionControllerFactory,
  LossSample,
} from "../../lib/transport/congestion/controller.ts";
import { runLink } from "../simulation/link_model.ts";
import { seededRandom } from "../support/seeded_random.ts";

const MTU = 1472;

/** An ACK of ten packets on a path of 100 Mbit/s and 50 ms, with the given differences. */
export function ackSample(differences: Partial<AckSample> = {}): AckSample {
  const nowMs = differences.nowMs ?? 50;
  return {
    nowMs,
    ackedBytes: 10 * MTU,
    ackedPackets: 10,
    lostBytes: 0,
    lostPackets: 0,
    priorInFlightBytes: 30 * MTU,
    inFlightBytes: 20 * MTU,
    rttMs: 50,
    smoothedRttMs: 50,
    minRttMs: 50,
    largestAcked: 10,
    largestAckedSentAtMs: nowMs - 50,
    deliveredBytes: 10 * MTU,
    priorDeliveredBytes: 0,
    deliveryRateBytesPerSecond: 12.5e6,
    intervalMs: 50,
    sentInFlightBytes: 30 * MTU,
    lostSinceSentBytes: 0,
    isAppLimited: false,
    isWindowLimited: true,
    ackDelayMs: 0,
    ...differences,
  };
}

/** The loss of one packet on the same path, with the given differences. */
export function lossSample(differences: Partial<LossSample> = {}): LossSample {
  const nowMs = differences.nowMs ?? 60;
  return {
    nowMs,
    lostBytes: MTU,
    lostPackets: 1,
    largestLost: 5,
    largestLostSentAtMs: nowMs - 55,
    inFlightBytes: 20 * MTU,
    sentInFlightBytes: 30 * MTU,
    lostSinceSentBytes: MTU,
    priorDeliveredBytes: 0,
    deliveredBytes: 10 * MTU,
    smoothedRttMs: 50,
    ...differences,
  };
}

/** Makes a controller for packets of 1472 bytes. */
export function createController(factory: CongestionControllerFactory): CongestionController {
  return factory.create({ maxDatagramBytes: MTU, random: seededRandom(1) });
}

/** Throws when a decision is not usable. */
export function assertUsable(controller: CongestionController, maxDatagramBytes: number): void {
  const { windowBytes, pacingRateBytesPerSecond, sendQuantumBytes } = controller;
  const state = `${controller.name} in ${controller.stateName}`;
  assert(Number.isFinite(windowBytes), `${state}: window is ${windowBytes}`);
  assert(windowBytes >= 2 * maxDatagramBytes, `${state}: window is only ${windowBytes}`);
  assert(
    Number.isFinite(pacingRateBytesPerSecond) && pacingRateBytesPerSecond > 0,
    `${state}: pacing rate is ${pacingRateBytesPerSecond}`,
  );
  assert(Number.isFinite(sendQuantumBytes), `${state}: quantum is ${sendQuantumBytes}`);
  assert(sendQuantumBytes >= maxDatagramBytes, `${state}: quantum is ${sendQuantumBytes}`);
}

/** Registers the tests that every controller passes. */
export function testCongestionController(factory: CongestionControllerFactory): void {
  const { name } = factory;

  Deno.test(`${name}: decisions are usable before anything is known`, () => {
    const controller = createController(factory);
    assertUsable(controller, MTU);
    assertEquals(controller.name, name);
  });

  Deno.test(`${name}: decisions stay usable whatever is reported`, () => {
    const random = seededRandom(42);
    for (let run = 0; run < 40; run++) {
      const controller = createController(factory);
      let mtu = MTU;
      let nowMs = 0;
      // Counters beyond 32 bits must not wrap.
      let delivered = run % 2 === 0 ? 0 : 2 ** 33;
      for (let step = 0; step < 500; step++) {
        nowMs += random() * 30;
        const size = Math.ceil(random() * 64) * mtu;
        const inFlight = random() * 1e6;
        switch (Math.floor(random() * 12)) {
          case 0:
            controller.onLoss(lossSample({
              nowMs,
              lostBytes: size,
              // More may have been lost since than was in flight then.
              lostSinceSentBytes: size * 2,
              sentInFlightBytes: size * random(),
              inFlightBytes: inFlight,
              deliveredBytes: delivered,
              priorDeliveredBytes: Math.max(0, delivered - 1e6),
            }));
            break;
          case 1:
            controller.onSpuriousLoss(Math.ceil(random() * 20), size, nowMs);
            break;
          case 2:
            controller.onBlackoutEnd(random() * 100_000, nowMs);
            break;
          case 3:
            if (random() < 0.2) controller.onPersistentCongestion(nowMs);
            break;
          case 4:
            controller.onAppLimited(nowMs);
            break;
          case 5:
            mtu = random() < 0.5 ? 1200 : 9000;
            controller.onMaxDatagramChanged(mtu);
            break;
          case 6:
            controller.onPacketSent(mtu, inFlight, nowMs);
            break;
          default: {
            delivered += size;
            const rttMs = random() < 0.2 ? NaN : 0.01 + random() * 100;
            controller.onAck(ackSample({
              nowMs,
              ackedBytes: size,
              rttMs,
              smoothedRttMs: 0.01 + random() * 100,
              deliveredBytes: delivered,
              priorDeliveredBytes: Math.max(0, delivered - random() * 1e6),
              deliveryRateBytesPerSecond: random() < 0.2 ? NaN : random() * 1e8,
              inFlightBytes: inFlight,
              isAppLimited: random() < 0.3,
              isWindowLimited: random() < 0.5,
              minRttMs: 0.01,
            }));
          }
        }
        assertUsable(controller, mtu);
      }
    }
  });

  Deno.test(`${name}: fills a clean link`, () => {
    const link = { rateBitsPerSecond: 50e6, rttMs: 20 };
    const { flows } = runLink(link, [{ controller: factory, totalBytes: 2e7 }], 60_000);
    assert(flows[0]!.goodputMbits > 40, `only ${flows[0]!.goodputMbits.toFixed(1)} Mbit/s`);
  });

  Deno.test(`${name}: fills a link again after a blackout`, () => {
    const blackout = { fromMs: 5000, toMs: 8000 };
    const link = { rateBitsPerSecond: 50e6, rttMs: 40, blackout };
    const { flows } = runLink(link, [{ controller: factory }], 20_000);
    const { lateGoodputMbits } = flows[0]!;
    assert(lateGoodputMbits > 35, `only ${lateGoodputMbits.toFixed(1)} Mbit/s afterwards`);
  });

  Deno.test(`${name}: undoes a reduction whose losses were reordering`, () => {
    const controller = createController(factory);
    let delivered = 0;
    for (let i = 1; i <= 40; i++) {
      delivered += 10 * MTU;
      controller.onAck(ackSample({ nowMs: i * 10, deliveredBytes: delivered }));
    }
    const before = controller.windowBytes;
    controller.onLoss(lossSample({ nowMs: 405, lostPackets: 3, lostBytes: 3 * MTU }));
    controller.onSpuriousLoss(3, 3 * MTU, 410);
    assert(controller.windowBytes >= before, `${controller.windowBytes} of ${before}`);
  });
}
