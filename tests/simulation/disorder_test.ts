/** Packets that overtake each other, by a little or by far. */
import { assertEquals } from "@std/assert";
import { connectPair } from "./endpoint_pair.ts";
import { bytesOf } from "./scene.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

Deno.test("keys change every few packets in both directions, with losses and overtaking", () => {
  const net = new SimulatedNetwork({
    seed: 5,
    link: { lossRate: 0.05, reorderRate: 0.2, reorderMs: 40, jitterMs: 5 },
  });
  const often = { keyUpdatePackets: 3, leastKeyUpdatePackets: 0 };
  const { client, server, violations } = connectPair(net, { client: often, server: often });
  client.openStream().write(bytesOf(200_000)).finish();
  net.runFor(500);
  server.wrap(server.accepted[0]!).write(bytesOf(200_000)).finish();
  net.runFor(60_000);
  assertEquals([client.receivedBytes, server.receivedBytes], [200_000, 200_000]);
  assertEquals(violations, []);
});

Deno.test("packets that arrive very late at a high rate are acknowledged, not sent again", () => {
  const net = new SimulatedNetwork({
    seed: 5,
    link: { rateBytesPerSecond: 62.5e6, latencyMs: 25, jitterMs: 20, queueBytes: 4_000_000 },
  });
  const { client, server } = connectPair(net);
  client.openStream().write(bytesOf(60_000_000)).finish();
  net.runFor(1600);
  assertEquals([server.receivedBytes, client.live.stats().lostPackets], [60_000_000, 0]);
});
