/** How connections end, also when the last words get lost. */
import { assert, assertEquals } from "@std/assert";
import { CLIENT_ADDRESS, connectPair } from "./endpoint_pair.ts";
import { bytesOf, lose, seenKinds } from "./scene.ts";
import { keyOf, SimulatedNetwork } from "./simulated_network.ts";

Deno.test("closing in the middle of a transfer ends both sides at once and for good", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { rateBytesPerSecond: 1e6 } });
  const { client, server } = connectPair(net);
  client.openStream().write(bytesOf(1_000_000));
  net.runFor(300);
  server.act((connection) => connection.close(9, "enough", net.clock.nowMs));
  net.runFor(500);
  assertEquals(client.end, { kind: "closed-by-peer", code: 9, reason: "enough" });
  assertEquals(server.end?.kind, "closed");
  net.runFor(10_000);
  for (const side of [client, server]) {
    assertEquals(side.host.endpoint.connectionCount, 0);
    assertEquals(side.host.endpoint.nextDeadlineMs(), Infinity);
    assertEquals(seenKinds(side).indexOf("ended"), side.seen.length - 1);
  }
});

Deno.test("a close that is lost is repeated to a peer that goes on talking", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 5 } });
  const { client, server } = connectPair(net);
  client.openStream().write(bytesOf(10_000));
  net.runFor(100);
  const fromMs = net.clock.nowMs;
  net.addFault({ fromMs, untilMs: fromMs + 3, conditions: { lossRate: 1 } });
  server.act((connection) => connection.close(9, "", net.clock.nowMs));
  net.runFor(5);
  client.openStream().write(bytesOf(100));
  net.runFor(200);
  assertEquals(client.end?.kind, "closed-by-peer");
});

Deno.test("what was said last comes with any copy of the close, and nobody waits for its acknowledgement", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 50 } });
  const { client, server, violations } = connectPair(net);
  net.runFor(500);
  // The packet itself, and all copies of the close but one.
  let left = 3;
  const lost = lose(net, ({ from }) => keyOf(from) === keyOf(CLIENT_ADDRESS) && left-- > 0);
  const words = bytesOf(200);
  client.openStream().write(words).finish();
  assert(client.live.fitsInClose);
  client.act((connection) => connection.close(0, "bye", net.clock.nowMs));
  net.runFor(60);
  assertEquals(lost.count, 3);
  assertEquals(server.end, { kind: "closed-by-peer", code: 0, reason: "bye" });
  const { receive } = server.accepted[0]!;
  assertEquals([receive.peek(), receive.isSizeKnown], [words, true]);
  assertEquals(violations, []);
});

Deno.test("more than a packet that the peer has not acknowledged is too much to say with the close", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 50 } });
  const { client } = connectPair(net);
  client.openStream().write(bytesOf(2000)).finish();
  assert(!client.live.fitsInClose);
  net.runFor(500);
  assert(client.live.fitsInClose);
});

Deno.test("a peer that missed the close ends by itself", () => {
  const net = new SimulatedNetwork({ seed: 5 });
  const { client, server } = connectPair(net);
  net.addFault({ fromMs: net.clock.nowMs, untilMs: Infinity, conditions: { lossRate: 1 } });
  server.act((connection) => connection.close(9, "", net.clock.nowMs));
  net.runFor(200_000);
  assertEquals(client.end?.kind, "timed-out");
  assertEquals(client.host.endpoint.connectionCount, 0);
});
