/** A client that moves is found again, and somebody who copies its packets gets nothing. RFC 9000 §9.3. */
import { assertEquals, assertGreater } from "@std/assert";
import type { Address } from "../../lib/transport/mod.ts";
import { AmplificationWatch } from "./amplification_watch.ts";
import { CLIENT_ADDRESS, connectPair, type Pair, SERVER_ADDRESS } from "./endpoint_pair.ts";
import { bytesOf } from "./scene.ts";
import { keyOf, SimulatedNetwork } from "./simulated_network.ts";

type Way = "upload" | "download";

const ELSEWHERE: Address = { hostname: "198.51.100.3", port: 99 };
const RATE_BYTES_PER_SECOND = 2e6;

/** A transfer that has gone on for two seconds, of more than the test needs. */
function transferring(
  way: Way,
  latencyMs: number,
): Pair & { net: SimulatedNetwork; receivedBytes: () => number } {
  const net = new SimulatedNetwork({
    seed: 5,
    link: { rateBytesPerSecond: RATE_BYTES_PER_SECOND, latencyMs, queueBytes: 80_000 },
  });
  const pair = connectPair(net);
  const { client, server } = pair;
  const stream = client.openStream().write(new Uint8Array(1));
  if (way === "upload") stream.write(new Uint8Array(40_000_000)).finish();
  net.runFor(500);
  if (way === "download") {
    server.wrap(server.accepted[0]!).write(new Uint8Array(40_000_000)).finish();
  }
  net.runFor(2000);
  const receiver = way === "upload" ? server : client;
  return { ...pair, net, receivedBytes: () => receiver.receivedBytes };
}

/** Somebody whose copies of the client's packets are faster, and who hands on what the server sends them. */
function relay(
  { net, client, server }: Pair & { net: SimulatedNetwork },
  options: { isHandingOn: (count: number) => boolean },
): { readonly violations: string[]; readonly reachedPackets: number } {
  const seen = { violations: [] as string[], reachedPackets: 0 };
  new AmplificationWatch(net, server.host, (violation) => seen.violations.push(violation));
  net.observers.push((packet, sender) => {
    if (sender === client.host) {
      net.inject({ ...packet, from: ELSEWHERE }, net.clock.nowMs + 15);
    } else if (keyOf(packet.to) === keyOf(ELSEWHERE)) {
      if (!options.isHandingOn(seen.reachedPackets++)) return;
      const { bytes } = packet;
      const to = net.addressOf(client.host);
      net.inject({ from: SERVER_ADDRESS, to, bytes }, net.clock.nowMs + 15);
    }
  });
  return seen;
}

/** The share of the link that is used in the next seconds. */
function shareOf(
  { net, receivedBytes }: { net: SimulatedNetwork; receivedBytes: () => number },
  seconds: number,
): number {
  const before = receivedBytes();
  net.runFor(1000 * seconds);
  return (receivedBytes() - before) / seconds / RATE_BYTES_PER_SECOND;
}

Deno.test("a relay whose copies are faster than the packets cannot take a transfer to itself", () => {
  for (const way of ["upload", "download"] as const) {
    for (const isHandingOn of [() => true, (count: number) => count < 20, () => false]) {
      const transfer = transferring(way, 20);
      const attack = relay(transfer, { isHandingOn });
      assertGreater(shareOf(transfer, 6), 0.9, way);
      assertEquals(transfer.server.live.address, CLIENT_ADDRESS);
      assertEquals([attack.violations, transfer.violations], [[], []]);
      assertGreater(attack.reachedPackets, 0);
    }
  }
});

Deno.test("a relay that takes a transfer to itself in a blackout loses it when the blackout ends", () => {
  for (const way of ["upload", "download"] as const) {
    const transfer = transferring(way, 20);
    const { net, server } = transfer;
    const darkMs = net.clock.nowMs;
    relay(transfer, { isHandingOn: (count) => count < 5 });
    net.addFault({ fromMs: darkMs, untilMs: darkMs + 3000, conditions: { lossRate: 1 } });
    net.runFor(2900);
    assertEquals(server.live.address, ELSEWHERE);
    net.runFor(2100);
    assertGreater(shareOf(transfer, 2), 0.9, way);
    assertEquals(server.live.address, CLIENT_ADDRESS);
  }
});

Deno.test("a client that moves is served again within two seconds, even if it moves in a blackout", () => {
  const addresses = [{ ...CLIENT_ADDRESS, port: 77 }, { hostname: "203.0.113.9", port: 77 }];
  for (const way of ["upload", "download"] as const) {
    for (const latencyMs of [1, 20, 75]) {
      for (const address of addresses) {
        for (const darkMs of [0, 4000]) {
          const transfer = transferring(way, latencyMs);
          const { net, client, server } = transfer;
          const untilMs = net.clock.nowMs + darkMs;
          net.addFault({ fromMs: net.clock.nowMs, untilMs, conditions: { lossRate: 1 } });
          net.runFor(darkMs / 2);
          net.attach(client.host, address);
          net.runFor(darkMs / 2 + 2000);
          const label = `${way}, ${latencyMs} ms, ${keyOf(address)}, dark for ${darkMs} ms`;
          assertGreater(shareOf(transfer, 1), 0.5, label);
          assertEquals(server.live.address, address);
        }
      }
    }
  }
});

Deno.test("a client that moves back and forth is followed", () => {
  const transfer = transferring("download", 20);
  const { net, client, server } = transfer;
  for (let moves = 1; moves <= 4; moves++) {
    const address = { ...CLIENT_ADDRESS, port: CLIENT_ADDRESS.port + moves % 2 };
    net.attach(client.host, address);
    net.runFor(2000);
    assertGreater(shareOf(transfer, 1), 0.5, `move ${moves}`);
    assertEquals(server.live.address, address);
  }
});

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
