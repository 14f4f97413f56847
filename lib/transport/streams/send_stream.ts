/**
 * The sending side of a stream. RFC 9000 §3.1.
 *
 * Bytes are copied in when written and kept until acknowledged. Lost ranges go out again before new
 * bytes; nothing is ever sealed twice, because they travel in new packets.
 *
 * @module
 */
import { assert } from "../../bytes/invariant.ts";
import { ByteRing } from "../../collections/byte_ring.ts";
import { RangeSet } from "../../collections/range_set.ts";

/** A piece of a stream chosen for the next packet. Reused: valid until the next choice. */
export interface StreamChunk {
  /** Stream offset of the first byte. */
  offset: number;
  /** Bytes; 0 for a bare end of stream. */
  length: number;
  /** The stream ends behind these bytes. */
  isFin: boolean;
}

/** Offsets, the end, and what is to be sent. */
export class SendStream {
  #ring = new ByteRing();
  #writtenEnd = 0;
  #sentEnd = 0;
  /** Acknowledged ranges above the ring's base. */
  #acked = new RangeSet();
  #lost = new RangeSet();
  #creditEnd: number;
  #fin: "open" | "queued" | "sent" | "acked" = "open";
  #reset: "none" | "queued" | "sent" | "acked" = "none";
  #chunk: StreamChunk = { offset: 0, length: 0, isFin: false };

  /** Makes an open sending side with the peer's credit for it, bytes. */
  constructor(creditEnd: number) {
    this.#creditEnd = creditEnd;
  }

  /** Bytes written and not yet acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#writtenEnd - this.#ring.base;
  }

  /** Bytes written and never sent. */
  get unsentBytes(): number {
    return this.#writtenEnd - this.#sentEnd;
  }

  /** True when there are bytes that only the peer's credit for this stream keeps back. */
  get isBlocked(): boolean {
    return this.#sentEnd >= this.#creditEnd && this.#sentEnd < this.#writtenEnd &&
      this.#reset === "none";
  }

  /** Highest offset sent: what counts against the connection's credit, and a reset's final size. */
  get sentEnd(): number {
    return this.#sentEnd;
  }

  /** True when everything, the end or the reset included, is acknowledged. */
  get isDone(): boolean {
    return this.#reset === "acked" || (this.#fin === "acked" && this.unacknowledgedBytes === 0);
  }

  /** True once the application ended or abandoned the stream. */
  get isFinished(): boolean {
    return this.#fin !== "open" || this.#reset !== "none";
  }

  /** True after a reset. */
  get isReset(): boolean {
    return this.#reset !== "none";
  }

  /** Memory held, bytes. */
  get capacity(): number {
    return this.#ring.capacity;
  }

  /** Gives back memory that what is held does not need. */
  trim(): void {
    this.#ring.trim(this.#writtenEnd);
  }

  /** Every byte up to the first that is not acknowledged. */
  get acknowledgedBytes(): number {
    return this.#ring.base;
  }

  /** Copies as much of `bytes` as keeps the unacknowledged bytes within `limitBytes`; returns how much. */
  write(bytes: Uint8Array, limitBytes: number): number {
    assert(!this.isFinished, "a finished stream takes no more bytes");
    const length = Math.min(bytes.length, limitBytes - this.unacknowledgedBytes);
    if (length <= 0) return 0;
    this.#ring.put(this.#writtenEnd, bytes, 0, length);
    this.#writtenEnd += length;
    return length;
  }

