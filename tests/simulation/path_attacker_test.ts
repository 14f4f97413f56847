/** Somebody on the path who adds packets: they may cost some speed and nothing else. */
import { assertEquals, assertLess } from "@std/assert";
import type { Address } from "../../lib/transport/mod.ts";
import { CLIENT_ADDRESS, connectPair } from "./endpoint_pair.ts";
import type { Scenario } from "./scenario.ts";
import { bytesOf } from "./scene.ts";
import { SimulatedNetwork } from "./simulated_network.ts";
import { simulate } from "./simulation.ts";
import { plainFlow } from "./stream_workload.ts";

Deno.test("an attacker who adds a packet for each genuine one costs less than half the speed", () => {
  const timeOf = (seed: number, rate: number): number => {
    const { failures, settledMs } = simulate(upload(seed, rate));
    assertEquals(failures, []);
    return settledMs;
  };
  // What it costs depends on which packets are hit: the middle one of several attacks counts.
  const costs = Array.from({ length: 7 }, (_, seed) => timeOf(seed, 1) / timeOf(seed, 0));
  assertLess(costs.sort((a, b) => a - b)[3]!, 2);
});

Deno.test("a copy of every packet of the client, each from somewhere new, does not slow transfers down", () => {
  const spoofs: ((count: number) => Address)[] = [
    () => ({ hostname: "198.51.100.3", port: 99 }),
    (count) => ({ hostname: "198.51.100.3", port: 1000 + count % 60_000 }),
    (count) => ({ hostname: `198.51.100.${count % 250}`, port: 1000 + count % 60_000 }),
  ];
  for (const way of ["upload", "download"] as const) {
    const cleanMs = transferMs(way, null);
    for (const spoof of spoofs) assertLess(transferMs(way, spoof), 2 * cleanMs);
  }
});

/** How long 2 MB take when each packet of the client is overtaken by a copy in somebody else's name. */
function transferMs(
  way: "upload" | "download",
  spoof: ((count: number) => Address) | null,
): number {
  const net = new SimulatedNetwork({
    seed: 5,
    link: { rateBytesPerSecond: 2e6, latencyMs: 20, queueBytes: 80_000 },
  });
  const { client, server } = connectPair(net);
  const startMs = net.clock.nowMs;
  let copies = 0;
  net.observers.push((packet, node) => {
    if (spoof === null || node !== client.host) return;
    net.inject({ ...packet, from: spoof(copies++) }, net.clock.nowMs + 15);
  });
  const stream = client.openStream().write(bytesOf(1));
  if (way === "upload") stream.write(bytesOf(2_000_000)).finish();
  net.runFor(100);
  if (way === "download") server.wrap(server.accepted[0]!).write(bytesOf(2_000_000)).finish();
  const receiver = way === "upload" ? server : client;
  net.runUntil(() => receiver.receivedBytes >= 2_000_000, { limitMs: startMs + 60_000 });
  assertEquals([client.end, server.end, server.live.address], [null, null, CLIENT_ADDRESS]);
  return net.clock.nowMs - startMs;
}

function upload(seed: number, rate: number): Scenario {
  return {
    seed,
    profile: "attacked upload",
    controller: "bbr",
    hasRealCipher: true,
    link: { latencyMs: 10, rateBytesPerSecond: 2e6, queueBytes: 80_000 },
    faults: [],
    actions: [],
    attack: {
      attacks: ["garbage", "mutate", "spoof", "reflect", "replay", "initial", "cross"],
      rate,
      fromMs: 30,
      untilMs: Infinity,
    },
    clients: [[{
      id: 0,
      opener: "client",
      startMs: 0,
      request: plainFlow(2_000_000),
      response: plainFlow(0),
      isAnswered: false,
    }]],
    clientConfig: {},
    serverConfig: {},
    ending: { kind: "when-settled", by: "client" },
    isReplayedAfterwards: true,
    latenessMs: 0,
  };
}
