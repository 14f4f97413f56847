/**
 * How much memory the streams of one connection hold: what may wait for sending, and what is given back.
 *
 * @module
 */
import { clamp } from "../../bytes/clamp.ts";
import type { ReceiveWindow } from "../flow_control.ts";
import type { SharedMemory } from "../memory_budget.ts";
import type { SendStream } from "./send_stream.ts";
import type { StreamMap } from "./stream_map.ts";

/** Least that one stream may buffer for sending, whatever the window is, while memory lasts. */
const MIN_SEND_BUFFER_BYTES = 1 << 20;
/**
 * Most that waits to be sent for the first time: a fraction of a millisecond of a fast path. More would
 * only push what is sent next out of the processor's caches.
 */
const MAX_UNSENT_BYTES = 1 << 20;
/**
 * Where sending is slow, less: what waits here counts as done for whoever shows progress, and stands
 * before everything that is written later.
 */
const MAX_UNSENT_MS = 100;
const MIN_UNSENT_BYTES = 16 << 10;
/** Before the rate is known: a first window. */
const FIRST_UNSENT_BYTES = 64 << 10;
/** Send memory of a connection that takes none of what all share. */
const BASE_SEND_BYTES = 128 << 10;
/** What every stream may buffer even when there is no memory left, so that none stands still. */
const LEAST_SEND_BYTES = 4096;
/** Memory may be this much larger than what it holds before it is given back. */
const SPARE_BYTES = 1 << 20;
/** A stream that holds less is not worth looking at the others for. */
const LARGE_BYTES = 64 << 10;

/** What the memory is bounded by. */
export interface StreamMemoryOptions {
  /** What all connections share. */
  readonly shared: SharedMemory;
  /** The connection's window for what the peer sends. */
  readonly receiveWindow: ReceiveWindow;
  /** Most that one stream may buffer for sending. */
  readonly maxSendBufferBytes: number;
}

/** The memory of all streams of one connection. */
export class StreamMemory {
  readonly #map: StreamMap;
  readonly #shared: SharedMemory;
  readonly #receiveWindow: ReceiveWindow;
  readonly #maxSendBufferBytes: number;
  #sendBufferBytes = MIN_SEND_BUFFER_BYTES;
  #maxUnsentBytes = FIRST_UNSENT_BYTES;
  #sendRoomBytes = BASE_SEND_BYTES;

  /** Takes nothing of what is shared for now. */
  constructor(map: StreamMap, options: StreamMemoryOptions) {
    this.#map = map;
    this.#shared = options.shared;
    this.#receiveWindow = options.receiveWindow;
    this.#maxSendBufferBytes = options.maxSendBufferBytes;
  }

  /** Memory that the streams hold, bytes. */
  get heldBytes(): number {
    let held = 0;
    for (const { receive, send } of this.#map.values()) held += receive.capacity + send.capacity;
    return held;
  }

  /**
   * How much was in flight: a stream may keep three times that for sending, so that the path stays full
   * while losses are repaired. It follows the flight, not the window, which nothing may bound.
   */
  onFlight(inFlightBytes: number): void {
    this.#sendBufferBytes = Math.min(
      this.#maxSendBufferBytes,
      Math.max(this.#sendBufferBytes, 3 * inFlightBytes),
    );
  }

  /** How fast sending is, bytes per second: only so much waits to be sent. */
  onRate(bytesPerSecond: number): void {
    const bytes = Math.floor(bytesPerSecond * MAX_UNSENT_MS / 1000);
    this.#maxUnsentBytes = clamp(bytes, MIN_UNSENT_BYTES, MAX_UNSENT_BYTES);
  }

  /** How much of a stream may be kept, acknowledged or not, when so many bytes more are to be written. */
  sendLimitBytes(send: SendStream, wantedBytes: number): number {
    const aheadBytes = send.unacknowledgedBytes - send.unsentBytes + this.#maxUnsentBytes;
    return Math.min(this.#shareBytes(send, wantedBytes), aheadBytes);
  }

  /** Whether so little waits to be sent for the first time that more may be written. */
  isRunningLow(send: SendStream): boolean {
    return send.unsentBytes <= this.#maxUnsentBytes / 2;
  }

  /** Everything written to a stream was acknowledged: it needs no memory now, nor perhaps the others. */
  onAllAcknowledged(send: SendStream): void {
    this.trimIfLarge(send);
    if (this.#sendRoomBytes > BASE_SEND_BYTES && this.#unacknowledgedBytes() === 0) {
      this.#giveSendRoomBack();
    }
  }

  /** Streams that were large once must not keep what others need. */
  trimIfLarge(buffer: { readonly capacity: number }): void {
    if (buffer.capacity < LARGE_BYTES) return;
    const limit = 2 * (this.#receiveWindow.windowBytes + this.#sendRoomBytes) + SPARE_BYTES;
    if (this.heldBytes > limit) this.trim();
  }

  /** Gives back what no stream needs now. */
  trim(): void {
    for (const { receive, send } of this.#map.values()) {
      receive.trim();
      send.trim();
    }
  }

  /** Gives the shared memory back when the connection is over. */
  release(): void {
    this.#receiveWindow.release();
    this.#giveSendRoomBack();
  }

  /** What one stream may keep for sending: its share of what the connection and all others may keep. */
  #shareBytes(send: SendStream, wantedBytes: number): number {
    const ownBytes = send.unacknowledgedBytes;
    const streamBytes = Math.min(this.#sendBufferBytes, ownBytes + wantedBytes);
    const othersBytes = this.#unacknowledgedBytes() - ownBytes;
    const neededBytes = Math.min(othersBytes + streamBytes, 2 * this.#sendBufferBytes);
    if (neededBytes > this.#sendRoomBytes) {
      this.#sendRoomBytes += this.#shared.take(neededBytes - this.#sendRoomBytes);
    }
    return Math.max(LEAST_SEND_BYTES, Math.min(streamBytes, this.#sendRoomBytes - othersBytes));
  }

  #unacknowledgedBytes(): number {
    let total = 0;
    for (const { send } of this.#map.values()) total += send.unacknowledgedBytes;
    return total;
  }

  #giveSendRoomBack(): void {
    this.#shared.giveBack(this.#sendRoomBytes - BASE_SEND_BYTES);
    this.#sendRoomBytes = BASE_SEND_BYTES;
  }
}
