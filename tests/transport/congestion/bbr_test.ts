import { assert, assertEquals } from "@std/assert";
import { congestionController as bbr } from "../../../lib/transport/congestion/bbr.ts";
import type { CongestionController } from "../../../lib/transport/congestion/controller.ts";
import {
  ackSample,
  createController,
  lossSample,
} from "../../conformance/congestion_controller_suite.ts";
import { type LinkOptions, runLink } from "../../simulation/link_model.ts";

const MTU = 1472;

/** Runs one flow and collects the moments at which the controller changed its state. */
function watch(link: LinkOptions, limitMs: number, totalBytes = Infinity) {
  const changes: { atMs: number; state: string }[] = [];
  let state = "";
  const result = runLink(link, [{ controller: bbr, totalBytes }], limitMs, (atMs, _flow, cc) => {
    if (cc.stateName === state) return;
    state = cc.stateName;
    changes.push({ atMs, state });
  });
  const enteredAtMs = (name: string) => changes.find((c) => c.state === name)?.atMs ?? NaN;
  return { flow: result.flows[0]!, overflowPackets: result.overflowPackets, changes, enteredAtMs };
}

/** Acknowledges one round of 50 ms in five ACKs, at a rate that grows or not. */
function feedRound(
  controller: CongestionController,
  round: number,
  rate: number,
  options: { rttMs?: number; lossBursts?: number; isAppLimited?: boolean; isFull?: boolean } = {},
): void {
  const { rttMs = 50, lossBursts = 0, isAppLimited = false, isFull = true } = options;
  const roundBytes = rate * 0.05;
  for (let i = 0; i < 10; i++) {
    const nowMs = round * 50 + i * 5;
    if (i < lossBursts) controller.onLoss(lossSample({ nowMs, sentInFlightBytes: roundBytes }));
    controller.onAck(ackSample({
      nowMs,
      rttMs,
      smoothedRttMs: rttMs,
      isAppLimited,
      ackedBytes: roundBytes / 10,
      deliveredBytes: round * 1e6 + i * 1e5,
      priorDeliveredBytes: (round - 1) * 1e6 + i * 1e5,
      deliveryRateBytesPerSecond: rate,
      inFlightBytes: isFull ? roundBytes : Math.min(roundBytes, controller.windowBytes),
    }));
  }
}

Deno.test("bbr begins with more in flight on a long path, unless it begins carefully", () => {
  const firstWindow = (leastRttMs: number, { startsCarefully = false } = {}) => {
    const controller = createController(bbr);
    controller.startsCarefully = startsCarefully;
    controller.onHandshake?.(leastRttMs);
    return controller.windowBytes;
  };
  const usual = createController(bbr).windowBytes;
  assertEquals(firstWindow(0.1), usual);
  assertEquals(firstWindow(60), 240_000);
  assertEquals(firstWindow(600), 256 * MTU);
  assertEquals(firstWindow(600, { startsCarefully: true }), usual);
});

Deno.test("bbr stays in startup while the rate doubles, also when packets get lost at random", () => {
  const controller = createController(bbr);
  for (let round = 1; round <= 8; round++) {
    feedRound(controller, round, 1e5 * 2 ** round, { lossBursts: round > 3 ? 3 : 0 });
    assertEquals(controller.stateName, "startup");
  }
});

Deno.test("bbr leaves startup when the rate has not grown for three rounds", () => {
  const controller = createController(bbr);
  for (let round = 1; round <= 4; round++) feedRound(controller, round, 1e5 * 2 ** round);
  for (let round = 5; round <= 8; round++) feedRound(controller, round, 1.6e6);
  assert(controller.stateName !== "startup");
});

Deno.test("bbr leaves startup when a whole round met a queue, before any loss", () => {
  const { flow, enteredAtMs } = watch({
    rateBitsPerSecond: 20e6,
    rttMs: 40,
    bufferBytes: 1e6,
  }, 5000);
  assert(enteredAtMs("drain") < 600, `startup took ${enteredAtMs("drain")} ms`);
  assertEquals(flow.lostPackets, 0);
});

Deno.test("bbr leaves startup even when a fifth of all packets gets lost", () => {
  const { enteredAtMs } = watch({ rateBitsPerSecond: 50e6, rttMs: 40, lossRate: 0.2 }, 10_000);
  assert(enteredAtMs("cruise") < 3000, `cruising from ${enteredAtMs("cruise")} ms`);
});

