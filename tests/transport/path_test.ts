/** What may be in flight on a path. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { CongestionController } from "../../lib/transport/congestion/controller.ts";
import { congestionController as bbr } from "../../lib/transport/congestion/bbr.ts";
import { Path } from "../../lib/transport/path.ts";

/** A path whose controller knows this bandwidth and this round trip and allows 10 MB. */
function pathWith(
  { bandwidth, rttMs, receiveBufferBytes, maxDatagramBytes = 1472 }: {
    bandwidth: number;
    rttMs: number;
    receiveBufferBytes: number;
    maxDatagramBytes?: number;
  },
): Path {
  const path = new Path({
    address: { hostname: "192.0.2.1", port: 1 },
    random: () => 0.5,
    isPolite: false,
    maxRateBytesPerSecond: Infinity,
    maxDatagramBytes,
    wholeDatagramBytes: Infinity,
    expectedDatagramBytes: 0,
    maxBurstBytes: 65_536,
    receiveBufferBytes,
    congestion: {
      name: "fixed",
      create: (options) =>
        Object.defineProperties(bbr.create(options), {
          windowBytes: { value: 10e6 },
          fillingBytes: { value: bandwidth * rttMs / 1000 },
        }) as CongestionController,
    },
  });
  path.rtt.onSample(rttMs, 0, 0);
  return path;
}

Deno.test("on a short path no more is in flight than fills it and the peer's receive buffer", () => {
  const path = pathWith({ bandwidth: 100e6, rttMs: 0.5, receiveBufferBytes: 212_992 });
  assertAlmostEquals(path.windowBytes, 50_000 + 0.35 * 212_992, 1);
});

Deno.test("three datagrams are in flight however large they are, beyond what fills the path", () => {
  const path = pathWith({
    bandwidth: 100e6,
    rttMs: 0.5,
    receiveBufferBytes: 212_992,
    maxDatagramBytes: 53_248,
  });
  path.mtu.onProbeSent();
  path.mtu.onProbeAcked(53_248, 0);
  assertAlmostEquals(path.windowBytes, 50_000 + 3 * 53_248, 1);
});

Deno.test("a path that holds more than the receive buffer may be filled twice", () => {
  const path = pathWith({ bandwidth: 100e6, rttMs: 40, receiveBufferBytes: 212_992 });
  assertEquals(path.windowBytes, 8e6);
});

Deno.test("a large receive buffer and an unknown bandwidth leave the window to the controller", () => {
  for (const bandwidth of [100e6, NaN]) {
    const path = pathWith({ bandwidth, rttMs: 0.5, receiveBufferBytes: 64 << 20 });
    assertEquals(path.windowBytes, 10e6);
  }
});

Deno.test("another host is another path, another port of the same host a path that may be longer", () => {
  const path = pathWith({ bandwidth: 1e6, rttMs: 20, receiveBufferBytes: 212_992 });
  path.moveTo({ hostname: "192.0.2.1", port: 2 }, 1000);
  assertEquals([path.address.port, path.rtt.minMs, path.rtt.smoothedMs], [2, Infinity, 20]);
  path.rtt.onSample(20, 0, 1010);
  path.moveTo({ hostname: "192.0.2.2", port: 2 }, 1020);
  assertEquals([path.address.hostname, path.rtt.hasSample], ["192.0.2.2", false]);
});
