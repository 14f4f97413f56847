/** The life of a connection, scene by scene: the rare moments that a thousand seeds meet too seldom. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Address } from "../../lib/transport/mod.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { LONG_HEADER_BYTES, VERSION, writeLongHeader } from "../../lib/wire/packet_header.ts";
import { CLIENT_ADDRESS, connectPair, type PairSide, SERVER_ADDRESS } from "./endpoint_pair.ts";
import type { Scenario } from "./scenario.ts";
import { SeededRandom } from "./seeded_entropy.ts";
import { keyOf, type SeenPacket, SimulatedNetwork } from "./simulated_network.ts";
import { simulate } from "./simulation.ts";
import { plainFlow } from "./stream_workload.ts";

const INITIAL = 0xc0;
const FINISH = 0xc2;

/** Makes packets that fit a test vanish; counts them. */
function lose(
  network: SimulatedNetwork,
  isLost: (packet: SeenPacket) => boolean,
): { count: number } {
  const lost = { count: 0 };
  const send = network.send.bind(network);
  network.send = (node, bytes, to) => {
    if (isLost({ from: network.addressOf(node), to, bytes })) lost.count++;
    else send(node, bytes, to);
  };
  return lost;
}

function bytesOf(length: number): Uint8Array {
  return new SeededRandom(length).bytes(length);
}

function seenKinds(side: PairSide): string[] {
  return side.seen.map(({ kind }) => kind);
}

// ── Connecting ───────────────────────────────────────────────────────────────────────────────────

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

// ── Staying alive ────────────────────────────────────────────────────────────────────────────────

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

// ── Moving ───────────────────────────────────────────────────────────────────────────────────────

Deno.test("a download goes on when the client's NAT gives it another port or address", () => {
  for (
    const address of [{ ...CLIENT_ADDRESS, port: 1234 }, { hostname: "203.0.113.9", port: 77 }]
  ) {
    const net = new SimulatedNetwork({ seed: 5, link: { rateBytesPerSecond: 1e6 } });
    const { client, server } = connectPair(net);
    const upload = client.openStream();
    upload.write(bytesOf(10));
    net.runFor(100);
    server.wrap(server.accepted[0]!).write(bytesOf(2_000_000)).finish();
    net.runFor(500);
    net.attach(client.host, address);
    net.runFor(30_000);
    assertEquals(client.receivedBytes, 2_000_000, keyOf(address));
    assertEquals(server.live.address, address);
  }
});

Deno.test("a client that only receives says so when its NAT has given it another port", () => {
  for (const darkMs of [0, 3000]) {
    const net = new SimulatedNetwork({ seed: 5, link: { rateBytesPerSecond: 2e6, latencyMs: 1 } });
    const { client, server } = connectPair(net);
    client.openStream().write(bytesOf(1));
    net.runFor(100);
    server.wrap(server.accepted[0]!).write(bytesOf(20_000_000)).finish();
    net.runFor(2000);
    const untilMs = net.clock.nowMs + darkMs;
    net.addFault({ fromMs: net.clock.nowMs, untilMs, conditions: { lossRate: 1 } });
    net.runFor(darkMs / 2);
    net.attach(client.host, { ...CLIENT_ADDRESS, port: 1234 });
    net.runFor(darkMs / 2 + 1500);
    const before = client.receivedBytes;
    net.runFor(1000);
    assertGreater(client.receivedBytes - before, 1_500_000);
  }
});

Deno.test("a copy of the newest packet from elsewhere does not move the connection", () => {
  const net = new SimulatedNetwork({ seed: 5 });
  const { client, server } = connectPair(net);
  const elsewhere = { hostname: "198.51.100.3", port: 99 };
  net.observers.push((packet, node) => {
    if (node === client.host) net.inject({ ...packet, from: elsewhere }, net.clock.nowMs + 0.1);
  });
  client.openStream().write(bytesOf(300_000)).finish();
  net.runFor(20_000);
  assertEquals(server.receivedBytes, 300_000);
  assertEquals(server.live.address, CLIENT_ADDRESS);
});

// ── Shrinking paths ──────────────────────────────────────────────────────────────────────────────

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

// ── Flow control and streams ─────────────────────────────────────────────────────────────────────

Deno.test("a reader that does not read stops the writer at the window, and reading starts it again", () => {
  const net = new SimulatedNetwork({ seed: 5 });
  const window = { initialStreamWindowBytes: 50_000, maxStreamWindowBytes: 50_000 };
  const { client, server } = connectPair(net, { server: window });
  server.isReading = false;
  const stream = client.openStream().write(bytesOf(400_000)).finish();
  net.runFor(5000);
  assertEquals(stream.entry.send.sentEnd, 50_000);
  server.isReading = true;
  server.host.pump();
  net.runFor(5000);
  assertEquals(server.receivedBytes, 400_000);
});