Deno.test("bbr takes the rate of an idle application for no plateau and for no slower path", () => {
  const controller = createController(bbr);
  for (let round = 1; round <= 5; round++) feedRound(controller, round, 1e5 * 2 ** round);
  for (let round = 6; round <= 30; round++) {
    feedRound(controller, round, 2e4, { isAppLimited: true });
  }
  assertEquals(controller.stateName, "startup");
  assertEquals(controller.bandwidthBytesPerSecond, 3.2e6);
});

Deno.test("bbr keeps its window when packets get lost without a queue", () => {
  const link = { rateBitsPerSecond: 100e6, rttMs: 50, lossRate: 0.02 };
  const { flow } = watch(link, 20_000);
  assert(flow.lateGoodputMbits > 88, `${flow.lateGoodputMbits.toFixed(1)} Mbit/s`);
});

Deno.test("bbr holds its rate where a fifth of all packets gets lost at random", () => {
  for (
    const [mbits, rttMs, lossRate] of [[100, 50, 0.15], [100, 50, 0.2], [20, 60, 0.2]] as const
  ) {
    const { flow } = watch({ rateBitsPerSecond: mbits * 1e6, rttMs, lossRate }, 60_000);
    const share = flow.lateGoodputMbits / (mbits * 1430 / 1500 * (1 - lossRate));
    assert(share > 0.85, `${mbits} Mbit/s, ${rttMs} ms, ${lossRate}: ${share.toFixed(2)}`);
  }
});

Deno.test("bbr finds the room again that a tiny buffer made it give up", () => {
  const { flow } = watch({ rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes: 15_000 }, 20_000);
  assert(flow.lateGoodputMbits > 85, `${flow.lateGoodputMbits.toFixed(1)} Mbit/s`);
  assert(flow.lostPackets / flow.sentPackets < 0.03, `${flow.lostPackets} lost`);
});

Deno.test("bbr sends smaller bursts into a buffer of ten packets", () => {
  const { flow } = watch({ rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes: 15_000 }, 10_000);
  assert(flow.controller.sendQuantumBytes <= 10 * MTU, `${flow.controller.sendQuantumBytes}`);
});

Deno.test("bbr is not frozen at a few packets on a path of microseconds", () => {
  const { flow } = watch({
    rateBitsPerSecond: 2e9,
    rttMs: 0.05,
    bufferBytes: 2e6,
    stalls: { everyMs: 10, longestMs: 3 },
  }, 3000);
  assert(flow.controller.windowBytes > 100 * MTU, `window ${flow.controller.windowBytes}`);
  assert(flow.lateGoodputMbits > 1600, `${flow.lateGoodputMbits.toFixed(0)} Mbit/s`);
});

Deno.test("bbr probes for the RTT only when the path did not show it", () => {
  const clean = watch({ rateBitsPerSecond: 50e6, rttMs: 600 }, 60_000);
  assert(!clean.changes.some(({ state }) => state === "probe-rtt"));

  const controller = createController(bbr);
  for (let round = 1; round <= 6; round++) feedRound(controller, round, 1e6);
  let hasProbed = false;
  for (let round = 7; round < 160; round++) {
    feedRound(controller, round, 1e6, { rttMs: 80 });
    hasProbed ||= controller.stateName === "probe-rtt";
  }
  assert(hasProbed);
});

Deno.test("bbr's RTT probe leaves as much in flight as it can", () => {
  const probe = (rttMs: number, probedRttMs: number) => {
    const controller = createController(bbr);
    for (let round = 1; round <= 6; round++) feedRound(controller, round, 1e6);
    const shares: number[] = [];
    for (let round = 7; round < 160; round++) {
      const isProbing = controller.stateName === "probe-rtt";
      if (isProbing) shares.push(controller.windowBytes / 50_000);
      else if (shares.length > 0) break;
      feedRound(controller, round, 1e6, { rttMs: isProbing ? probedRttMs : rttMs, isFull: false });
    }
    return shares;
  };
  // Our own queue hid it: a little less shows it, within a round.
  const gentle = probe(55, 50.2);
  assert(gentle.length > 0 && gentle.length <= 2, `${gentle}`);
  assert(Math.min(...gentle) > 0.8, `${gentle}`);
  // The path is longer now: first a little less, then half.
  const deep = probe(55, 54);
  assert(deep[0]! > 0.8 && deep.at(-1)! < 0.55, `${deep}`);
  assert(deep.length * 50 < 1000, `${deep.length} rounds`);
  // Others keep a queue: half at once.
  assert(probe(120, 60)[0]! < 0.55);
});