  /** Ends the stream behind what was written. */
  finish(): void {
    if (this.#fin === "open") this.#fin = "queued";
  }

  /** Abandons the stream; returns false when that makes no difference any more. */
  reset(): boolean {
    if (this.#reset !== "none" || this.isDone) return false;
    this.#reset = "queued";
    this.#lost.clear();
    this.#ring.release();
    return true;
  }

  /** The peer gives credit up to `creditEnd`. Returns true when it grew. RFC 9000 §4.1. */
  onMaxStreamData(creditEnd: number): boolean {
    if (creditEnd <= this.#creditEnd) return false;
    this.#creditEnd = creditEnd;
    return true;
  }

  /** True when something could be sent, were there connection credit for `connectionCredit` new bytes. */
  hasPending(connectionCredit: number): boolean {
    if (this.#reset !== "none") return false;
    if (!this.#lost.isEmpty || this.#fin === "queued" && this.unsentBytes === 0) return true;
    return this.#sentEnd < this.#writtenEnd && this.#sentEnd < this.#creditEnd &&
      connectionCredit > 0;
  }

  /**
   * Chooses up to `maxBytes` for the next packet: lost ranges first, then new bytes within the credit.
   * Returns null when there is nothing. What is returned counts as sent.
   */
  nextChunk(maxBytes: number, connectionCredit: number): StreamChunk | null {
    const chunk = this.#chunk;
    if (!this.#lost.isEmpty) {
      chunk.offset = this.#lost.firstStart;
      chunk.length = Math.min(maxBytes, this.#lost.firstEnd - chunk.offset);
      if (chunk.length <= 0) return null;
      this.#lost.remove(chunk.offset, chunk.offset + chunk.length);
    } else {
      const end = Math.min(this.#writtenEnd, this.#creditEnd, this.#sentEnd + connectionCredit);
      chunk.offset = this.#sentEnd;
      chunk.length = Math.min(maxBytes, end - this.#sentEnd);
      if (chunk.length <= 0 && !(this.#fin === "queued" && this.unsentBytes === 0)) return null;
      this.#sentEnd += chunk.length;
    }
    chunk.isFin = this.#fin !== "open" && chunk.offset + chunk.length === this.#writtenEnd;
    if (chunk.isFin && this.#fin === "queued") this.#fin = "sent";
    return chunk;
  }

  /** Copies a chosen chunk's bytes into a packet. */
  copyTo(
    target: Uint8Array,
    targetOffset: number,
    { offset, length }: Pick<StreamChunk, "offset" | "length">,
  ): void {
    this.#ring.copyTo(target, targetOffset, offset, length);
  }

  /** Where bytes sent and not acknowledged are kept, and those before them: `ByteRing.blockOf()`. */
  blockOf(offset: number, length: number): Uint8Array | null {
    return this.#ring.blockOf(offset, length);
  }

  /** Where in that block: `ByteRing.positionInBlock()`. */
  positionInBlock(offset: number): number {
    return this.#ring.positionInBlock(offset);
  }

  /** Bytes were acknowledged. Returns true when this freed room or finished the stream. */
  onAcked(offset: number, length: number, isFin: boolean): boolean {
    if (isFin && this.#fin !== "acked") this.#fin = "acked";
    const base = this.#ring.base;
    const end = offset + length;
    if (length === 0 || end <= base) return isFin;
    // A range that was declared lost may be acknowledged after all: do not send it again.
    if (!this.#lost.isEmpty) this.#lost.remove(offset, end);
    if (offset <= base && this.#acked.isEmpty) {
      this.#ring.advance(end);
      return true;
    }
    this.#acked.insert(Math.max(offset, base), end);
    if (this.#acked.firstStart !== base) return isFin;
    this.#ring.advance(this.#acked.removeFirst());
    return true;
  }

  /** Bytes must be sent again, unless they were acknowledged in another packet meanwhile. */
  onLost(offset: number, length: number, isFin: boolean): void {
    if (this.#reset !== "none") return;
    if (isFin && this.#fin === "sent") this.#fin = "queued";
    const start = Math.max(offset, this.#ring.base);
    const end = offset + length;
    if (start >= end) return;
    this.#lost.insert(start, end);
    for (let i = 0; i < this.#acked.rangeCount && this.#acked.startAt(i) < end; i++) {
      if (this.#acked.endAt(i) > start) {
        this.#lost.remove(this.#acked.startAt(i), this.#acked.endAt(i));
      }
    }
  }

  /** The RESET_STREAM frame was acknowledged. */
  onResetAcked(): void {
    this.#reset = "acked";
  }
}
