/**
 * Empty samples, so that a connection fills the same objects again for every ACK.
 *
 * @module
 */
import type { AckSample, LossSample } from "./congestion/controller.ts";

/** An acknowledgement sample with every field present. */
export function emptyAckSample(): AckSample {
  return {
    nowMs: 0,
    ackedBytes: 0,
    ackedPackets: 0,
    lostBytes: 0,
    lostPackets: 0,
    priorInFlightBytes: 0,
    inFlightBytes: 0,
    rttMs: NaN,
    smoothedRttMs: 0,
    minRttMs: Infinity,
    largestAcked: -1,
    largestAckedSentAtMs: 0,
    deliveredBytes: 0,
    priorDeliveredBytes: 0,
    deliveryRateBytesPerSecond: NaN,
    intervalMs: 0,
    sentInFlightBytes: 0,
    lostSinceSentBytes: 0,
    isAppLimited: false,
    isWindowLimited: false,
    ackDelayMs: 0,
  };
}

/** A loss sample with every field present. */
export function emptyLossSample(): LossSample {
  return {
    nowMs: 0,
    lostBytes: 0,
    lostPackets: 0,
    largestLost: -1,
    largestLostSentAtMs: 0,
    inFlightBytes: 0,
    sentInFlightBytes: 0,
    lostSinceSentBytes: 0,
    priorDeliveredBytes: 0,
    deliveredBytes: 0,
    smoothedRttMs: 0,
  };
}
