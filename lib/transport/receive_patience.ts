/**
 * How long received packets may lie in the socket before somebody looks at them.
 *
 * @module
 */
import type { AckTracker } from "./ack_tracker.ts";
import type { LossDetection } from "./loss_detection.ts";
import type { RttEstimator } from "./rtt_estimator.ts";

/** The part of the delay granted to acknowledgements, itself an eighth of the peer's round trip, used up by that. */
const SHARE_OF_ACK_DELAY = 0.16;
/** The same part of our own round trip: acknowledgements that wait slow down what we send. */
const SHARE_OF_RTT = 0.02;
/** Less than this under way is control frames and requests, not a transfer. */
const TRANSFER_BYTES = 16_384;

/** What one connection bears, ms: a part of what its peer grants and, while it sends much, of its round trip. */
export function receivePatienceMs(
  { acks, loss, path }: {
    readonly acks: Pick<AckTracker, "maxAckDelayMs">;
    readonly loss: Pick<LossDetection, "inFlightBytes">;
    readonly path: { readonly rtt: Pick<RttEstimator, "smoothedMs"> };
  },
): number {
  const grantedMs = acks.maxAckDelayMs * SHARE_OF_ACK_DELAY;
  if (loss.inFlightBytes < TRANSFER_BYTES) return grantedMs;
  return Math.min(grantedMs, path.rtt.smoothedMs * SHARE_OF_RTT);
}
