/**
 * Goodput of the controllers on a model link, in virtual time: a change that costs a tenth
 * anywhere fails. The failure message is the table as measured, ready to be pasted here when a
 * change is meant.
 *
 * @module
 */

import { assert, fail } from "@std/assert";
import { congestionController as bbr } from "../../lib/transport/congestion/bbr.ts";
import { congestionController as cubic } from "../../lib/transport/congestion/cubic.ts";
import { congestionController as polite } from "../../lib/transport/congestion/polite.ts";
import type { CongestionControllerFactory } from "../../lib/transport/congestion/controller.ts";
import { type LinkOptions, runLink } from "./link_model.ts";

const TOLERANCE = 0.9;
const FIRST_SEED = Number(Deno.env.get("SEED") ?? 1);

interface Profile {
  readonly name: string;
  readonly link: LinkOptions;
  readonly totalBytes: number;
  /** Mbit/s of file contents over the whole transfer, startup included: worst and mean seed. */
  readonly expected: { readonly worst: number; readonly mean: number };
  /** What a transfer must reach whatever this table says, Mbit/s. */
  readonly atLeast?: number;
  readonly longestMeanQueueMs?: number;
}

const PROFILES: readonly Profile[] = [
  {
    name: "lan1g",
    link: { rateBitsPerSecond: 1e9, rttMs: 0.2, bufferBytes: 512_000 },
    totalBytes: 2e8,
    expected: { worst: 953, mean: 953 },
    atLeast: 900,
  },
  {
    name: "lan1g, busy hosts",
    link: {
      rateBitsPerSecond: 1e9,
      rttMs: 0.2,
      bufferBytes: 512_000,
      stalls: { everyMs: 30, longestMs: 4 },
    },
    totalBytes: 2e8,
    expected: { worst: 945, mean: 946 },
  },
  {
    name: "loopback, busy hosts",
    link: {
      rateBitsPerSecond: 5e9,
      rttMs: 0.1,
      bufferBytes: 4e6,
      stalls: { everyMs: 10, longestMs: 4 },
    },
    totalBytes: 5e8,
    expected: { worst: 4700, mean: 4700 },
  },
  {
    name: "metro",
    link: { rateBitsPerSecond: 500e6, rttMs: 10, lossRate: 0.0001 },
    totalBytes: 2e8,
    expected: { worst: 460, mean: 465 },
  },
  {
    name: "wan",
    link: { rateBitsPerSecond: 200e6, rttMs: 80, lossRate: 0.001 },
    totalBytes: 2e8,
    expected: { worst: 179.5, mean: 179.9 },
    atLeast: 175,
  },
  {
    name: "lossy",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, lossRate: 0.01 },
    totalBytes: 1e8,
    expected: { worst: 90.9, mean: 90.9 },
    atLeast: 88,
  },
  {
    name: "lossy, 5 %",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, lossRate: 0.05 },
    totalBytes: 1e8,
    expected: { worst: 84, mean: 84.5 },
  },
  {
    name: "lossy, 20 %",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, lossRate: 0.2 },
    totalBytes: 3e8,
    expected: { worst: 65, mean: 66.9 },
  },
  {
    name: "long, 2 %",
    link: { rateBitsPerSecond: 100e6, rttMs: 300, lossRate: 0.02 },
    totalBytes: 3e8,
    expected: { worst: 85.4, mean: 85.7 },
  },
  {
    name: "transpacific",
    link: { rateBitsPerSecond: 1e9, rttMs: 150, lossRate: 0.0001 },
    totalBytes: 1e9,
    expected: { worst: 832.2, mean: 833.9 },
    atLeast: 750,
  },
  {
    name: "satellite",
    link: { rateBitsPerSecond: 50e6, rttMs: 600, lossRate: 0.005 },
    totalBytes: 1e8,
    expected: { worst: 38.8, mean: 38.9 },
    atLeast: 36,
  },
  {
    name: "mobile",
    link: { rateBitsPerSecond: 20e6, rttMs: 60, lossRate: 0.02, jitterMs: 20 },
    totalBytes: 3e7,
    expected: { worst: 17.4, mean: 17.6 },
    atLeast: 15,
  },
  {
    name: "wandering delay",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, wanderMs: 20 },
    totalBytes: 1e8,
    expected: { worst: 86, mean: 88 },
  },
  {
    name: "bad Wi-Fi",
    link: {
      rateBitsPerSecond: 100e6,
      rttMs: 50,
      bufferBytes: 625_000,
      jitterMs: 10,
      lossRate: 0.01,
    },
    totalBytes: 1e8,
    expected: { worst: 86, mean: 88 },
  },
  {
    name: "late ACKs",
    link: {
      rateBitsPerSecond: 100e6,
      rttMs: 10,
      bufferBytes: 125_000,
      lateAcks: { share: 0.1, longestMs: 60 },
    },
    totalBytes: 1e8,
    expected: { worst: 95, mean: 95 },
  },
  {
    name: "bloated",
    link: { rateBitsPerSecond: 20e6, rttMs: 40, bufferBytes: 1e6 },
    totalBytes: 3e7,
    expected: { worst: 18.9, mean: 18.9 },
    atLeast: 18,
    longestMeanQueueMs: 60,
  },
  {
    name: "queue of ten packets",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes: 15_000 },
    totalBytes: 1e8,
    expected: { worst: 87.3, mean: 87.3 },
  },
  {
    name: "queue of a tenth",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes: 62_500 },
    totalBytes: 1e8,
    expected: { worst: 91.3, mean: 91.3 },
  },
  {
    name: "blackout of 5 s",
    link: { rateBitsPerSecond: 100e6, rttMs: 50, blackout: { fromMs: 4000, toMs: 9000 } },
    totalBytes: 1e8,
    expected: { worst: 55.5, mean: 55.5 },
  },
  {
    name: "2 Mbit/s",
    link: { rateBitsPerSecond: 2e6, rttMs: 100 },
    totalBytes: 3e6,
    expected: { worst: 1.8, mean: 1.8 },
  },
];

