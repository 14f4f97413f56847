import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { DeliveryRateSampler } from "../../../lib/transport/delivery_rate.ts";
import { ackSample, lossSample } from "../../conformance/congestion_controller_suite.ts";

const SIZE = 1000;

Deno.test("DeliveryRateSampler tells the rate of a steady stream", () => {
  const sampler = new DeliveryRateSampler();
  const sample = ackSample({ minRttMs: 10 });
  // One packet a millisecond, ten in flight: a megabyte per second.
  for (let n = 0; n < 40; n++) {
    sampler.onPacketSent(n, SIZE, Math.min(n + 1, 10) * SIZE, n);
    if (n < 10) continue;
    sampler.onPacketAcked(n - 10, SIZE, n + 0.5);
    assert(sampler.fillAckSample(sample, n + 0.5));
  }
  assertAlmostEquals(sample.deliveryRateBytesPerSecond, 1e6, 0.05e6);
  assertEquals(sample.largestAcked, 29);
  assertEquals(sample.largestAckedSentAtMs, 29);
  assertEquals(sample.deliveredBytes, 30 * SIZE);
  assertEquals(sample.sentInFlightBytes, 10 * SIZE);
});

Deno.test("DeliveryRateSampler does not believe ACKs that arrive all at once", () => {
  const sampler = new DeliveryRateSampler();
  const sample = ackSample({ minRttMs: 10 });
  for (let n = 0; n < 20; n++) sampler.onPacketSent(n, SIZE, (n + 1) * SIZE, n);
  sampler.onPacketAcked(0, SIZE, 30);
  sampler.fillAckSample(sample, 30);
  // The rest comes within a tenth of a millisecond, but was sent over 19 ms.
  for (let n = 1; n < 20; n++) sampler.onPacketAcked(n, SIZE, 30.1);
  sampler.fillAckSample(sample, 30.1);
  assert(sample.deliveryRateBytesPerSecond < 1.1e6, `${sample.deliveryRateBytesPerSecond}`);
});

Deno.test("DeliveryRateSampler measures on after the flight was empty", () => {
  const sampler = new DeliveryRateSampler();
  const sample = ackSample({ minRttMs: 10 });
  for (let burst = 0; burst < 5; burst++) {
    const atMs = burst * 1000;
    for (let i = 0; i < 10; i++) {
      sampler.onPacketSent(burst * 10 + i, SIZE, (i + 1) * SIZE, atMs);
    }
    for (let i = 0; i < 10; i++) sampler.onPacketAcked(burst * 10 + i, SIZE, atMs + 10);
    sampler.fillAckSample(sample, atMs + 10);
    // Ten packets in ten milliseconds, whatever the pause before.
    assertAlmostEquals(sample.deliveryRateBytesPerSecond, 1e6, 1);
  }
});

Deno.test("DeliveryRateSampler gives no rate for less than the smallest RTT", () => {
  const sampler = new DeliveryRateSampler();
  const sample = ackSample({ minRttMs: 10 });
  sampler.onPacketSent(0, SIZE, SIZE, 0);
  sampler.onPacketAcked(0, SIZE, 5);
  sampler.fillAckSample(sample, 5);
  assertEquals(sample.deliveryRateBytesPerSecond, NaN);
});

Deno.test("DeliveryRateSampler marks what the application limited, and only that", () => {
  const sampler = new DeliveryRateSampler();
  const sample = ackSample({ minRttMs: 1 });
  sampler.onPacketSent(0, SIZE, SIZE, 0);
  sampler.onAppLimited(SIZE);
  sampler.onPacketSent(1, SIZE, 2 * SIZE, 1);
  sampler.onPacketAcked(0, SIZE, 10);
  sampler.fillAckSample(sample, 10);
  assert(!sample.isAppLimited);
  sampler.onPacketAcked(1, SIZE, 11);
  sampler.fillAckSample(sample, 11);
  assert(sample.isAppLimited);
  sampler.onPacketSent(2, SIZE, SIZE, 12);
  sampler.onPacketAcked(2, SIZE, 22);
  sampler.fillAckSample(sample, 22);
  assert(!sample.isAppLimited);
});

Deno.test("DeliveryRateSampler counts losses since a packet left, and takes them back", () => {
  const sampler = new DeliveryRateSampler();
  for (let n = 0; n < 10; n++) sampler.onPacketSent(n, SIZE, (n + 1) * SIZE, n);
  sampler.onPacketLost(1, SIZE);
  sampler.onPacketLost(4, SIZE);
  const loss = lossSample();
  assert(sampler.fillLossSample(loss, 20));
  assertEquals(loss.lostPackets, 2);
  assertEquals(loss.largestLost, 4);
  assertEquals(loss.largestLostSentAtMs, 4);
  assertEquals(loss.lostSinceSentBytes, 2 * SIZE);
  assertEquals(loss.sentInFlightBytes, 5 * SIZE);

  sampler.onSpuriousAck(SIZE, 21);
  sampler.onPacketAcked(9, SIZE, 21);
  const ack = ackSample({ minRttMs: 1 });
  assert(sampler.fillAckSample(ack, 21));
  assertEquals(ack.lostPackets, 2);
  assertEquals(ack.lostSinceSentBytes, SIZE);
  assertEquals(sampler.lostBytes, SIZE);
  assertEquals(sampler.deliveredBytes, 2 * SIZE);
});

Deno.test("DeliveryRateSampler grows its ring without forgetting packets in flight", () => {
  const sampler = new DeliveryRateSampler();
  const sample = ackSample({ minRttMs: 1 });
  // Gaps in the numbers, far more than the first ring holds, numbers beyond 32 bits.
  const first = 2 ** 33 + 5;
  sampler.forgetBelow(first);
  for (let i = 0; i < 5000; i++) sampler.onPacketSent(first + i * 3, SIZE, (i + 1) * SIZE, i);
  for (let i = 0; i < 5000; i++) {
    sampler.onPacketAcked(first + i * 3, SIZE, 5000 + i);
    assert(sampler.fillAckSample(sample, 5000 + i));
    assertEquals(sample.largestAckedSentAtMs, i);
    assertEquals(sample.sentInFlightBytes, (i + 1) * SIZE);
    sampler.forgetBelow(first + i * 3);
  }
});

Deno.test("DeliveryRateSampler gives no sample for packets it never saw", () => {
  const sampler = new DeliveryRateSampler();
  sampler.onPacketAcked(7, SIZE, 1);
  assert(!sampler.fillAckSample(ackSample(), 1));
  assert(!sampler.fillLossSample(lossSample(), 1));
});
