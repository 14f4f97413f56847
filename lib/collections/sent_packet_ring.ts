/**
 * What was sent, by packet number: parallel typed arrays used as a ring.
 *
 * A `Map` of objects costs about 55 ns for each packet, these arrays about 2 ns.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";

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
  /** What became of a packet: one of the PACKET_ states, at `slot(packetNumber)`. */
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
  constructor(capacity: number = INITIAL_CAPACITY) {
    assert((capacity & (capacity - 1)) === 0, "the capacity is a power of two");
    this.#mask = capacity - 1;
    const columns = emptyColumns(capacity);
    this.state = columns.state;
    this.flags = columns.flags;
    this.sizeBytes = columns.sizeBytes;
    this.sentAtMs = columns.sentAtMs;
    this.streamId = columns.streamId;
    this.streamOffset = columns.streamOffset;
    this.streamLength = columns.streamLength;
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
    const grown = emptyColumns(capacity);
    const copy = <T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T => {
      for (let n = this.#first; n < this.#next; n++) {
        to[n & (capacity - 1)] = from[n & (oldCapacity - 1)]!;
      }
      return to;
    };
    this.state = copy(this.state, grown.state);
    this.flags = copy(this.flags, grown.flags);
    this.sizeBytes = copy(this.sizeBytes, grown.sizeBytes);
    this.sentAtMs = copy(this.sentAtMs, grown.sentAtMs);
    this.streamId = copy(this.streamId, grown.streamId);
    this.streamOffset = copy(this.streamOffset, grown.streamOffset);
    this.streamLength = copy(this.streamLength, grown.streamLength);
    this.#mask = capacity - 1;
  }
}

/** A connection that only waits has few packets in flight, and a server thousands of such. */
const INITIAL_CAPACITY = 8;

type Columns = Pick<
  SentPacketRing,
  "state" | "flags" | "sizeBytes" | "sentAtMs" | "streamId" | "streamOffset" | "streamLength"
>;

/** All arrays in one buffer: one for each would take more memory than the rows of a connection that waits. */
function emptyColumns(capacity: number): Columns {
  const buffer = new ArrayBuffer(34 * capacity);
  return {
    sentAtMs: new Float64Array(buffer, 0, capacity),
    streamId: new Float64Array(buffer, 8 * capacity, capacity),
    streamOffset: new Float64Array(buffer, 16 * capacity, capacity),
    sizeBytes: new Uint32Array(buffer, 24 * capacity, capacity),
    streamLength: new Uint32Array(buffer, 28 * capacity, capacity),
    state: new Uint8Array(buffer, 32 * capacity, capacity),
    flags: new Uint8Array(buffer, 33 * capacity, capacity),
  };
}
