/** Peers that fall silent: who is kept alive, who is given up, and what follows darkness. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { connectPair, SERVER_ADDRESS } from "./endpoint_pair.ts";
import { bytesOf } from "./scene.ts";
import { keyOf, type SeenPacket, SimulatedNetwork } from "./simulated_network.ts";

Deno.test("an idle connection lives as long as both programs do", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const { client, server } = connectPair(net);
  net.runFor(3_600_000);
  assertEquals([client.end, server.end], [null, null]);
});

Deno.test("a peer with a short idle timeout is kept alive as well", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const { client, server } = connectPair(net, { server: { maxIdleTimeoutMs: 9000 } });
  net.runFor(120_000);
  assertEquals([client.end, server.end], [null, null]);
});

Deno.test("the shorter of both idle timeouts holds when the network goes dark", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const { server } = connectPair(net, {
    client: { maxIdleTimeoutMs: 50_000 },
    server: { maxIdleTimeoutMs: 90_000 },
  });
  net.runFor(1000);
  const silentSinceMs = net.clock.nowMs;
  net.addFault({ fromMs: silentSinceMs, untilMs: Infinity, conditions: { lossRate: 1 } });
  net.runUntil(() => server.end !== null, { limitMs: 1e6 });
  assertEquals(server.end?.kind, "timed-out");
  assertLess(net.clock.nowMs - silentSinceMs, 50_500);
});

Deno.test("forged packets do not keep a dead connection alive", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const { server } = connectPair(net);
  let genuine: SeenPacket | null = null;
  net.observers.push((packet) => {
    if (packet.bytes[0]! < 0x80 && keyOf(packet.to) === keyOf(SERVER_ADDRESS)) genuine = packet;
  });
  net.runFor(20_000);
  const darkMs = net.clock.nowMs;
  net.addFault({ fromMs: darkMs, untilMs: Infinity, conditions: { lossRate: 1 } });
  const { from, to, bytes } = genuine! as SeenPacket;
  for (let i = 1; i < 300; i++) {
    const forged = bytes.slice();
    forged[14] = i;
    forged[20]! ^= 0x55;
    net.inject({ from, to, bytes: forged }, darkMs + i * 1000);
  }
  net.runUntil(() => server.end !== null, { limitMs: darkMs + 299_000 });
  assertEquals(server.end?.kind, "timed-out");
  assertLess(net.clock.nowMs - darkMs, 125_000);
});

Deno.test("a dead peer is noticed by silence while packets wait for their answer", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const { client } = connectPair(net, { client: { silenceTimeoutMs: 8000 } });
  net.addFault({ fromMs: net.clock.nowMs, untilMs: Infinity, conditions: { lossRate: 1 } });
  const darkMs = net.clock.nowMs;
  client.openStream().write(bytesOf(1000));
  net.runUntil(() => client.end !== null, { limitMs: 1e6 });
  assertEquals(client.end?.kind, "timed-out");
  assertGreater(net.clock.nowMs - darkMs, 7900);
  assertLess(net.clock.nowMs - darkMs, 12_000);
});

Deno.test("after a blackout of ten seconds data flows again within three", () => {
  const net = new SimulatedNetwork({ seed: 3, link: { latencyMs: 20, rateBytesPerSecond: 1e6 } });
  const { client, server } = connectPair(net);
  client.openStream().write(bytesOf(3_000_000)).finish();
  const darkMs = net.clock.nowMs + 500;
  net.addFault({ fromMs: darkMs, untilMs: darkMs + 10_000, conditions: { lossRate: 1 } });
  net.runUntil(() => false, { limitMs: darkMs + 10_000 });
  const before = server.receivedBytes;
  net.runFor(3000);
  assertGreater(server.receivedBytes, before + 100_000);
  net.runFor(10_000);
  assertEquals(server.receivedBytes, 3_000_000);
});

Deno.test("after a minute of darkness the path is found, and used as before, within a second", () => {
  for (const oneWayMs of [10, 40]) {
    const rateBytesPerSecond = 2e6;
    const net = new SimulatedNetwork({
      seed: 3,
      link: { latencyMs: oneWayMs, rateBytesPerSecond },
    });
    const { client, server } = connectPair(net);
    client.openStream().write(bytesOf(12_000_000)).finish();
    const darkMs = net.clock.nowMs + 2000;
    net.addFault({ fromMs: darkMs, untilMs: darkMs + 60_000, conditions: { lossRate: 1 } });
    net.runUntil(() => false, { limitMs: darkMs + 60_000 });
    net.runFor(1000);
    const before = server.receivedBytes;
    net.runFor(1000);
    assertGreater(server.receivedBytes - before, 0.8 * rateBytesPerSecond);
    net.runFor(10_000);
    assertEquals(server.receivedBytes, 12_000_000);
  }
});