Deno.test("a thousand streams pass through a limit of four, one after another", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 1, lossRate: 0.01 } });
  const { client, server, violations } = connectPair(net, { server: { maxStreams: 4 } });
  let opened = 0;
  while (opened < 1000) {
    while (opened < 1000) {
      const entry = client.live.streams.open();
      if (entry === null) break;
      client.wrap(entry).write(Uint8Array.of(opened)).finish();
      opened++;
    }
    for (const entry of server.accepted.splice(0)) server.wrap(entry).finish();
    net.runFor(20);
    assertLess(net.clock.nowMs, 1e6);
  }
  net.runFor(5000);
  for (const entry of server.accepted.splice(0)) server.wrap(entry).finish();
  net.runFor(5000);
  assertEquals(server.receivedBytes, 1000);
  assertEquals([client.live.streams.count, server.live.streams.count], [0, 0]);
  assertEquals(violations, []);
});

Deno.test("streams that are opened and abandoned wait within the limit while none is accepted", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 1 } });
  const { client, server, violations } = connectPair(net, { server: { maxStreams: 8 } });
  server.isAccepting = false;
  let opened = 0;
  const abandonMany = (): void => {
    for (let round = 0; round < 100; round++) {
      client.act(({ streams }) => {
        for (let entry = streams.open(); entry !== null; entry = streams.open()) {
          opened++;
          streams.reset(entry, 1);
          streams.stop(entry, 1);
        }
      });
      net.runFor(20);
    }
  };
  abandonMany();
  assertEquals([opened, server.accepted.length], [8, 8]);
  server.act(({ streams }) => {
    for (const entry of server.accepted) streams.accept(entry);
  });
  abandonMany();
  assertEquals([opened, server.accepted.length], [16, 16]);
  assertEquals([client.live.streams.count, server.live.streams.count], [0, 0]);
  assertEquals(violations, []);
});

Deno.test("every stream that is over is reported closed, once, on both sides", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 1 } });
  const { client, server } = connectPair(net);
  const [ended, answered, cut] = Array.from({ length: 3 }, () => client.openStream());
  ended!.write(bytesOf(100)).finish();
  answered!.write(bytesOf(100)).finish();
  cut!.write(bytesOf(100));
  net.runFor(500);
  server.wrap(server.accepted[0]!).finish();
  server.wrap(server.accepted[1]!).write(bytesOf(300_000)).finish();
  client.act(({ streams }) => {
    streams.reset(cut!.entry, 1);
    streams.stop(cut!.entry, 1);
  });
  net.runFor(5000);
  for (const side of [client, server]) {
    const closed = side.seen.flatMap((event) =>
      event.kind === "stream-closed" ? [event.stream.id] : []
    );
    assertEquals(closed.sort((a, b) => a - b), [0, 4, 8]);
  }
});

Deno.test("a stream is forgotten when its end comes alone and last", () => {
  const net = new SimulatedNetwork({ seed: 5 });
  const { client, server } = connectPair(net);
  const stream = client.openStream().write(bytesOf(100));
  net.runFor(200);
  server.wrap(server.accepted[0]!).write(bytesOf(50)).finish();
  net.runFor(200);
  stream.finish();
  net.runFor(500);
  assertEquals(server.ended, [0]);
  assertEquals([client.live.streams.count, server.live.streams.count], [0, 0]);
});

Deno.test("a reset and a stop that are lost are said again", () => {
  for (const kind of ["reset", "stop"] as const) {
    const net = new SimulatedNetwork({ seed: 5 });
    const { client, server } = connectPair(net);
    const stream = client.openStream().write(bytesOf(5000));
    net.runFor(200);
    const accepted = server.accepted[0]!;
    net.addFault({
      fromMs: net.clock.nowMs,
      untilMs: net.clock.nowMs + 300,
      conditions: { lossRate: 1 },
    });
    if (kind === "reset") client.act(({ streams }) => streams.reset(stream.entry, 42));
    else server.act((connection) => connection.stop(accepted, 42, net.clock.nowMs));
    net.runFor(3000);
    const code = kind === "reset" ? accepted.peerResetCode : stream.entry.peerStopCode;
    assertEquals(code, 42, kind);
    assert(stream.entry.send.isDone, kind);
  }
});

// ── Ending ───────────────────────────────────────────────────────────────────────────────────────

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

// ── An attacker on the path ──────────────────────────────────────────────────────────────────────

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
