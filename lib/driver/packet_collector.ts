/**
 * Whether packets that come one by one are worth collecting, and for how long.
 *
 * Deno's way to a datagram (a look at the system, a promise, a turn of the event loop) costs 40 µs: half of
 * all that receiving cost at 1 Gbit/s, and the same share of a slower link's packets. Who stops for a moment
 * and takes what has come with one call halves the processor time of receiving (200 Mbit/s, 80 ms: 20 to 11
 * seconds a GB; 100 Mbit/s, 50 ms: 44 to 22).
 *
 * @module
 */
import { clamp } from "../bytes/clamp.ts";

/** So many at one look, and the next one waits. */
const MANY_PACKETS = 6;
/** Fewer packets than these are not worth a longer wait. */
const LEAST_PACKETS = 3;
/** With these a look costs little for each; more are not waited for. */
const ENOUGH_PACKETS = 16;
/** From here on, some 350 Mbit/s, the shortest wait brings many. */
const FAST_PACKETS_PER_MS = 30;
/** Smaller ones are acknowledgements, larger ones were coalesced by the system. */
const SINGLE_PACKET_BYTES = { least: 1000, most: 9000 } as const;
/**
 * At 1 Gbit/s 17 packets. A wait this short is only for packets that are just coming: a gap between them is
 * as long, and on the shortest paths each wait in it would hold up the sender.
 */
const SHORTEST_MS = 0.2;
/** The program itself and its other sockets wait as long. */
const LONGEST_MS = 1;
/** How long arrivals are counted before their rate is told. */
const WINDOW_MS = 4;

/** Counts the datagrams of each look at the socket. */
export class PacketCollector {
  #atThisLook = 0;
  #windowPackets = 0;
  #windowStartMs = 0;
  #packetsPerMs = 0;
  #durationMs = SHORTEST_MS;

  /** Whether full packets come so densely that the next look is to wait for some. */
  get isWorthwhile(): boolean {
    if (this.#atThisLook >= MANY_PACKETS) return true;
    return this.#durationMs > SHORTEST_MS &&
      this.#packetsPerMs * this.#durationMs >= LEAST_PACKETS;
  }

  /** How long it should wait, microseconds. */
  get durationUs(): number {
    return Math.round(this.#durationMs * 1000);
  }

  /** A look at the socket begins. */
  onLook(): void {
    this.#atThisLook = 0;
  }

  /** A datagram of so many bytes was taken. */
  onDatagram(bytes: number): void {
    const { least, most } = SINGLE_PACKET_BYTES;
    if (bytes >= least && bytes <= most) this.#atThisLook++;
  }

  /** The look is over. `patienceMs` tells how long packets may wait. */
  onLooked(nowMs: number, patienceMs: () => number): void {
    this.#windowPackets += this.#atThisLook;
    const windowMs = nowMs - this.#windowStartMs;
    if (windowMs < WINDOW_MS) return;
    this.#packetsPerMs = this.#windowPackets / windowMs;
    this.#windowPackets = 0;
    this.#windowStartMs = nowMs;
    this.#durationMs = this.#packetsPerMs >= FAST_PACKETS_PER_MS
      ? SHORTEST_MS
      : clamp(Math.min(patienceMs(), ENOUGH_PACKETS / this.#packetsPerMs), SHORTEST_MS, LONGEST_MS);
  }
}
