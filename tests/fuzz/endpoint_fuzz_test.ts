/** An endpoint takes any datagram from anywhere and never throws. */
import { assert, assertEquals } from "@std/assert";
import { connectPair } from "../simulation/endpoint_pair.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";
import { type SeenPacket, SimulatedNetwork } from "../simulation/simulated_network.ts";
import { mutate } from "./mutator.ts";

const DATAGRAMS = 8000;

Deno.test("datagrams of garbage, and damaged genuine ones, change nothing and throw nothing", () => {
  for (let seed = 0; seed < 4; seed++) {
    const random = new SeededRandom(seed, "datagrams");
    const net = new SimulatedNetwork({ seed });
    const seen: SeenPacket[] = [];
    net.observers.push((packet) => void seen.push(packet));
    const { client, server, violations } = connectPair(net);
    client.openStream().write(random.bytes(20_000)).finish();
    net.runFor(1000);
    const genuine = seen.map(({ bytes }) => bytes);
    for (let i = 0; i < DATAGRAMS; i++) {
      const side = random.chance(0.7) ? server : client;
      const from = random.chance(0.5)
        ? net.addressOf(side === server ? client.host : server.host)
        : { hostname: "198.51.100.1", port: random.below(65_536) };
      const bytes = random.chance(0.8)
        ? mutate(random.pick(genuine), random, genuine)
        : random.bytes(random.below(1500));
      try {
        side.host.receive(bytes.slice(), from);
      } catch (error) {
        throw new Error(`SEED=${seed} datagram ${i}: ${bytes.toHex()}`, { cause: error });
      }
      if (i % 50 === 0) net.runFor(1);
    }
    net.runFor(1000);
    assertEquals([client.end, server.end, violations], [null, null, []]);
    assertEquals(server.receivedBytes, 20_000);
    assert(server.host.endpoint.connectionCount === 1);
    client.openStream().write(random.bytes(500)).finish();
    net.runFor(1000);
    assertEquals(server.receivedBytes, 20_500);
  }
});

Deno.test("before any connection, handshake packets in any disorder throw nothing", () => {
  for (let seed = 0; seed < 10; seed++) {
    const random = new SeededRandom(seed, "handshakes");
    const net = new SimulatedNetwork({ seed, link: { lossRate: 0.3, duplicateRate: 0.3 } });
    const seen: SeenPacket[] = [];
    net.observers.push((packet) => void seen.push(packet));
    const { client, server } = connectPair(net, { isLazy: true });
    for (let i = 0; i < 1500; i++) {
      const packet = random.pick(seen);
      const bytes = mutate(packet.bytes, random, seen.map((other) => other.bytes));
      const side = random.chance(0.5) ? server : client;
      side.host.receive(random.chance(0.3) ? packet.bytes.slice() : bytes, { ...packet.from });
      if (i % 20 === 0) net.runFor(5);
    }
    net.runFor(30_000);
    assert(client.failed !== null || client.connection !== null, `SEED=${seed}`);
  }
});
