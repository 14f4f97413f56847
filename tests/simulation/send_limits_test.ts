/** What the sender of a connection finds to have held it back, in scenes with one reason each. */
import { assertEquals, assertGreater } from "@std/assert";
import type { SendTimes } from "../../lib/bytes/send_times.ts";
import { congestionController as cubic } from "../../lib/transport/congestion/cubic.ts";
import type { TransportConfig } from "../../lib/transport/mod.ts";
import { connectPair, type Pair } from "./endpoint_pair.ts";
import { bytesOf } from "./scene.ts";
import { type LinkConditions, SimulatedNetwork } from "./simulated_network.ts";

const WAN: Partial<LinkConditions> = {
  latencyMs: 20,
  rateBytesPerSecond: 5e6,
  queueBytes: 200_000,
};
const SPAN_MS = 10_000;

/** Share of ten seconds for each reason, in percent, while the client sends. */
function shares(
  scene: {
    readonly link?: Partial<LinkConditions>;
    readonly client?: Partial<TransportConfig>;
    readonly act?: (pair: Pair) => void;
    readonly sizeBytes?: number;
  },
): Record<keyof SendTimes, number> {
  const net = new SimulatedNetwork({ seed: 9, link: scene.link ?? WAN });
  const pair = connectPair(net, { client: scene.client ?? {} });
  scene.act?.(pair);
  const startMs = net.clock.nowMs;
  const before = pair.client.live.sendTimes(startMs);
  pair.client.openStream().write(bytesOf(scene.sizeBytes ?? 80_000_000));
  net.runFor(SPAN_MS);
  const after = pair.client.live.sendTimes(startMs + SPAN_MS);
  const share = (key: keyof SendTimes) => (after[key] - before[key]) * 100 / SPAN_MS;
  const result = {
    pathMs: share("pathMs"),
    lossMs: share("lossMs"),
    capMs: share("capMs"),
    peerMs: share("peerMs"),
    idleMs: share("idleMs"),
    busyMs: share("busyMs"),
  };
  const sum = Object.values(result).reduce((total, value) => total + value, 0);
  assertEquals(Math.round(sum), 100, JSON.stringify(result));
  return result;
}

Deno.test("a sender alone on its path is held back by the path, random loss or not", () => {
  assertGreater(shares({}).pathMs, 95);
  assertGreater(shares({ link: { ...WAN, lossRate: 0.01 } }).pathMs, 95);
});

Deno.test("a sender whose controller cuts back at every loss is held back by loss", () => {
  const lossy = { ...WAN, lossRate: 0.02 };
  assertGreater(shares({ link: lossy, client: { congestion: cubic } }).lossMs, 90);
});

Deno.test("a sender with a cap below the path is held back by the cap, one above it by the path", () => {
  assertGreater(shares({ client: { maxRateBytesPerSecond: 1e6 } }).capMs, 95);
  assertGreater(shares({ client: { maxRateBytesPerSecond: 20e6 } }).pathMs, 95);
});

Deno.test("a sender whose peer does not read is held back by the peer", () => {
  const { peerMs } = shares({ act: ({ server }) => void (server.isReading = false) });
  assertGreater(peerMs, 80);
});

Deno.test("a sender with nothing to send is idle", () => {
  assertGreater(shares({ sizeBytes: 1000 }).idleMs, 95);
});
