/** RFC 9002 §6 with literal times: what an ACK proves, what is lost, when to probe. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { PACKET_LOST } from "../../lib/collections/sent_packet_ring.ts";
import type { AckFrame } from "../../lib/wire/ack_frame.ts";
import { PACKET_THRESHOLD } from "../../lib/transport/constants.ts";
import { DeliveryRateSampler } from "../../lib/transport/delivery_rate.ts";
import { LossDetection } from "../../lib/transport/loss_detection.ts";
import { RttEstimator } from "../../lib/transport/rtt_estimator.ts";
import { TransportError } from "../../lib/transport/transport_error.ts";

const DATA = { sizeBytes: 1000, isAckEliciting: true, isMtuProbe: false };
const PURE_ACK = { sizeBytes: 40, isAckEliciting: false, isMtuProbe: false };
const MTU_PROBE = { sizeBytes: 1472, isAckEliciting: true, isMtuProbe: true };

/** An ACK of `[smallest, largest]` pairs, newest first. */
function ack(...ranges: number[]): AckFrame {
  return { kind: "ack", delayUs: 0, ranges: Float64Array.from(ranges) };
}

function detection(rttMs: number = 40): { loss: LossDetection; rtt: RttEstimator } {
  const rtt = new RttEstimator();
  rtt.onSample(rttMs, 0, 0);
  return { loss: new LossDetection(rtt, new DeliveryRateSampler()), rtt };
}

function sendAt(loss: LossDetection, ...timesMs: number[]): void {
  for (const atMs of timesMs) loss.onPacketSent(DATA, atMs);
}

/** What an ACK at a moment shows, losses included. */
function take(
  loss: LossDetection,
  frame: AckFrame,
  nowMs: number,
): { acked: number[]; lost: number[]; spurious: number[] } {
  const outcome = loss.onAckReceived(frame, nowMs);
  if (outcome.acked.length > 0) loss.detectAndRemoveLostPackets(nowMs);
  return {
    acked: [...outcome.acked],
    lost: [...outcome.lost],
    spurious: [...outcome.spurious],
  };
}

Deno.test("packets are acknowledged once and leave the flight", () => {
  const { loss } = detection();
  sendAt(loss, 0, 1, 2);
  assertEquals(loss.inFlightBytes, 3000);
  assertEquals(take(loss, ack(0, 1), 40).acked, [0, 1]);
  assertEquals(loss.inFlightBytes, 1000);
  assertEquals(take(loss, ack(0, 2), 42).acked, [2]);
  assertEquals([loss.inFlightBytes, loss.hasOutstanding()], [0, false]);
});

Deno.test("an ACK of a packet that was never sent is a protocol violation", () => {
  const { loss } = detection();
  sendAt(loss, 0);
  assertThrows(() => loss.onAckReceived(ack(0, 1), 40), TransportError);
});

Deno.test("only the largest packet, newly acknowledged, gives an RTT sample", () => {
  const { loss } = detection();
  sendAt(loss, 0, 10, 20);
  assertEquals(loss.onAckReceived(ack(0, 1), 60).rttSampleMs, 50);
  // 2 is not the largest that is acknowledged anew in this frame's name: 1 is old.
  assertEquals(loss.onAckReceived(ack(0, 1), 70).rttSampleMs, NaN);
  assertEquals(loss.onAckReceived(ack(0, 2), 75).rttSampleMs, 55);
});

Deno.test("a packet sent a reordering window before a newer acknowledged one is lost", () => {
  const { loss } = detection(40);
  // An eighth of the minimum RTT: 5 ms.
  sendAt(loss, 0, 4, 9.5, 10);
  const { lost } = take(loss, ack(3, 3), 50);
  assertEquals(lost, [0, 1]);
  assertEquals(loss.inFlightBytes, 1000);
  assertAlmostEquals(loss.deadlineMs(5), 9.5 + 40 + 5);
});

Deno.test("packets lost with others that were on their way make one episode of loss", () => {
  const { loss } = detection(40);
  const send = (count: number, atMs: number): number => {
    for (let i = 0; i < count; i++) loss.onPacketSent(DATA, atMs);
    return loss.ring.next - 1;
  };
  const acknowledge = (packet: number, nowMs: number) => take(loss, ack(packet, packet), nowMs);
  acknowledge(send(PACKET_THRESHOLD + 10, 0), 40);
  assertEquals([loss.lostPackets, loss.lossEpisodes], [10, 1]);
  acknowledge(send(2, 41), 42);
  assertEquals([loss.lostPackets > 10, loss.lossEpisodes], [true, 1]);

  const first = loss.ring.next;
  acknowledge(send(PACKET_THRESHOLD + 1, 43), 44);
  assertEquals([loss.ring.state[loss.ring.slot(first)], loss.lossEpisodes], [PACKET_LOST, 2]);
});

Deno.test("the loss timer declares what the window had spared", () => {
  const { loss } = detection(40);
  sendAt(loss, 0, 1);
  assertEquals(take(loss, ack(1, 1), 41).lost, []);
  assertEquals([loss.isLossTimerSet, loss.deadlineMs(5)], [true, 45]);
  loss.beginTimeout();
  assertEquals([...loss.detectAndRemoveLostPackets(45).lost], [0]);
  assertEquals([loss.lostPackets, loss.inFlightBytes, loss.deadlineMs(5)], [1, 0, Infinity]);
});

