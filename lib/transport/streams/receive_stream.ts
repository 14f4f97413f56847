/**
 * The receiving side of a stream: bytes in any order in, bytes in order out. RFC 9000 §3.2.
 *
 * A packet's bytes are copied once: to their place in the ring, and read from there, or to where a reader wants
 * them who waits for them.
 *
 * @module
 */
import { assert } from "../../bytes/invariant.ts";
import { ByteRing } from "../../collections/byte_ring.ts";
import { RangeSet } from "../../collections/range_set.ts";
import { TransportError } from "../transport_error.ts";

/** Separate out-of-order pieces of one stream; more are an attack on memory. RFC 9000 §21.8. */
const MAX_GAPS = 8192;

/** Offsets received, read and allowed. */
export class ReceiveStream {
  #ring = new ByteRing();
  /** Every byte below is here. */
  #readableEnd = 0;
  /** What is here above it. */
  #outOfOrder = new RangeSet();
  #highest = 0;
  #creditEnd: number;
  #finalSize = -1;
  #isReset = false;
  #isStopped = false;
  /** Where the bytes from the ring's base on go as long as they come in order; null when nobody waits. */
  #target: Uint8Array | null = null;
  /** How many of them are there. */
  #targetLength = 0;

  /** Makes a receiving side with the credit given to the peer, bytes. */
  constructor(creditEnd: number) {
    this.#creditEnd = creditEnd;
  }

  /** Offset up to which the peer may send. */
  get creditEnd(): number {
    return this.#creditEnd;
  }

  /** Offset of the next byte that will be read. */
  get readOffset(): number {
    return this.#ring.base;
  }

  /** Bytes that can be read now. */
  get readableBytes(): number {
    return this.#readableEnd - this.#ring.base;
  }

  /** Highest offset seen: what counts against the connection's window. */
  get highest(): number {
    return this.#highest;
  }

