/** Probing upwards, falling back. RFC 8899. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { PathMtuDiscovery } from "../../lib/transport/path_mtu_discovery.ts";

/** Lets every probe up to a size arrive; returns the sizes that were tried. */
function search(mtu: PathMtuDiscovery, carriesBytes: number): number[] {
  const tried: number[] = [];
  for (let size = mtu.probeDueBytes(0); size > 0; size = mtu.probeDueBytes(0)) {
    tried.push(size);
    mtu.onProbeSent();
    assertEquals(mtu.probeDueBytes(0), 0, "one probe at a time");
    if (size <= carriesBytes) mtu.onProbeAcked(size, 0);
    else mtu.onProbeLost(size, 0);
  }
  return tried;
}

Deno.test("the search goes up the list of sizes and ends after three losses", () => {
  const mtu = new PathMtuDiscovery(65_507);
  assertEquals(mtu.datagramBytes, 1200);
  assertEquals(search(mtu, 1500), [1372, 1452, 1472, 8952, 8952, 8952]);
  assertEquals(mtu.datagramBytes, 1472);
});

Deno.test("the search ends at what the sockets allow", () => {
  const mtu = new PathMtuDiscovery(1400);
  assertEquals(search(mtu, 65_507), [1372, 1400]);
  assertEquals(mtu.datagramBytes, 1400);
  assertEquals(search(new PathMtuDiscovery(1200), 65_507), []);
});

Deno.test("the size that is expected is tried first and once", () => {
  const mtu = new PathMtuDiscovery(65_507, Infinity, 65_507);
  assertEquals(search(mtu, 65_507), [65_507]);
  assertEquals(mtu.datagramBytes, 65_507);

  const disappointed = new PathMtuDiscovery(65_507, Infinity, 32_768);
  assertEquals(search(disappointed, 1500), [32_768, 1372, 1452, 1472, 8952, 8952, 8952]);
  assertEquals(disappointed.datagramBytes, 1472);

  const refused = new PathMtuDiscovery(65_507, Infinity, 65_507);
  assertFalse(refused.onTooBig(65_507, 0));
  assertEquals(search(refused, 65_507), [1372, 1452, 1472, 8952, 16_384, 32_768, 65_506]);
});

Deno.test("a lost probe among three is no proof", () => {
  const mtu = new PathMtuDiscovery(1372);
  for (let i = 0; i < 2; i++) {
    mtu.onProbeSent();
    mtu.onProbeLost(1372, 0);
  }
  assertEquals(mtu.probeDueBytes(0), 1372);
  mtu.onProbeSent();
  mtu.onProbeAcked(1372, 0);
  assertEquals(mtu.datagramBytes, 1372);
});

Deno.test("after ten minutes larger sizes are tried again", () => {
  const mtu = new PathMtuDiscovery(65_507);
  search(mtu, 1200);
  assertEquals(mtu.probeDueBytes(599_999), 0);
  assertEquals(mtu.probeDueBytes(600_000), 1372);
});

Deno.test("six large packets lost in a row are a black hole", () => {
  const mtu = new PathMtuDiscovery(1472);
  search(mtu, 1472);
  for (let n = 0; n < 5; n++) assertFalse(mtu.onPacketLost(n, 1472, 100));
  assert(mtu.onPacketLost(5, 1472, 100));
  assertEquals(mtu.datagramBytes, 1200);
});

Deno.test("after a black hole sizes are tried again, later each time", () => {
  const mtu = new PathMtuDiscovery(1472);
  let nowMs = 0;
  for (const waitMs of [1000, 2000, 4000]) {
    search(mtu, 1472);
    for (let n = 0; n < 6; n++) mtu.onPacketLost(n, 1472, nowMs);
    assertEquals([mtu.datagramBytes, mtu.probeDueBytes(nowMs + waitMs - 1)], [1200, 0]);
    nowMs += waitMs;
    assertEquals(mtu.probeDueBytes(nowMs), 1372);
  }
});

Deno.test("a large packet that arrives proves that there is no black hole", () => {
  const mtu = new PathMtuDiscovery(1472);
  search(mtu, 1472);
  for (let n = 0; n < 100; n++) {
    assertFalse(mtu.onPacketLost(10 * n, 1472, 100));
    if (n % 5 === 4) mtu.onPacketAcked(10 * n + 1, 1472);
  }
  assertEquals(mtu.datagramBytes, 1472);
});

Deno.test("losses of packets sent before a large one that arrived, and of small ones, say nothing", () => {
  const mtu = new PathMtuDiscovery(1472);
  search(mtu, 1472);
  mtu.onPacketAcked(1000, 1472);
  for (let n = 0; n < 50; n++) {
    assertFalse(mtu.onPacketLost(n, 1472, 100));
    assertFalse(mtu.onPacketLost(2000 + n, 1200, 100));
  }
  assertEquals(mtu.datagramBytes, 1472);
});

Deno.test("a size that the local network refuses is not used nor tried any more", () => {
  const mtu = new PathMtuDiscovery(65_507);
  search(mtu, 1472);
  assert(mtu.onTooBig(1453, 0));
  assertEquals(mtu.datagramBytes, 1200);
  assertEquals(search(mtu, 65_507), [1372, 1452]);
  assertEquals(mtu.datagramBytes, 1452);
});

Deno.test("a probe that the local network refuses ends the search below it", () => {
  const mtu = new PathMtuDiscovery(65_507);
  mtu.onProbeAcked(mtu.probeDueBytes(0), 0);
  const size = mtu.probeDueBytes(0);
  mtu.onProbeSent();
  assertFalse(mtu.onTooBig(size, 0));
  assertEquals(mtu.datagramBytes, 1372);
  mtu.onProbeLost(size, 0);
  assertEquals(mtu.datagramBytes, 1372);
});

/** A search that found 8952 bytes where the system cuts everything above 1472 into fragments. */
function fragmented(): PathMtuDiscovery {
  const mtu = new PathMtuDiscovery(8952, 1472);
  assertEquals(search(mtu, 8952), [1372, 1452, 1472, 8952]);
  assertEquals([mtu.datagramBytes, mtu.wholeBytes], [8952, 1472]);
  return mtu;
}

Deno.test("fragmented datagrams end after more than a thousandth is lost, and are tried again later", () => {
  const mtu = fragmented();
  for (let n = 0; n < 2000; n++) mtu.onPacketAcked(n, 8952);
  for (let n = 0; n < 5; n++) assertFalse(mtu.onPacketLost(n, 8952, 100));
  assert(mtu.onPacketLost(5, 8952, 100));
  assertEquals(mtu.datagramBytes, 1472);
  assertEquals(mtu.probeDueBytes(1099), 0);
  assertEquals(mtu.probeDueBytes(1100), 8952);
});

Deno.test("lost datagrams that are whole say nothing about fragments", () => {
  const mtu = fragmented();
  mtu.onPacketAcked(100, 8952);
  for (let n = 0; n < 50; n++) assertFalse(mtu.onPacketLost(n, 1472, 0));
  assertEquals(mtu.datagramBytes, 8952);
});