Deno.test("bbr: goodput of whole transfers on the profiles of wide-area links", () => {
  const table: string[] = [];
  let hasFailed = false;
  for (const { name, link, totalBytes, expected, atLeast = 0, longestMeanQueueMs } of PROFILES) {
    const goodputs: number[] = [];
    let queueMs = 0;
    let lostShare = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 3; seed++) {
      const { flows } = runLink({ ...link, seed }, [{ controller: bbr, totalBytes }], 200_000);
      const flow = flows[0]!;
      goodputs.push(flow.goodputMbits);
      queueMs += flow.meanQueueMs / 3;
      lostShare += flow.lostPackets / flow.sentPackets / 3;
    }
    const worst = Math.min(...goodputs);
    const mean = (goodputs[0]! + goodputs[1]! + goodputs[2]!) / 3;
    const isGood = worst >= expected.worst * TOLERANCE && mean >= expected.mean * TOLERANCE &&
      worst >= atLeast && queueMs <= (longestMeanQueueMs ?? Infinity);
    hasFailed ||= !isGood;
    table.push(
      `${isGood ? "    " : "BAD "}${name.padEnd(22)} worst ${worst.toFixed(1).padStart(7)} ` +
        `mean ${mean.toFixed(1).padStart(7)} (was ${expected.mean}, at least ${atLeast}) ` +
        `queue ${queueMs.toFixed(1)} ms, lost ${(lostShare * 100).toFixed(2)} %`,
    );
  }
  if (hasFailed) fail(`SEED=${FIRST_SEED}\n${table.join("\n")}`);
});

const LOSS_RATES = [0, 0.001, 0.01, 0.05];

