/**
 * How often the peer should acknowledge: the sender knows its window, so the sender chooses.
 * draft-ietf-quic-ack-frequency.
 *
 * At 85 000 packets a second an ACK for every second packet would cost half a core on each side; one for
 * every 32nd costs three percent. Congestion control wants at least four in a round trip.
 *
 * @module
 */
import { clamp } from "../bytes/clamp.ts";
import type { ControlFrame } from "../wire/frame.ts";
import { DEFAULT_MAX_ACK_DELAY_MS } from "./constants.ts";

const MIN_PACKETS = 2;
const MAX_PACKETS = 64;
const ACKS_PER_WINDOW = 16;
const ACKS_PER_RTT = 8;

/** Chooses the ACK_FREQUENCY that the peer is told. */
export class AckFrequencyChooser {
  #sequence = 0;
  #packetThreshold = MIN_PACKETS;
  #maxAckDelayMs = DEFAULT_MAX_ACK_DELAY_MS;

  /** The delay that the peer may take, ms: what a PTO must allow for. */
  get maxAckDelayMs(): number {
    return Math.max(this.#maxAckDelayMs, DEFAULT_MAX_ACK_DELAY_MS);
  }

  /** The frame to send when the choice has changed by a factor of two, else null. */
  choose(path: { windowPackets: number; smoothedRttMs: number }): ControlFrame | null {
    const packets = clamp(
      Math.floor(path.windowPackets / ACKS_PER_WINDOW),
      MIN_PACKETS,
      MAX_PACKETS,
    );
    const delayMs = clamp(path.smoothedRttMs / ACKS_PER_RTT, 1, DEFAULT_MAX_ACK_DELAY_MS);
    const isSamePackets = isWithinFactorTwo(packets, this.#packetThreshold);
    if (isSamePackets && isWithinFactorTwo(delayMs, this.#maxAckDelayMs)) return null;
    this.#packetThreshold = packets;
    this.#maxAckDelayMs = delayMs;
    return {
      kind: "ack-frequency",
      sequence: this.#sequence++,
      packetThreshold: packets,
      maxAckDelayUs: Math.round(delayMs * 1000),
    };
  }
}

function isWithinFactorTwo(a: number, b: number): boolean {
  return a < b * 2 && b < a * 2;
}
