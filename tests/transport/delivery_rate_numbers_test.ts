/** DeliveryRateSampler with packet numbers above 2^32, and with packets that it has forgotten. */
import { assert, assertAlmostEquals, assertEquals, assertFalse } from "@std/assert";
import { DeliveryRateSampler } from "../../lib/transport/delivery_rate.ts";
import { emptyAckSample, emptyLossSample } from "../../lib/transport/samples.ts";

Deno.test("delivery is measured alike on both sides of 2^31, 2^32 and 2^52", () => {
  for (const base of [0, 2 ** 31 - 50, 2 ** 32 - 50, 2 ** 52 - 50]) {
    const sampler = new DeliveryRateSampler();
    const sample = emptyAckSample();
    sample.minRttMs = 20;
    sampler.forgetBelow(base);
    for (let i = 0; i < 100; i++) sampler.onPacketSent(base + i, 1000, 20_000, i);
    for (let i = 0; i < 60; i++) sampler.onPacketAcked(base + i, 1000, 20 + i);
    assert(sampler.fillAckSample(sample, 79));
    assertEquals([sample.largestAcked, sample.ackedBytes], [base + 59, 60_000]);
    for (let i = 60; i < 100; i++) sampler.onPacketAcked(base + i, 1000, 20 + i);
    assert(sampler.fillAckSample(sample, 119));
    assertEquals(sample.largestAcked, base + 99);
    assertAlmostEquals(sample.deliveryRateBytesPerSecond, 840_000, 30_000);
  }
});

Deno.test("packets that were forgotten give no sample, and not that of a namesake", () => {
  const sampler = new DeliveryRateSampler();
  for (let n = 0; n < 5000; n++) {
    sampler.onPacketSent(n, 1000, 1000, n);
    sampler.forgetBelow(n - 10);
  }
  sampler.onPacketAcked(3, 1000, 6000);
  assertFalse(sampler.fillAckSample(emptyAckSample(), 6000));
  sampler.onPacketLost(3, 1000);
  assertFalse(sampler.fillLossSample(emptyLossSample(), 6000));
});