  /** True when all bytes up to the stream's end were read, or the peer abandoned it. */
  get isDone(): boolean {
    return this.#isReset || (this.#finalSize >= 0 && this.#ring.base === this.#finalSize) ||
      (this.#isStopped && this.#finalSize >= 0 && this.#readableEnd === this.#finalSize);
  }

  /** True when the end was reached by reading. */
  get isAtEnd(): boolean {
    return this.#finalSize >= 0 && this.#ring.base === this.#finalSize;
  }

  /** True when the peer said where the stream ends, or abandoned it: no more credit is needed. */
  get isSizeKnown(): boolean {
    return this.#finalSize >= 0;
  }

  /** True after the peer's RESET_STREAM. */
  get isReset(): boolean {
    return this.#isReset;
  }

  /** Memory held, bytes. */
  get capacity(): number {
    return this.#ring.capacity;
  }

  /** Gives back memory that what is held does not need. */
  trim(): void {
    this.#ring.trim(this.#highest);
  }

  /** Every byte up to the first hole, whether it was read or not. */
  get arrivedBytes(): number {
    return this.#readableEnd;
  }

  /**
   * Takes `source[start, start + length)` as the stream's bytes from `offset`. Returns by how much the
   * highest offset grew.
   *
   * @throws {TransportError} FLOW_CONTROL_ERROR or FINAL_SIZE_ERROR.
   */
  onData(
    source: Uint8Array,
    frame: { offset: number; start: number; length: number; isFin: boolean },
  ): number {
    const end = frame.offset + frame.length;
    if (end > this.#creditEnd) {
      throw new TransportError("FLOW_CONTROL_ERROR", "Stream data beyond its credit");
    }
    if (
      this.#finalSize >= 0 && (end > this.#finalSize || (frame.isFin && end !== this.#finalSize))
    ) {
      throw new TransportError("FINAL_SIZE_ERROR", "Stream data beyond its end");
    }
    if (frame.isFin) this.#setFinalSize(end);
    const growth = Math.max(0, end - this.#highest);
    if (this.#isReset) return 0;
    this.#store(source, frame, end);
    this.#highest = Math.max(this.#highest, end);
    return growth;
  }

  /** The peer abandoned the stream. Returns by how much the highest offset grew. RFC 9000 §19.4. */
  onReset(finalSize: number): number {
    if (finalSize > this.#creditEnd) {
      throw new TransportError("FLOW_CONTROL_ERROR", "Reset beyond the stream's credit");
    }
    this.#setFinalSize(finalSize);
    const growth = finalSize - this.#highest;
    this.#highest = finalSize;
    this.#isReset = true;
    this.#target = null;
    this.#outOfOrder.clear();
    this.#ring.release();
    return growth;
  }

  /** Lets the next bytes go to `target`, as long as they come in order and fit. Only while none can be read. */
  lend(target: Uint8Array): void {
    assert(this.readableBytes === 0, "a target is lent when nothing is there");
    this.#target = target;
    this.#targetLength = 0;
  }

  /** Ends that: how many of the readable bytes are in the target, to be consumed before the others are read. */
  takeBack(): number {
    const length = this.#target === null ? 0 : this.#targetLength;
    this.#target = null;
    return length;
  }

  /** The readable bytes at the front, possibly not all of them; empty when there are none. */
  peek(): Uint8Array {
    return this.#ring.view(this.readableBytes);
  }

  /** Drops `length` bytes that were read. */
  consume(length: number): void {
    assert(length <= this.readableBytes, "only readable bytes are consumed");
    this.#ring.advance(this.#ring.base + length);
  }

  /** Stops keeping what arrives; sizes are still counted. Returns the bytes dropped. */
  stop(): number {
    this.#isStopped = true;
    const dropped = this.#readableEnd - this.#ring.base;
    this.#target = null;
    this.#ring.release();
    this.#ring.advance(this.#readableEnd);
    return dropped;
  }

  /** True after {@linkcode stop}. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Allows the peer to send up to `creditEnd`. */
  giveCredit(creditEnd: number): void {
    assert(creditEnd >= this.#creditEnd, "credit is never taken back");
    this.#creditEnd = creditEnd;
  }

  #store(
    source: Uint8Array,
    frame: { offset: number; start: number; length: number },
    end: number,
  ) {
    if (end <= this.#readableEnd || frame.length === 0) return;
    const skipped = Math.max(0, this.#readableEnd - frame.offset);
    const offset = frame.offset + skipped;
    if (!this.#isStopped) {
      const from = frame.start + skipped;
      const until = frame.start + frame.length;
      const taken = this.#target === null ? 0 : this.#deliver(offset, source, from, until);
      this.#ring.put(offset + taken, source, from + taken, until);
    }
    if (offset === this.#readableEnd && this.#outOfOrder.isEmpty) {
      this.#readableEnd = end;
    } else {
      this.#outOfOrder.insert(offset, end);
      if (this.#outOfOrder.rangeCount > MAX_GAPS) {
        throw new TransportError("FLOW_CONTROL_ERROR", "Too many pieces of one stream");
      }
      if (this.#outOfOrder.firstStart <= this.#readableEnd) {
        this.#readableEnd = this.#outOfOrder.removeFirst();
      }
    }
    if (this.#isStopped) this.#ring.advance(this.#readableEnd);
  }

  /** Copies what fits of `source[from, until)` to the target, if it comes next there; returns how much. */
  #deliver(offset: number, source: Uint8Array, from: number, until: number): number {
    const target = this.#target!;
    const at = this.#targetLength;
    if (offset !== this.#ring.base + at) return 0;
    const length = Math.min(until - from, target.length - at);
    if (length > 0) target.set(source.subarray(from, from + length), at);
    this.#targetLength += length;
    return length;
  }

  #setFinalSize(size: number): void {
    if ((this.#finalSize >= 0 && this.#finalSize !== size) || size < this.#highest) {
      throw new TransportError("FINAL_SIZE_ERROR", "The stream's end moved");
    }
    this.#finalSize = size;
  }
}