/** Percent of rate × payload share × (1 − loss), first ten seconds or thirty round trips. */
const GRID: readonly {
  readonly mbits: number;
  readonly rttMs: number;
  readonly bufferBdp: number;
  /** One for each of LOSS_RATES. */
  readonly percent: readonly number[];
}[] = [
  { mbits: 10, rttMs: 5, bufferBdp: 0.1, percent: [100, 99, 100, 99] },
  { mbits: 10, rttMs: 5, bufferBdp: 0.5, percent: [100, 99, 100, 99] },
  { mbits: 10, rttMs: 5, bufferBdp: 2, percent: [100, 99, 100, 99] },
  { mbits: 10, rttMs: 50, bufferBdp: 0.1, percent: [97, 97, 97, 96] },
  { mbits: 10, rttMs: 50, bufferBdp: 0.5, percent: [99, 99, 99, 97] },
  { mbits: 10, rttMs: 50, bufferBdp: 2, percent: [99, 99, 99, 98] },
  { mbits: 10, rttMs: 300, bufferBdp: 0.1, percent: [91, 91, 90, 84] },
  { mbits: 10, rttMs: 300, bufferBdp: 0.5, percent: [93, 93, 93, 91] },
  { mbits: 10, rttMs: 300, bufferBdp: 2, percent: [94, 94, 94, 92] },
  { mbits: 100, rttMs: 5, bufferBdp: 0.1, percent: [99, 99, 99, 99] },
  { mbits: 100, rttMs: 5, bufferBdp: 0.5, percent: [100, 100, 100, 99] },
  { mbits: 100, rttMs: 5, bufferBdp: 2, percent: [100, 100, 100, 100] },
  { mbits: 100, rttMs: 50, bufferBdp: 0.1, percent: [96, 96, 96, 92] },
  { mbits: 100, rttMs: 50, bufferBdp: 0.5, percent: [96, 96, 97, 94] },
  { mbits: 100, rttMs: 50, bufferBdp: 2, percent: [96, 96, 97, 94] },
  { mbits: 100, rttMs: 300, bufferBdp: 0.1, percent: [83, 83, 83, 80] },
  { mbits: 100, rttMs: 300, bufferBdp: 0.5, percent: [85, 85, 85, 82] },
  { mbits: 100, rttMs: 300, bufferBdp: 2, percent: [86, 86, 85, 83] },
  { mbits: 500, rttMs: 5, bufferBdp: 0.1, percent: [98, 98, 98, 94] },
  { mbits: 500, rttMs: 5, bufferBdp: 0.5, percent: [100, 100, 99, 96] },
  { mbits: 500, rttMs: 5, bufferBdp: 2, percent: [100, 100, 100, 97] },
  { mbits: 500, rttMs: 50, bufferBdp: 0.1, percent: [96, 96, 95, 91] },
  { mbits: 500, rttMs: 50, bufferBdp: 0.5, percent: [96, 96, 96, 92] },
  { mbits: 500, rttMs: 50, bufferBdp: 2, percent: [97, 96, 96, 93] },
  { mbits: 500, rttMs: 300, bufferBdp: 0.1, percent: [77, 77, 77, 73] },
  { mbits: 500, rttMs: 300, bufferBdp: 0.5, percent: [79, 79, 78, 75] },
  { mbits: 500, rttMs: 300, bufferBdp: 2, percent: [79, 79, 78, 76] },
];

Deno.test("bbr: goodput over rate × delay × buffer × loss", () => {
  const table: string[] = [];
  let hasFailed = false;
  for (const { mbits, rttMs, bufferBdp, percent } of GRID) {
    const measured = LOSS_RATES.map((lossRate) => {
      const rateBitsPerSecond = mbits * 1e6;
      const bdpBytes = rateBitsPerSecond / 8 * rttMs / 1000;
      const bufferBytes = Math.max(bdpBytes * bufferBdp, 15_000);
      const link = { rateBitsPerSecond, rttMs, bufferBytes, lossRate, seed: FIRST_SEED };
      const { flows } = runLink(link, [{ controller: bbr }], Math.max(10_000, 30 * rttMs));
      return Math.round(flows[0]!.goodputMbits / (mbits * 1430 / 1500 * (1 - lossRate)) * 100);
    });
    hasFailed ||= measured.some((value, index) => value < percent[index]! * TOLERANCE);
    table.push(
      `  { mbits: ${mbits}, rttMs: ${rttMs}, bufferBdp: ${bufferBdp}, ` +
        `percent: [${measured.join(", ")}] },`,
    );
  }
  if (hasFailed) fail(`SEED=${FIRST_SEED}\n${table.join("\n")}`);
});

/** Mbit/s of two flows sharing 100 Mbit/s and 40 ms for a minute. */
function share(
  controllers: readonly [CongestionControllerFactory, CongestionControllerFactory],
  bufferBdp: number,
  secondStartsAtMs = 0,
): [number, number] {
  const [first, second] = controllers;
  const link = {
    rateBitsPerSecond: 100e6,
    rttMs: 40,
    bufferBytes: 500_000 * bufferBdp,
    seed: FIRST_SEED,
  };
  const { flows } = runLink(
    link,
    [{ controller: first }, { controller: second, startAtMs: secondStartsAtMs }],
    60_000,
  );
  return [flows[0]!.goodputMbits, flows[1]!.goodputMbits];
}

