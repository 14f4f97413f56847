import { assertAlmostEquals, assertEquals } from "@std/assert";
import { AckTracker } from "../../lib/transport/ack_tracker.ts";
import { receivePatienceMs } from "../../lib/transport/receive_patience.ts";

/** A connection whose peer grants so long a delay, with so much under way to it. */
function patienceMs(
  { ackDelayMs, inFlightBytes = 0, rttMs = 80 }: {
    ackDelayMs: number;
    inFlightBytes?: number;
    rttMs?: number;
  },
): number {
  const acks = new AckTracker();
  acks.onAckFrequency(0, 2, ackDelayMs);
  return receivePatienceMs({
    acks,
    loss: { inFlightBytes },
    path: { rtt: { smoothedMs: rttMs } },
  });
}

Deno.test("who only receives waits a part of the delay that the sender grants", () => {
  assertAlmostEquals(patienceMs({ ackDelayMs: 10 }), 1.6);
  assertAlmostEquals(patienceMs({ ackDelayMs: 1 }), 0.16);
});

Deno.test("who sends much waits a part of its own round trip at most", () => {
  const sending = { ackDelayMs: 25, inFlightBytes: 1e6 };
  assertAlmostEquals(patienceMs({ ...sending, rttMs: 0.2 }), 0.004);
  assertAlmostEquals(patienceMs({ ...sending, rttMs: 80 }), 1.6);
  assertEquals(patienceMs({ ...sending, rttMs: 1000 }), 4);
});

Deno.test("some control frames under way are not sending much", () => {
  assertEquals(patienceMs({ ackDelayMs: 25, inFlightBytes: 3000, rttMs: 0.2 }), 4);
});
