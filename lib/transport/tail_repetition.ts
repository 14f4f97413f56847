/**
 * The end of a transfer without a stall: what was sent last goes again before its loss can be known.
 *
 * While data flows, a loss costs nothing but its repair. At the end it costs a round trip in which
 * nothing else happens, or a probe timeout when the very last packet is lost. So on a path that loses
 * packets, once nothing is left to send, every unacknowledged packet is repeated once, half a round trip
 * after it left: far enough for a burst of losses to be over, early enough to save the other half.
 *
 * @module
 */
import {
  FLAG_MTU_PROBE,
  PACKET_OUTSTANDING,
  type SentPacketRing,
} from "../collections/sent_packet_ring.ts";

/** When a packet is repeated, in smoothed round trips after it left. */
const REPEAT_AFTER_ROUNDS = 0.5;

/** Knows which packets of the tail are due. */
export class TailRepetition {
  /** When the next packet is due; Infinity when there is none. */
  deadlineMs: number = Infinity;
  #next = 0;
  #end = 0;

  /** New data left: everything sent so far may be part of the tail, nothing is repeated yet. */
  onNewData(ring: SentPacketRing): void {
    this.#end = ring.next;
    this.deadlineMs = Infinity;
  }

  /** Chooses up to `count` packets to repeat now, each once; sets the deadline of the next. */
  choose(
    ring: SentPacketRing,
    oldestOutstanding: number,
    limits: { readonly count: number; readonly nowMs: number; readonly smoothedRttMs: number },
  ): number[] {
    const chosen: number[] = [];
    const waitMs = REPEAT_AFTER_ROUNDS * limits.smoothedRttMs;
    this.deadlineMs = Infinity;
    this.#next = Math.max(this.#next, oldestOutstanding);
    for (; this.#next < this.#end && chosen.length < limits.count; this.#next++) {
      const slot = ring.slot(this.#next);
      if (ring.state[slot] !== PACKET_OUTSTANDING || ring.streamId[slot]! < 0) continue;
      if ((ring.flags[slot]! & FLAG_MTU_PROBE) !== 0) continue;
      const dueMs = ring.sentAtMs[slot]! + waitMs;
      if (dueMs > limits.nowMs) {
        this.deadlineMs = dueMs;
        break;
      }
      chosen.push(this.#next);
    }
    return chosen;
  }
}