Deno.test("so many packets behind the newest one are lost without waiting", () => {
  const { loss } = detection(40);
  for (let i = 0; i <= PACKET_THRESHOLD; i++) loss.onPacketSent(DATA, i / 100);
  assertEquals(take(loss, ack(PACKET_THRESHOLD, PACKET_THRESHOLD), 40).lost, [0]);
});

Deno.test("a packet that comes after all undoes its loss and widens the window", () => {
  const { loss } = detection(40);
  sendAt(loss, 0, 10, 20);
  assertEquals(take(loss, ack(2, 2), 60).lost, [0, 1]);
  const before = loss.reorderingWindowMs;
  assertEquals(take(loss, ack(1, 2), 61), { acked: [], lost: [], spurious: [1] });
  assertEquals(loss.lostPackets, 1);
  assertAlmostEquals(loss.reorderingWindowMs, before * 1.5);
  assertEquals(take(loss, ack(1, 2), 62).spurious, []);
  assertEquals(take(loss, ack(0, 2), 63).spurious, [0]);
  assertEquals(loss.lostPackets, 0);
});

Deno.test("after reordering was seen the number of newer packets proves nothing", () => {
  const { loss } = detection(40);
  sendAt(loss, 0, 10);
  take(loss, ack(1, 1), 50);
  take(loss, ack(0, 1), 51);
  for (let i = 0; i <= PACKET_THRESHOLD + 5; i++) loss.onPacketSent(DATA, 60 + i / 1000);
  const newest = loss.nextPacketNumber - 1;
  assertEquals(take(loss, ack(newest, newest, 0, 1), 100).lost, []);
});

Deno.test("the probe timeout doubles up to 0.4 s", () => {
  const { loss, rtt } = detection(40);
  sendAt(loss, 1000);
  const ptoMs = rtt.ptoMs(5);
  assertEquals(ptoMs, 40 + 4 * 20 + 5);
  const waits = [];
  for (let i = 0; i < 7; i++) {
    waits.push(loss.deadlineMs(5) - 1000);
    loss.ptoCount++;
  }
  assertEquals(waits, [ptoMs, 2 * ptoMs, 400, 400, 400, 400, 400]);
});

Deno.test("on a long path probes wait for the answer, and half as long once it must be a blackout", () => {
  const { loss, rtt } = detection(3000);
  sendAt(loss, 0);
  const ptoMs = rtt.ptoMs(5);
  loss.ptoCount = 2;
  assertEquals(loss.deadlineMs(5), ptoMs);
  loss.ptoCount = 3;
  assertEquals(loss.deadlineMs(5), ptoMs / 2);
});

Deno.test("an acknowledgement ends the backoff and tells how many probes there were", () => {
  const { loss } = detection();
  sendAt(loss, 0);
  loss.ptoCount = 4;
  assertEquals(loss.onAckReceived(ack(0, 0), 500).probesBefore, 4);
  assertEquals(loss.ptoCount, 0);
});

Deno.test("packets that want no acknowledgement are neither in flight nor waited for", () => {
  const { loss } = detection();
  for (let i = 0; i < 5; i++) loss.onPacketSent(PURE_ACK, i);
  assertEquals([loss.inFlightBytes, loss.hasOutstanding(), loss.deadlineMs(5)], [
    0,
    false,
    Infinity,
  ]);
  assertEquals(take(loss, ack(0, 4), 50).acked, []);
});

Deno.test("an MTU probe takes no room and its loss is not counted", () => {
  const { loss } = detection();
  loss.onPacketSent(MTU_PROBE, 0);
  sendAt(loss, 20);
  assertEquals([loss.inFlightBytes, loss.hasOutstanding()], [1000, true]);
  assertEquals(take(loss, ack(1, 1), 60).lost, [0]);
  assertEquals([loss.lostPackets, loss.inFlightBytes], [0, 0]);
});

Deno.test("an acknowledgement that comes after everything was forgotten proves nothing", () => {
  const { loss } = detection(10);
  sendAt(loss, 0, 10);
  assertEquals(take(loss, ack(1, 1), 20).lost, [0]);
  for (let i = 0; i < 3000; i++) loss.onPacketSent(DATA, 1000 + i);
  const last = loss.nextPacketNumber - 1;
  take(loss, ack(2, last), 4100);
  // The rows of 0 and 1 have been given to other packets by now.
  assertEquals(take(loss, ack(0, last), 4101), { acked: [], lost: [], spurious: [] });
  assertEquals([loss.inFlightBytes, loss.lostPackets], [0, 1]);
});

Deno.test("every packet is acknowledged or lost, once, whatever the order of ACKs", () => {
  const { loss } = detection(20);
  const fate = new Map<number, string>();
  let nowMs = 0;
  let inFlight = 0;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 10; i++) sendAt(loss, nowMs += 0.3);
    inFlight += 10_000;
    const largest = loss.nextPacketNumber - 1 - round % 7;
    const hole = largest - round % 5;
    const ranges = round % 3 === 0 ? [hole + 1, largest, 0, hole - 1] : [largest - 4, largest];
    const { acked, lost } = take(loss, ack(...ranges.map((n) => Math.max(0, n))), nowMs += 20);
    for (const n of acked) assertEquals(fate.get(n), undefined), fate.set(n, "acked");
    for (const n of lost) assertEquals(fate.get(n), undefined), fate.set(n, "lost");
    inFlight -= 1000 * (acked.length + lost.length);
    assertEquals(loss.inFlightBytes, inFlight);
  }
});
