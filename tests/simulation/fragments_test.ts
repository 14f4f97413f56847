/** Datagrams that the system cuts into fragments unseen: where they are tried, and where not. */
import { assertEquals, assertGreater } from "@std/assert";
import { CLIENT_ADDRESS, connectPair } from "./endpoint_pair.ts";
import { bytesOf, lose } from "./scene.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

const SENT_BYTES = 12_000_000;

/** Datagram size, and packets lost, after a transfer on a local network that loses what `isLost` says. */
function transfer(
  latencyMs: number,
  isLost: (packet: number) => boolean,
): { datagramBytes: number; lostPackets: number } {
  const net = new SimulatedNetwork({
    seed: 7,
    link: { latencyMs, mtuBytes: 8952, rateBytesPerSecond: 50e6 },
  });
  const { client, server } = connectPair(net, {
    datagrams: { wholeBytes: 1472, largestBytes: 8952 },
  });
  let packets = 0;
  const lost = lose(net, ({ from }) => from.port === CLIENT_ADDRESS.port && isLost(packets++));
  client.openStream().write(bytesOf(SENT_BYTES)).finish();
  net.runFor(10_000);
  assertEquals(server.receivedBytes, SENT_BYTES);
  return { datagramBytes: client.live.stats().datagramBytes, lostPackets: lost.count };
}

Deno.test("fragments are tried on a local network though a buffer has overflown once", () => {
  const { datagramBytes, lostPackets } = transfer(0.2, (packet) => packet >= 300 && packet < 360);
  assertGreater(lostPackets, 50);
  assertEquals(datagramBytes, 8952);
});

Deno.test("fragments are not tried where packets get lost again and again, nor on a longer path", () => {
  assertEquals(transfer(0.2, (packet) => packet % 200 === 199).datagramBytes, 1472);
  assertEquals(transfer(5, () => false).datagramBytes, 1472);
});