Deno.test("bbr goes on at half the saved bandwidth after a blackout, for one round trip", () => {
  const controller = createController(bbr);
  for (let round = 1; round <= 12; round++) feedRound(controller, round, 1e6);
  const saved = controller.bandwidthBytesPerSecond;
  controller.onBlackoutEnd(20_000, 21_000);
  // Everything sent before and during the silence is lost: that is no congestion.
  controller.onLoss(lossSample({
    nowMs: 21_000,
    largestLostSentAtMs: 20_500,
    lostBytes: 500_000,
    lostSinceSentBytes: 500_000,
    sentInFlightBytes: 500_000,
  }));
  assertEquals(controller.bandwidthBytesPerSecond, saved);
  assertEquals(controller.pacingRateBytesPerSecond, saved / 2);
  for (let round = 421; round <= 423; round++) feedRound(controller, round, 1e6);
  assert(controller.pacingRateBytesPerSecond > 0.85 * saved);
});

Deno.test("bbr starts anew after more than two minutes of silence", () => {
  const controller = createController(bbr);
  for (let round = 1; round <= 12; round++) feedRound(controller, round, 1e6);
  controller.onBlackoutEnd(121_000, 122_000);
  assertEquals(controller.stateName, "startup");
  assertEquals(controller.bandwidthBytesPerSecond, NaN);
});

Deno.test("bbr is back at speed a second after three seconds of darkness", () => {
  const link = { rateBitsPerSecond: 100e6, rttMs: 50, blackout: { fromMs: 4000, toMs: 7000 } };
  const samples: number[] = [];
  runLink(link, [{ controller: bbr }], 12_000, (atMs, _flow, controller) => {
    if (atMs > 10_000) samples.push(controller.pacingRateBytesPerSecond);
  });
  assert(Math.max(...samples.slice(0, 100)) * 8 > 80e6);
});

Deno.test("bbr follows a path that becomes ten times as fast", () => {
  const rateStep = { atMs: 5000, rateBitsPerSecond: 200e6 };
  const { flow } = watch(
    { rateBitsPerSecond: 20e6, rttMs: 50, bufferBytes: 300_000, rateStep },
    30_000,
  );
  assert(flow.lateGoodputMbits > 170, `${flow.lateGoodputMbits.toFixed(1)} Mbit/s`);
});

Deno.test("bbr follows a path that becomes ten times as slow", () => {
  const rateStep = { atMs: 5000, rateBitsPerSecond: 20e6 };
  const { flow } = watch(
    { rateBitsPerSecond: 200e6, rttMs: 50, bufferBytes: 1_250_000, rateStep },
    40_000,
  );
  const bandwidthMbits = flow.controller.bandwidthBytesPerSecond * 8 / 1e6;
  assert(bandwidthMbits < 25, `${bandwidthMbits.toFixed(1)} Mbit/s`);
  assert(flow.lateGoodputMbits > 17, `${flow.lateGoodputMbits.toFixed(1)} Mbit/s`);
});

Deno.test("bbr is not misled by ACKs that come late and look like loss and queue", () => {
  const { flow } = watch({
    rateBitsPerSecond: 100e6,
    rttMs: 10,
    bufferBytes: 125_000,
    lateAcks: { share: 0.1, longestMs: 60 },
  }, 20_000);
  assert(flow.lateGoodputMbits > 85, `${flow.lateGoodputMbits.toFixed(1)} Mbit/s`);
});

Deno.test("bbr does not go back to startup for packets that are late much later", () => {
  const controller = createController(bbr);
  for (let round = 1; round <= 4; round++) feedRound(controller, round, 1e5 * 2 ** round);
  for (let round = 5; round <= 7; round++) {
    feedRound(controller, round, 1.6e6, { rttMs: 70, lossBursts: 9 });
  }
  for (let round = 8; round <= 40; round++) feedRound(controller, round, 1.6e6);
  assert(controller.stateName !== "startup");
  controller.onSpuriousLoss(100, 100 * MTU, 2100);
  assert(controller.stateName !== "startup");
});
