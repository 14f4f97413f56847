/** Paths that suddenly carry small packets only. */
import { assertEquals, assertGreater } from "@std/assert";
import { CLIENT_ADDRESS, connectPair } from "./endpoint_pair.ts";
import { bytesOf, lose } from "./scene.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

Deno.test("a path that suddenly carries only 1200 bytes is noticed", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { rateBytesPerSecond: 2e6 } });
  const { client, server } = connectPair(net);
  const stream = client.openStream().write(bytesOf(1_000_000));
  net.runFor(3000);
  assertEquals(client.live.stats().datagramBytes, 1472);
  net.addFault({ fromMs: net.clock.nowMs, untilMs: Infinity, conditions: { mtuBytes: 1200 } });
  stream.write(bytesOf(1_000_000)).finish();
  net.runFor(20_000);
  assertEquals(server.receivedBytes, 2_000_000);
  assertEquals(client.live.stats().datagramBytes, 1200);
});

Deno.test("a probe timeout sends two small packets, and what else they held in large ones", () => {
  const net = new SimulatedNetwork({ seed: 1, link: { latencyMs: 1, mtuBytes: 65_507 } });
  const { client, server } = connectPair(net);
  client.openStream().write(bytesOf(5_000_000)).finish();
  net.runFor(1000);
  assertEquals(server.receivedBytes, 5_000_000);

  let isCut = true;
  const sizes: number[] = [];
  lose(net, ({ from, bytes }) => {
    if (from.port !== CLIENT_ADDRESS.port) return false;
    sizes.push(bytes.length);
    return isCut;
  });
  client.openStream().write(bytesOf(500_000)).finish();
  assertGreater(sizes[0]!, 60_000);
  sizes.length = 0;
  net.runFor(100);
  isCut = false;
  net.runFor(1000);
  assertEquals(server.receivedBytes, 5_500_000);
  assertEquals(sizes.slice(0, 3), [1200, 1200, 65_507]);
});
