/** Paths that become longer while data flows: whole connections, because more than the controller knows the RTT. */
import { assertGreater } from "@std/assert";
import type { TransportConfig } from "../../lib/transport/mod.ts";
import { CLIENT_ADDRESS, connectPair, type PairSide } from "./endpoint_pair.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

const MBIT = 125_000;

/** A sender that has been at full speed for some seconds, and how to tell what share of the link arrives. */
function running(options: {
  mbits: number;
  latencyMs: number;
  isDownload: boolean;
  seconds: number;
  config?: Partial<TransportConfig>;
}) {
  const { mbits, latencyMs, isDownload, seconds, config = {} } = options;
  const rate = mbits * MBIT;
  const link = { rateBytesPerSecond: rate, latencyMs, queueBytes: 1_000_000 };
  const net = new SimulatedNetwork({ seed: 5, link });
  const { client, server } = connectPair(net, { client: config });
  const stream = client.openStream();
  let receiver: PairSide = server;
  if (isDownload) {
    stream.write(new Uint8Array(10));
    net.runFor(200);
    server.wrap(server.accepted[0]!).write(new Uint8Array(rate * seconds)).finish();
    receiver = client;
  } else stream.write(new Uint8Array(rate * seconds)).finish();
  net.runFor(4000);
  const percentOver = (spanMs: number): number => {
    const before = receiver.receivedBytes;
    net.runFor(spanMs);
    return (receiver.receivedBytes - before) * 100_000 / spanMs / rate;
  };
  const lengthen = (toLatencyMs: number, fromMs = net.clock.nowMs): void =>
    net.addFault({ fromMs, untilMs: Infinity, conditions: { latencyMs: toLatencyMs } });
  return { net, client, percentOver, lengthen };
}

for (const change of ["nothing", "port", "host"] as const) {
  for (const [mbits, latencyMs] of [[100, 40], [100, 80], [20, 60]]) {
    const what = change === "nothing" ? "an upload" : `a download to another ${change}`;
    Deno.test(`${what} is at full speed 2 s after a blackout on a longer path: ${mbits} Mbit/s, ${latencyMs} ms`, () => {
      const isDownload = change !== "nothing";
      const { net, client, percentOver, lengthen } = running({
        mbits: mbits!,
        latencyMs: 10,
        isDownload,
        seconds: 20,
      });
      const backMs = net.clock.nowMs + 5000;
      net.addFault({ fromMs: net.clock.nowMs, untilMs: backMs, conditions: { lossRate: 1 } });
      lengthen(latencyMs!, backMs);
      if (change === "port") net.attach(client.host, { ...CLIENT_ADDRESS, port: 77 });
      if (change === "host") net.attach(client.host, { hostname: "203.0.113.9", port: 77 });
      net.runFor(4900);
      if (isDownload) client.act((connection) => connection.ping());
      net.runFor(100 + 2000);
      assertGreater(percentOver(2000), 90);
    });
  }
}

for (const change of ["nothing", "host"] as const) {
  Deno.test(`the peer's receive buffer does not hold back a path that became long: ${change} else changes`, () => {
    const { net, client, percentOver, lengthen } = running({
      mbits: 100,
      latencyMs: 1,
      isDownload: true,
      seconds: 25,
    });
    lengthen(150);
    if (change === "host") net.attach(client.host, { hostname: "203.0.113.9", port: 77 });
    client.act((connection) => connection.ping());
    net.runFor(8000);
    assertGreater(percentOver(2000), 90);
  });
}

Deno.test("in background mode a path that became a little longer is taken as idle within two minutes", () => {
  const { net, percentOver, lengthen } = running({
    mbits: 20,
    latencyMs: 10,
    isDownload: false,
    seconds: 140,
    config: { isPolite: true },
  });
  lengthen(14);
  net.runFor(120_000);
  assertGreater(percentOver(5000), 90);
});
