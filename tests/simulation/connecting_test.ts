/** Connecting, when packets get lost, come twice or are forged. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { LONG_HEADER_BYTES, VERSION, writeLongHeader } from "../../lib/wire/packet_header.ts";
import { connectPair } from "./endpoint_pair.ts";
import { bytesOf, lose } from "./scene.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

const INITIAL = 0xc0;
const FINISH = 0xc2;

Deno.test("a megabyte arrives over a path that loses 2 %", () => {
  const net = new SimulatedNetwork({ seed: 7, link: { latencyMs: 40, lossRate: 0.02 } });
  const { client, server, violations } = connectPair(net);
  client.openStream().write(bytesOf(1_000_000)).finish();
  net.runFor(60_000);
  assertEquals(server.receivedBytes, 1_000_000);
  assertEquals(server.ended, [0]);
  assertEquals(violations, []);
});

Deno.test("what the handshake took sizes the first flight, also when its packets went twice", () => {
  for (const [latencyMs, withinMs] of [[75, 75 + 75], [300, 300 + 120]] as const) {
    for (const sender of ["client", "server"] as const) {
      const net = new SimulatedNetwork({ seed: 1, link: { latencyMs } });
      const pair = connectPair(net);
      const receiver = pair[sender === "client" ? "server" : "client"];
      pair[sender].openStream().write(bytesOf(120_000)).finish();
      net.runFor(withinMs);
      assertEquals(receiver.receivedBytes, 120_000, `${sender}, ${latencyMs} ms each way`);
    }
  }
});

Deno.test("a FINISH that is lost twice is repeated although the client has nothing to say", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  let left = 2;
  lose(net, ({ bytes }) => bytes[0] === FINISH && left-- > 0);
  const small = { initialWindowBytes: 64 << 10 };
  const { client, server } = connectPair(net, { client: small, server: small, isLazy: true });
  net.runFor(2000);
  assert(client.connection !== null && server.connection !== null);
});

Deno.test("a FINISH that comes twice makes one connection", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  net.observers.push((packet) => {
    if (packet.bytes[0] === FINISH) net.inject(packet, net.clock.nowMs + 200);
  });
  const { server } = connectPair(net);
  net.runFor(5000);
  assertEquals(server.host.endpoint.connectionCount, 1);
});

Deno.test("an INITIAL that one flipped bit turned into a wrong one does not end the attempt", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const send = net.send.bind(net);
  let isFirst = true;
  net.send = (node, bytes, to) => {
    const copy = bytes.slice();
    if (isFirst) copy[60]! ^= 4;
    isFirst = false;
    send(node, copy, to);
  };
  const { client } = connectPair(net);
  assertEquals(client.failed, null);
  assert(client.connection !== null);
});

Deno.test("a forged refusal or version list does not end the attempt", () => {
  for (const type of ["refusal", "version-negotiation"] as const) {
    const net = new SimulatedNetwork({ seed: 1 });
    net.observers.push(({ bytes, from, to }) => {
      if (bytes[0] !== INITIAL) return;
      const forged = new Uint8Array(LONG_HEADER_BYTES + 4);
      const destination = ConnectionId.read(bytes, 13);
      const header = {
        type,
        version: type === "refusal" ? VERSION : 0,
        packetBytes: forged.length,
      };
      writeLongHeader(forged, 0, { ...header, destination, source: new ConnectionId(0, 0) });
      net.inject({ from: to, to: from, bytes: forged }, net.clock.nowMs + 1);
    });
    const { client } = connectPair(net);
    assertEquals(client.failed, null, type);
  }
});

Deno.test("a wrong secret is refused within a second", () => {
  const net = new SimulatedNetwork({ seed: 1 });
  const { client, server } = connectPair(net, { serverSecret: bytesOf(32) });
  assertEquals(client.failed?.kind, "refused");
  assertEquals(server.connection, null);
  assertLess(net.clock.nowMs, 1000);
});

Deno.test("a server that is not there is unreachable after the handshake timeout", () => {
  const net = new SimulatedNetwork({ seed: 1, link: { lossRate: 1 } });
  const { client } = connectPair(net, { client: { handshakeTimeoutMs: 4000 } });
  assertEquals(client.failed?.kind, "unreachable");
  assertEquals(Math.round(net.clock.nowMs), 4000);
  net.runFor(1e6);
  assertEquals(client.host.endpoint.nextDeadlineMs(), Infinity);
});

Deno.test("a FINISH that comes within ten seconds makes a connection, and a later one none on either side", () => {
  for (const darkMs of [9000, 14_000]) {
    const net = new SimulatedNetwork({ seed: 1 });
    let beganMs = NaN;
    lose(net, ({ bytes }) => {
      if (bytes[0] === FINISH && Number.isNaN(beganMs)) beganMs = net.clock.nowMs;
      return net.clock.nowMs < beganMs + darkMs;
    });
    const { client, server } = connectPair(net, { isLazy: true });
    net.runFor(20_000);
    const isInTime = darkMs < 10_000;
    assertEquals(server.connection !== null, isInTime);
    assertEquals(client.end?.kind ?? null, isInTime ? null : "timed-out");
    assertEquals(server.host.endpoint.halfOpenCount, 0);
  }
});
