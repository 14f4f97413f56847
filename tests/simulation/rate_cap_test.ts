/** The user's cap and background mode on whole connections, in virtual time. */
import { assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { connectPair, type Pair } from "./endpoint_pair.ts";
import { bytesOf } from "./scene.ts";
import { type LinkConditions, SimulatedNetwork } from "./simulated_network.ts";

const BIN_MS = 10;

/** UDP payload that the client sends, by time. */
class SentMeter {
  readonly #bins: number[] = [];

  constructor(network: SimulatedNetwork) {
    network.observers.push(({ bytes }, sender) => {
      if (sender.role !== "client") return;
      const bin = Math.floor(network.clock.nowMs / BIN_MS);
      this.#bins[bin] = (this.#bins[bin] ?? 0) + bytes.length;
    });
  }

  /** Bytes per second between two moments. */
  rate(fromMs: number, untilMs: number): number {
    let sum = 0;
    for (let bin = Math.floor(fromMs / BIN_MS); bin < untilMs / BIN_MS; bin++) {
      sum += this.#bins[bin] ?? 0;
    }
    return sum * 1000 / (untilMs - fromMs);
  }

  /** Most bytes of any window of so many ms, from a moment on. */
  mostWithin(windowMs: number, fromMs: number): number {
    let most = 0;
    for (let bin = Math.floor(fromMs / BIN_MS); bin < this.#bins.length; bin++) {
      let sum = 0;
      for (let i = bin; i < bin + windowMs / BIN_MS; i++) sum += this.#bins[i] ?? 0;
      most = Math.max(most, sum);
    }
    return most;
  }
}

const WAN: Partial<LinkConditions> = {
  latencyMs: 20,
  rateBytesPerSecond: 25e6,
  queueBytes: 1_000_000,
};
const LOOPBACK: Partial<LinkConditions> = {
  latencyMs: 0.05,
  mtuBytes: 65_507,
  queueBytes: 8 << 20,
};
const LOSSY: Partial<LinkConditions> = { ...WAN, lossRate: 0.02 };

const SECONDS = 10;
const POLITE = true;
const PLAIN = false;

for (
  const [name, link] of [["wide area", WAN], ["loopback", LOOPBACK], ["2 % loss", LOSSY]] as const
) {
  for (const rate of [20_000, 100_000, 1_000_000, 8_000_000]) {
    Deno.test(`a cap of ${rate / 1000} kB/s holds from the first packet on: ${name}`, () => {
      const net = new SimulatedNetwork({ seed: 3, link });
      const meter = new SentMeter(net);
      const { client, server, violations } = connectPair(net, {
        client: { maxRateBytesPerSecond: rate },
      });
      const startMs = net.clock.nowMs;
      client.openStream().write(bytesOf(rate * SECONDS * 1.5)).finish();
      net.runFor(SECONDS * 1000);

      const measured = meter.rate(startMs, startMs + SECONDS * 1000);
      assertAlmostEquals(measured / rate, 1, 0.03, `${measured}`);
      // A datagram or 2 ms at once, and credit for timers that are late.
      const most = meter.mostWithin(100, startMs);
      assertLess(most, rate * 0.13 + 2 * 1472 + BIN_MS * rate / 1000);
      // Acknowledgements come in time: nothing is sent twice that was not lost.
      const lossRate = link.lossRate ?? 0;
      assertGreater(server.receivedBytes, measured * SECONDS * (0.93 - 1.5 * lossRate));
      if (lossRate === 0) assertEquals(client.live.stats().lostPackets, 0);
      assertEquals(client.end, null);
      assertEquals(violations, []);
    });
  }
}

/** A connection that knows its path: it has sent for five seconds. */
function running(
  link: Partial<LinkConditions>,
): { net: SimulatedNetwork; meter: SentMeter } & Pair {
  const net = new SimulatedNetwork({ seed: 5, link });
  const meter = new SentMeter(net);
  const pair = connectPair(net);
  pair.client.openStream().write(bytesOf(300_000_000)).finish();
  net.runFor(5000);
  return { net, meter, ...pair };
}

Deno.test("a cap on a running connection holds at once, and what is known of the path survives it", () => {
  const { net, meter, client } = running(WAN);
  const before = client.live.stats();
  assertGreater(before.bandwidthBytesPerSecond, 23e6);

  client.act((connection) => connection.setMaxRate(500_000));
  const cappedMs = net.clock.nowMs;
  net.runFor(10_000);
  assertAlmostEquals(meter.rate(cappedMs, cappedMs + 10_000) / 500_000, 1, 0.03);
  assertLess(meter.mostWithin(100, cappedMs), 500_000 * 0.13 + 10_000);
  const capped = client.live.stats();
  assertEquals(capped.maxRateBytesPerSecond, 500_000);
  assertGreater(capped.bandwidthBytesPerSecond, 23e6);

  client.act((connection) => connection.setMaxRate(Infinity));
  const liftedMs = net.clock.nowMs;
  net.runFor(500);
  assertGreater(meter.rate(liftedMs + 100, liftedMs + 500), 22e6);
});

Deno.test("a path that turns narrower than the cap is noticed under the cap", () => {
  const net = new SimulatedNetwork({
    seed: 5,
    link: WAN,
    faults: [{ fromMs: 8000, untilMs: 60_000, conditions: { rateBytesPerSecond: 1e6 } }],
  });
  const { client, server } = connectPair(net, { client: { maxRateBytesPerSecond: 4e6 } });
  client.openStream().write(bytesOf(100_000_000)).finish();
  net.runFor(20_000);
  const receivedBytes = server.receivedBytes;
  const lostPackets = client.live.stats().lostPackets;
  net.runFor(10_000);
  assertGreater(server.receivedBytes - receivedBytes, 8.5e6);
  assertLess(client.live.stats().lostPackets - lostPackets, 400);
});

Deno.test("a cap below the path's rate before anything is known leaves the connection able to grow", () => {
  const net = new SimulatedNetwork({ seed: 5, link: WAN });
  const meter = new SentMeter(net);
  const { client } = connectPair(net, { client: { maxRateBytesPerSecond: 50_000 } });
  client.openStream().write(bytesOf(100_000_000)).finish();
  net.runFor(10_000);
  client.act((connection) => connection.setMaxRate(Infinity));
  const liftedMs = net.clock.nowMs;
  net.runFor(2000);
  assertGreater(meter.rate(liftedMs + 1000, liftedMs + 2000), 20e6);
});

Deno.test("background mode is switched on and off with what is known of the path, capped or not", () => {
  const { net, meter, client } = running(WAN);
  client.act((connection) => connection.setPolite(POLITE));
  const politeMs = net.clock.nowMs;
  assertEquals(client.live.stats().controller, "polite");
  assertGreater(client.live.stats().bandwidthBytesPerSecond, 23e6);
  net.runFor(3000);
  assertGreater(meter.rate(politeMs, politeMs + 3000), 0.85 * 25e6);

  client.act((connection) => connection.setMaxRate(1e6));
  const cappedMs = net.clock.nowMs;
  net.runFor(3000);
  assertAlmostEquals(meter.rate(cappedMs, cappedMs + 3000) / 1e6, 1, 0.03);

  client.act((connection) => {
    connection.setMaxRate(Infinity);
    connection.setPolite(PLAIN);
  });
  const plainMs = net.clock.nowMs;
  assertEquals(client.live.stats().controller, "bbr");
  assertGreater(client.live.stats().bandwidthBytesPerSecond, 23e6);
  net.runFor(1000);
  assertGreater(meter.rate(plainMs, plainMs + 1000), 22e6);
});

Deno.test("acknowledgements are not held back by the cap, and delay what follows by a second at most", () => {
  const net = new SimulatedNetwork({ seed: 3, link: WAN });
  const { client, server } = connectPair(net, { client: { maxRateBytesPerSecond: 10_000 } });
  server.openStream().write(bytesOf(20_000_000)).finish();
  net.runFor(2000);
  assertGreater(client.receivedBytes, 19_999_999);
  client.openStream().write(bytesOf(100)).finish();
  net.runFor(1500);
  assertGreater(server.receivedBytes, 99);
});