for (const bufferBdp of [0.25, 1, 4]) {
  Deno.test(`two bbr flows get 30 % each, queue of ${bufferBdp} BDP`, () => {
    const [first, second] = share([bbr, bbr], bufferBdp);
    assert(Math.min(first, second) >= 30, `${first.toFixed(0)} and ${second.toFixed(0)}`);
    assert(first + second >= 85, `${first.toFixed(0)} and ${second.toFixed(0)}`);
  });

  Deno.test(`a bbr flow that comes ten seconds late gets a share, queue of ${bufferBdp} BDP`, () => {
    const [early, late] = share([bbr, bbr], bufferBdp, 10_000);
    assert(late >= 30, `${early.toFixed(0)} and ${late.toFixed(0)}`);
  });
}

Deno.test("a bbr flow that comes late has its share within half a minute, whatever the random numbers", () => {
  for (const bufferBdp of [0.25, 1, 4]) {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 4; seed++) {
      const bufferBytes = 625_000 * bufferBdp;
      const { flows } = runLink(
        { rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes, seed },
        [{ controller: bbr }, { controller: bbr, startAtMs: 5000 }],
        35_000,
      );
      const late = flows[1]!.goodputMbits;
      assert(late >= 30, `SEED=${seed}: ${late.toFixed(1)} of 100, queue of ${bufferBdp} BDP`);
    }
  }
});

Deno.test("bbr flows before a queue of ten packets do not answer each other's losses with more", () => {
  // Their own loss is as steady as that of a bad path, but for the ups and downs of their probing.
  const lostShare = (flowCount: number, mbits: number, rttMs: number): number => {
    let lost = 0;
    let sent = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 2; seed++) {
      const { flows, overflowPackets } = runLink(
        { rateBitsPerSecond: mbits * 1e6, rttMs, bufferBytes: 15_000, seed },
        Array.from({ length: flowCount }, (_, i) => ({ controller: bbr, startAtMs: 700 * i })),
        60_000,
      );
      lost += overflowPackets;
      for (const flow of flows) sent += flow.sentPackets;
    }
    return lost / sent;
  };
  for (
    const [flowCount, mbits, rttMs, limit] of [
      [2, 100, 50, 0.17],
      [2, 100, 20, 0.13],
      [4, 20, 60, 0.17],
      [8, 100, 50, 0.21],
      [8, 20, 60, 0.22],
      [16, 100, 20, 0.25],
    ] as const
  ) {
    const share = lostShare(flowCount, mbits, rttMs);
    assert(share < limit, `${flowCount} flows, ${mbits} Mbit/s, ${rttMs} ms: ${share.toFixed(3)}`);
  }
});

Deno.test("a bbr flow that comes late to a path that loses a fifth gets a share", () => {
  for (const bufferBdp of [0.2, 1, 4]) {
    const link = {
      rateBitsPerSecond: 100e6,
      rttMs: 40,
      bufferBytes: 500_000 * bufferBdp,
      lossRate: 0.2,
      seed: FIRST_SEED,
    };
    const { flows } = runLink(
      link,
      [{ controller: bbr }, { controller: bbr, startAtMs: 10_000 }],
      60_000,
    );
    const [early, late] = [flows[0]!.lateGoodputMbits, flows[1]!.lateGoodputMbits];
    assert(late >= 15 && early + late >= 60, `${early.toFixed(0)} and ${late.toFixed(0)}`);
  }
});

Deno.test("bbr at a policer that becomes slower does not go on as if the loss were the path's own", () => {
  for (const mbits of [60, 80, 85]) {
    const { flows, overflowPackets } = runLink(
      {
        rateBitsPerSecond: 100e6,
        rttMs: 50,
        bufferBytes: 15_000,
        rateStep: { atMs: 15_000, rateBitsPerSecond: mbits * 1e6 },
        seed: FIRST_SEED,
      },
      [{ controller: bbr }],
      60_000,
    );
    const lost = overflowPackets / flows[0]!.sentPackets;
    assert(lost < 0.06, `${mbits} Mbit/s: lost ${lost.toFixed(3)}`);
  }
});

