/**
 * What was sent, by packet number: parallel typed arrays used as a ring.
 *
 * A `Map` of objects costs about 55 ns for each packet, these arrays about 2 ns.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";

/** What became of a packet number. */
export const PACKET_UNUSED = 0;
/** Sent, counts as in flight, fate unknown. */
export const PACKET_OUTSTANDING = 1;
/** Acknowledged. */
export const PACKET_ACKED = 2;
/** Given up; kept for a while to notice an acknowledgement that comes after all. */
export const PACKET_LOST = 3;
/** Sent but needs no acknowledgement (only ACK or PADDING frames). */
export const PACKET_NOT_ELICITING = 4;

/** The packet carries control frames beside or instead of one stream frame. */
export const FLAG_CONTROL = 1;
/** The stream frame carries the end of its stream. */
export const FLAG_FIN = 2;
/** A path MTU probe: its loss says nothing about congestion. RFC 8899 §3. */
export const FLAG_MTU_PROBE = 4;
/** More stream frames than one are in this packet; all are listed beside the ring. */
export const FLAG_MORE_STREAMS = 8;

/** Rows for consecutive packet numbers `[first, next)`. */
export class SentPacketRing {
  #mask: number;
  #first = 0;
  #next = 0;
  /** One of the PACKET_ states, at `slot(packetNumber)`. */
  state: Uint8Array;
  /** FLAG_ bits. */
  flags: Uint8Array;
  /** UDP payload bytes of the packet. */
  sizeBytes: Uint32Array;
  /** When it left, ms. */
  sentAtMs: Float64Array;
  /** Stream of its stream frame, -1 when it has none. */
  streamId: Float64Array;
  /** Stream offset of that frame's first byte. */
  streamOffset: Float64Array;
  /** Bytes of that frame. */
  streamLength: Uint32Array;

  /** Makes a ring for `capacity` packet numbers (a power of two) that grows when it must. */
  constructor(capacity: number = 32) {
    assert((capacity & (capacity - 1)) === 0, "the capacity is a power of two");
    this.#mask = capacity - 1;
    this.state = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.sizeBytes = new Uint32Array(capacity);
    this.sentAtMs = new Float64Array(capacity);
    this.streamId = new Float64Array(capacity);
    this.streamOffset = new Float64Array(capacity);
    this.streamLength = new Uint32Array(capacity);
  }

  /** Oldest packet number kept. */
  get first(): number {
    return this.#first;
  }

  /** Packet number that the next row gets. */
  get next(): number {
    return this.#next;
  }

  /** Index into the arrays. The packet number is in `[first, next)`. */
  slot(packetNumber: number): number {
    // The low bits are all that counts, so the 32-bit operator is right for every packet number.
    return packetNumber & this.#mask;
  }

  /** Appends a row for packet number `next` and returns its slot; the caller fills the arrays. */
  append(): number {
    if (this.#next - this.#first > this.#mask) this.#grow();
    const slot = this.slot(this.#next++);
    this.flags[slot] = 0;
    return slot;
  }

  /** Forgets every packet number below `limit`. */
  forgetBelow(limit: number): void {
    this.#first = Math.max(this.#first, Math.min(limit, this.#next));
  }

  #grow(): void {
    const oldCapacity = this.#mask + 1;
    const capacity = oldCapacity * 2;
    const copy = <T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T => {
      for (let n = this.#first; n < this.#next; n++) {
        to[n & (capacity - 1)] = from[n & (oldCapacity - 1)]!;
      }
      return to;
    };
    this.state = copy(this.state, new Uint8Array(capacity));
    this.flags = copy(this.flags, new Uint8Array(capacity));
    this.sizeBytes = copy(this.sizeBytes, new Uint32Array(capacity));
    this.sentAtMs = copy(this.sentAtMs, new Float64Array(capacity));
    this.streamId = copy(this.streamId, new Float64Array(capacity));
    this.streamOffset = copy(this.streamOffset, new Float64Array(capacity));
    this.streamLength = copy(this.streamLength, new Uint32Array(capacity));
    this.#mask = capacity - 1;
  }
}