Deno.test("a cubic flow beside bbr keeps a quarter, queue of one BDP, whoever begins", () => {
  for (const [oursAtMs, theirsAtMs] of [[0, 0], [0, 3000], [3000, 0]]) {
    const { flows } = runLink(
      { rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes: 625_000, seed: FIRST_SEED },
      [{ controller: bbr, startAtMs: oursAtMs! }, { controller: cubic, startAtMs: theirsAtMs! }],
      60_000,
    );
    const [ours, theirs] = [flows[0]!.goodputMbits, flows[1]!.goodputMbits];
    assert(theirs >= 25, `cubic ${theirs.toFixed(0)}, bbr ${ours.toFixed(0)}`);
    assert(ours >= 40, `cubic ${theirs.toFixed(0)}, bbr ${ours.toFixed(0)}`);
  }
});

Deno.test("bbr is not starved by cubic in a deep queue", () => {
  // Who gets what hangs on who fills the queue first: a mean over three beginnings.
  const ours = [0, 300, 1000].map((startsAtMs) => share([bbr, cubic], 4, startsAtMs)[0]);
  const mean = (ours[0]! + ours[1]! + ours[2]!) / 3;
  assert(mean >= 28, `bbr ${ours.map((mbits) => mbits.toFixed(0)).join(", ")}`);
});

for (const bufferBdp of [1, 4]) {
  Deno.test(`a cubic flow beside polite keeps four fifths, queue of ${bufferBdp} BDP`, () => {
    const [ours, theirs] = share([polite, cubic], bufferBdp);
    assert(theirs >= 80, `cubic ${theirs.toFixed(0)}, polite ${ours.toFixed(0)}`);
  });
}

Deno.test("a cubic flow beside polite keeps four fifths for five minutes", () => {
  // What polite takes for the bare RTT is a minute or so old: the queue must not become that.
  const link = { rateBitsPerSecond: 100e6, rttMs: 40, seed: FIRST_SEED };
  const { flows } = runLink(link, [{ controller: polite }, { controller: cubic }], 300_000);
  const [ours, theirs] = [flows[0]!.lateGoodputMbits, flows[1]!.lateGoodputMbits];
  assert(theirs >= 80, `cubic ${theirs.toFixed(0)}, polite ${ours.toFixed(0)}`);
});

const POLITE_PATHS = [
  [20, 10, 0.85],
  [20, 80, 0.85],
  [20, 150, 0.78],
  [100, 10, 0.85],
  [100, 20, 0.85],
  [100, 50, 0.85],
  [100, 100, 0.85],
] as const;
for (const [mbits, rttMs, leastAlone] of POLITE_PATHS) {
  Deno.test(`polite leaves cubic four fifths and fills an idle link: ${mbits} Mbit/s, ${rttMs} ms`, () => {
    const rateBitsPerSecond = mbits * 1e6;
    const bufferBytes = Math.max(rateBitsPerSecond / 8 * rttMs / 1000, 15_000);
    const link = { rateBitsPerSecond, rttMs, bufferBytes, seed: FIRST_SEED };
    const ceilingMbits = mbits * 1430 / 1500;
    const beside = runLink(link, [{ controller: polite }, { controller: cubic }], 30_000);
    const theirs = beside.flows[1]!.goodputMbits / ceilingMbits;
    assert(theirs >= 0.8, `cubic ${theirs.toFixed(2)}`);
    const alone = runLink(link, [{ controller: polite }], 15_000).flows[0]!.goodputMbits;
    assert(alone >= leastAlone * ceilingMbits, `alone ${(alone / ceilingMbits).toFixed(2)}`);
  });
}

Deno.test("polite alone fills the link, two of them share it", () => {
  const link = { rateBitsPerSecond: 100e6, rttMs: 40 };
  const { flows } = runLink(link, [{ controller: polite }], 30_000);
  assert(flows[0]!.lateGoodputMbits >= 85, `${flows[0]!.lateGoodputMbits.toFixed(0)}`);
  const [first, second] = share([polite, polite], 1);
  assert(Math.min(first, second) >= 30, `${first.toFixed(0)} and ${second.toFixed(0)}`);
});
