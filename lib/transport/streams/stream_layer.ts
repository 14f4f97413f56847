/**
 * All streams of one connection with their flow control: takes stream frames, hands out pieces for
 * packets, and serves the application. RFC 9000 §2–4.
 *
 * @module
 */
import { clamp } from "../../bytes/clamp.ts";
import type { ControlFrame, StreamFrame } from "../../wire/frame.ts";
import type { TransportParameters } from "../../wire/transport_parameters.ts";
import type { ControlQueue } from "../control_queue.ts";
import { ConnectionFlowControl, ReceiveWindow } from "../flow_control.ts";
import { MemoryBudget } from "../memory_budget.ts";
import type { TransportConfig } from "../transport_config.ts";
import type { TransportEvent } from "../transport_event.ts";
import { ReceiveStream } from "./receive_stream.ts";
import { SendStream, type StreamChunk } from "./send_stream.ts";
import { type StreamEntry, StreamMap } from "./stream_map.ts";

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
/** Type, stream, offset, length. RFC 9000 §19.8. */
const LARGEST_STREAM_HEADER_BYTES = 1 + 8 + 8 + 2;
/** A stream that moved less since the last progress has made none. */
const PROGRESS_BYTES = 1024;
/** Checks without progress that end a stream. */
export const PROGRESS_CHECKS = 6;

/** Time and round trip, for window tuning. */
export interface WindowClock {
  /** Now, ms. */
  readonly nowMs: number;
  /** Smoothed RTT, ms. */
  readonly rttMs: number;
}

/** What the layer is made from. */
export interface StreamLayerOptions {
  /** Decides the stream IDs. */
  readonly role: "client" | "server";
  /** Our limits. */
  readonly config: TransportConfig;
  /** The peer's limits. */
  readonly peer: TransportParameters;
  /** Where control frames go. */
  readonly control: ControlQueue;
  /** Where events go. */
  readonly events: TransportEvent[];
  /** Memory shared with other connections; without it there is no limit but the windows. */
  readonly memory?: MemoryBudget;
}

/** The streams of one connection. */
export class StreamLayer {
  readonly #config: TransportConfig;
  readonly #control: ControlQueue;
  readonly #events: TransportEvent[];
  readonly #map: StreamMap;
  readonly #flow: ConnectionFlowControl;
  readonly #opened: StreamEntry[] = [];
  readonly #memory: MemoryBudget;
  #sendBufferBytes = MIN_SEND_BUFFER_BYTES;
  #maxUnsentBytes = FIRST_UNSENT_BYTES;
  #sendRoomBytes = BASE_SEND_BYTES;

  /** Makes the layer with no streams. */
  constructor(options: StreamLayerOptions) {
    const { config, peer } = options;
    this.#config = config;
    this.#control = options.control;
    this.#events = options.events;
    this.#memory = options.memory ?? new MemoryBudget(Infinity);
    const baseBytes = Math.min(config.initialWindowBytes, config.baseWindowBytes);
    this.#flow = new ConnectionFlowControl(baseBytes, config.maxWindowBytes, this.#memory);
    const limit = this.#flow.receiveWindow.open(config.initialWindowBytes);
    if (limit > baseBytes) this.#control.push({ kind: "max-data", limit });
    this.#flow.onMaxData(peer.initialMaxDataBytes);
    this.#map = new StreamMap(options.role, {
      maxRemoteStreams: config.maxStreams,
      make: (id) => ({
        id,
        send: new SendStream(peer.initialMaxStreamDataBytes),
        receive: new ReceiveStream(config.initialStreamWindowBytes),
        window: new ReceiveWindow(config.initialStreamWindowBytes, config.maxStreamWindowBytes),
        resetCode: 0,
        peerResetCode: -1,
        peerStopCode: -1,
        isAccepted: false,
        isScheduled: false,
        isReadableReported: false,
        isWriteBlocked: false,
        progressMark: 0,
        stalledChecks: 0,
      }),
    });
    this.#map.onMaxStreams(peer.initialMaxStreams);
  }

  /** Streams that exist now. */
  get count(): number {
    return this.#map.count;
  }

  /** Streams that exist now, for statistics. */
  values(): IterableIterator<StreamEntry> {
    return this.#map.values();
  }

  // ── The application's side ─────────────────────────────────────────────────────────────────────

  /** Opens a stream, or null when the peer allows no more for now. */
  open(): StreamEntry | null {
    return this.#map.canOpen ? this.#map.open() : null;
  }

  /**
   * Takes a stream that the peer opened. Until then it counts against how many the peer may have open, even
   * when both sides are done.
   */
  accept(entry: StreamEntry): void {
    this.#tellMaxStreams(this.#map.accept(entry));
  }

  /** Copies in what fits; returns how many bytes that were. The rest waits for a `writable` event. */
  write(entry: StreamEntry, bytes: Uint8Array): number {
    const { send } = entry;
    const aheadBytes = send.unacknowledgedBytes - send.unsentBytes + this.#maxUnsentBytes;
    const limitBytes = Math.min(this.#sendLimitBytes(entry, bytes.length), aheadBytes);
    const written = send.write(bytes, limitBytes);
    if (written > 0) this.#map.schedule(entry);
    entry.isWriteBlocked = written < bytes.length;
    return written;
  }

  /** Ends the sending side. */
  finish(entry: StreamEntry): void {
    if (entry.send.isFinished) return;
    entry.send.finish();
    this.#map.schedule(entry);
  }

  /** Abandons the sending side. */
  reset(entry: StreamEntry, code: number): void {
    if (!entry.send.reset()) return;
    entry.resetCode = code;
    this.#control.push({
      kind: "reset-stream",
      streamId: entry.id,
      code,
      finalSize: entry.send.sentEnd,
    });
  }

  /** Asks the peer to stop; what was received and not read is dropped. */
  stop(entry: StreamEntry, code: number): void {
    if (entry.receive.isStopped || entry.receive.isDone) return;
    const dropped = entry.receive.stop();
    if (!entry.receive.isSizeKnown) {
      this.#control.push({ kind: "stop-sending", streamId: entry.id, code });
    }
    this.#giveCredit(entry, dropped);
    this.#closeIfDone(entry);
  }

  /** Drops bytes that the application has read, and gives the peer credit for more. */
  consume(entry: StreamEntry, length: number): void {
    entry.receive.consume(length);
    this.#trimIfLarge(entry.receive);
    this.#giveCredit(entry, length);
    this.#closeIfDone(entry);
  }

  /** The application has looked at the stream and found nothing: report it again when that changes. */
  onReadableSeen(entry: StreamEntry): void {
    entry.isReadableReported = false;
  }

  /**
   * How much was in flight: a stream may keep three times that for sending, so that the path stays full
   * while losses are repaired. It follows the flight, not the window, which nothing may bound.
   */
  onFlight(inFlightBytes: number): void {
    this.#sendBufferBytes = Math.min(
      this.#config.maxSendBufferBytes,
      Math.max(this.#sendBufferBytes, 3 * inFlightBytes),
    );
  }

  /** How fast sending is, bytes per second: only so much waits to be sent. */
  onRate(bytesPerSecond: number): void {
    const bytes = Math.floor(bytesPerSecond * MAX_UNSENT_MS / 1000);
    this.#maxUnsentBytes = clamp(bytes, MIN_UNSENT_BYTES, MAX_UNSENT_BYTES);
  }

  /**
   * Looks at the streams of the peer on which we wait for it: those that have made no progress at several
   * checks in a row end with `code`. Returns how many did. Idle memory is given back.
   */
  endStalled(code: number): number {
    let ended = 0;
    for (const entry of this.#map.values()) {
      entry.receive.trim();
      entry.send.trim();
      if (this.#map.isLocal(entry) || !this.#hasStalled(entry)) continue;
      entry.stalledChecks = 0;
      ended++;
      this.stop(entry, code);
      this.reset(entry, code);
      this.#events.push({ kind: "readable", stream: entry }, { kind: "writable", stream: entry });
    }
    return ended;
  }

  /** Gives the shared memory back when the connection is over. */
  release(): void {
    this.#flow.receiveWindow.release();
    this.#memory.giveBack(this.#sendRoomBytes - BASE_SEND_BYTES);
    this.#sendRoomBytes = BASE_SEND_BYTES;
  }

  /** Bytes that the peer has not acknowledged, frame headers reckoned in. */
  get closingBytes(): number {
    let bytes = 0;
    for (const { send } of this.#map.values()) {
      const isOver = send.isDone || (send.unacknowledgedBytes === 0 && !send.isFinished);
      if (!isOver) bytes += send.unacknowledgedBytes + LARGEST_STREAM_HEADER_BYTES;
    }
    return bytes;
  }

  /** Memory that the streams hold, bytes. */
  get heldBytes(): number {
    let held = 0;
    for (const { receive, send } of this.#map.values()) held += receive.capacity + send.capacity;
    return held;
  }

  #hasStalled(entry: StreamEntry): boolean {
    const { send, receive } = entry;
    // A reader that was told of something and has not looked is not the peer's fault.
    const isReading = !receive.isSizeKnown && !receive.isStopped && !entry.isReadableReported &&
      receive.readableBytes === 0;
    const isWaiting = isReading || (!send.isReset && send.unacknowledgedBytes > 0);
    const mark = receive.arrivedBytes + send.acknowledgedBytes;
    if (isWaiting && mark - entry.progressMark < PROGRESS_BYTES) {
      return ++entry.stalledChecks >= PROGRESS_CHECKS;
    }
    entry.progressMark = mark;
    entry.stalledChecks = 0;
    return false;
  }

  /** What one stream may keep for sending: its share of what the connection and all others may keep. */
  #sendLimitBytes(entry: StreamEntry, wantedBytes: number): number {
    const ownBytes = entry.send.unacknowledgedBytes;
    const streamBytes = Math.min(this.#sendBufferBytes, ownBytes + wantedBytes);
    const othersBytes = this.#unacknowledgedBytes() - ownBytes;
    const neededBytes = Math.min(othersBytes + streamBytes, 2 * this.#sendBufferBytes);
    if (neededBytes > this.#sendRoomBytes) {
      this.#sendRoomBytes += this.#memory.take(neededBytes - this.#sendRoomBytes);
    }
    return Math.max(LEAST_SEND_BYTES, Math.min(streamBytes, this.#sendRoomBytes - othersBytes));
  }

  #unacknowledgedBytes(): number {
    let total = 0;
    for (const { send } of this.#map.values()) total += send.unacknowledgedBytes;
    return total;
  }

  /** Streams that were large once must not keep what others need. */
  #trimIfLarge(entry: { readonly capacity: number }): void {
    if (entry.capacity < LARGE_BYTES) return;
    const limit = 2 * (this.#flow.receiveWindow.windowBytes + this.#sendRoomBytes) + SPARE_BYTES;
    if (this.heldBytes <= limit) return;
    for (const { receive, send } of this.#map.values()) {
      receive.trim();
      send.trim();
    }
  }

  // ── The packet's side ──────────────────────────────────────────────────────────────────────────

  /** True when a packet could carry stream bytes now. */
  hasPending(): boolean {
    return this.#map.hasScheduled && this.#map.hasPending(this.#flow.sendCreditBytes);
  }

  /** True when every stream that still waits for acknowledgements has ended: no new bytes will come. */
  get isEnding(): boolean {
    for (const { send } of this.#map.values()) {
      if (send.unacknowledgedBytes > 0 && !send.isFinished) return false;
    }
    return true;
  }

  /** Bytes sent for the first time, all streams together. */
  get sentBytes(): number {
    return this.#flow.sentBytes;
  }

  /** The stream whose turn it is, or null when nothing may go. */
  nextStream(): StreamEntry | null {
    return this.#map.current(this.#flow.sendCreditBytes);
  }

  /** Chooses up to `maxBytes` of a stream for a packet; counts them as sent. */
  takeChunk(entry: StreamEntry, maxBytes: number): StreamChunk | null {
    const sentEnd = entry.send.sentEnd;
    const chunk = entry.send.nextChunk(maxBytes, this.#flow.sendCreditBytes);
    this.#flow.onSent(entry.send.sentEnd - sentEnd);
    if (entry.isWriteBlocked && entry.send.unsentBytes <= this.#maxUnsentBytes / 2) {
      entry.isWriteBlocked = false;
      this.#events.push({ kind: "writable", stream: entry });
    }
    return chunk;
  }

  /** Lets the next stream go first in the next batch. */
  rotate(): void {
    this.#map.rotate();
  }

  /** A piece of a stream was acknowledged. */
  onChunkAcked(streamId: number, offset: number, length: number, isFin: boolean): void {
    const entry = this.#map.find(streamId);
    if (entry === undefined || !entry.send.onAcked(offset, length, isFin)) return;
    this.#events.push({ kind: "writable", stream: entry });
    if (entry.send.unacknowledgedBytes === 0) this.#onSendBufferEmpty(entry);
    this.#closeIfDone(entry);
  }

  #onSendBufferEmpty(entry: StreamEntry): void {
    this.#trimIfLarge(entry.send);
    if (this.#sendRoomBytes === BASE_SEND_BYTES || this.#unacknowledgedBytes() > 0) return;
    this.#memory.giveBack(this.#sendRoomBytes - BASE_SEND_BYTES);
    this.#sendRoomBytes = BASE_SEND_BYTES;
  }

  /** A piece of a stream was lost. */
  onChunkLost(streamId: number, offset: number, length: number, isFin: boolean): void {
    const entry = this.#map.find(streamId);
    if (entry === undefined) return;
    entry.send.onLost(offset, length, isFin);
    this.#map.schedule(entry);
  }

  /** A control frame of the streams was acknowledged. */
  onControlAcked(frame: ControlFrame): void {
    if (frame.kind !== "reset-stream") return;
    const entry = this.#map.find(frame.streamId);
    if (entry === undefined) return;
    entry.send.onResetAcked();
    this.#closeIfDone(entry);
  }

  /** A control frame was lost: queues it again unless it no longer matters. */
  onControlLost(frame: ControlFrame): void {
    switch (frame.kind) {
      case "max-data":
        this.#control.push({ kind: "max-data", limit: this.#flow.receiveWindow.creditEnd });
        break;
      case "max-stream-data": {
        const entry = this.#map.find(frame.streamId);
        if (entry !== undefined && !entry.receive.isSizeKnown) {
          const limit = entry.receive.creditEnd;
          this.#control.push({ kind: "max-stream-data", streamId: entry.id, limit });
        }
        break;
      }
      case "reset-stream":
      case "stop-sending":
        if (this.#map.find(frame.streamId) !== undefined) this.#control.push(frame);
        break;
      default:
        this.#control.push(frame);
    }
  }

  /** True when there are bytes that only the peer's credit, of a stream or of all, keeps back. */
  get isBlockedByPeer(): boolean {
    if (this.#map.hasScheduled && this.#flow.sendCreditBytes <= 0) return true;
    for (const { send } of this.#map.values()) if (send.isBlocked) return true;
    return false;
  }

  /** The connection's own credit, for DATA_BLOCKED. */
  get peerCreditEnd(): number {
    return this.#flow.peerCreditEnd;
  }

  // ── Frames of the peer ─────────────────────────────────────────────────────────────────────────

  /** STREAM. @throws {TransportError} */
  onStreamFrame(source: Uint8Array, frame: StreamFrame, clock: WindowClock): void {
    const entry = this.#find(frame.streamId);
    if (entry === undefined) return;
    const { receive } = entry;
    const readBefore = receive.readOffset;
    this.#onArrived(entry, receive.onData(source, frame), clock);
    if (receive.isStopped) {
      this.#giveCredit(entry, receive.readOffset - readBefore);
      this.#closeIfDone(entry);
    } else if (receive.readableBytes > 0 || receive.isAtEnd) {
      this.#reportReadable(entry);
      // The end may come alone, when everything before it has been read: nobody consumes after that.
      if (receive.isAtEnd) this.#closeIfDone(entry);
    }
  }

  /** RESET_STREAM. @throws {TransportError} */
  onResetStream(streamId: number, code: number, finalSize: number, clock: WindowClock): void {
    const entry = this.#find(streamId);
    if (entry === undefined || entry.receive.isDone) return;
    this.#tellLimit(this.#flow.onReceived(entry.receive.onReset(finalSize), clock));
    entry.peerResetCode = code;
    this.#giveCredit(entry, finalSize - entry.receive.readOffset);
    this.#reportReadable(entry);
    this.#closeIfDone(entry);
  }

  /** STOP_SENDING: answered with a reset, RFC 9000 §3.5. @throws {TransportError} */
  onStopSending(streamId: number, code: number): void {
    const entry = this.#find(streamId);
    if (entry === undefined) return;
    entry.peerStopCode = code;
    this.reset(entry, code);
    this.#events.push({ kind: "writable", stream: entry });
  }

  /** MAX_DATA. */
  onMaxData(limit: number): void {
    this.#flow.onMaxData(limit);
  }

  /** MAX_STREAM_DATA. @throws {TransportError} */
  onMaxStreamData(streamId: number, limit: number): void {
    const entry = this.#find(streamId);
    if (entry !== undefined && entry.send.onMaxStreamData(limit)) this.#map.schedule(entry);
  }

  /** MAX_STREAMS. */
  onMaxStreams(limit: number): void {
    if (this.#map.onMaxStreams(limit)) this.#events.push({ kind: "streams-available" });
  }

  #find(streamId: number): StreamEntry | undefined {
    const entry = this.#map.receive(streamId, this.#opened);
    if (this.#opened.length > 0) {
      for (const stream of this.#opened) this.#events.push({ kind: "stream-opened", stream });
      this.#opened.length = 0;
    }
    return entry;
  }

  #reportReadable(entry: StreamEntry): void {
    if (entry.isReadableReported) return;
    entry.isReadableReported = true;
    this.#events.push({ kind: "readable", stream: entry });
  }

  /** The highest offset grew: perhaps the windows should. */
  #onArrived(entry: StreamEntry, growth: number, clock: WindowClock): void {
    this.#tellLimit(this.#flow.onReceived(growth, clock));
    const { receive, window } = entry;
    this.#tellStreamLimit(entry, window.onReceived(receive.highest, clock));
  }

  #giveCredit(entry: StreamEntry, consumed: number): void {
    this.#tellLimit(this.#flow.onConsumed(consumed));
    this.#tellStreamLimit(entry, entry.window.onConsumed(entry.receive.readOffset));
  }

  /** Tells the peer the connection's limit, unless it is NaN. */
  #tellLimit(limit: number): void {
    if (!Number.isNaN(limit)) this.#control.push({ kind: "max-data", limit });
  }

  /** Tells the peer a stream's limit, unless it is NaN or no longer matters. */
  #tellStreamLimit(entry: StreamEntry, limit: number): void {
    if (Number.isNaN(limit) || entry.receive.isSizeKnown) return;
    entry.receive.giveCredit(limit);
    this.#control.push({ kind: "max-stream-data", streamId: entry.id, limit });
  }

  #closeIfDone(entry: StreamEntry): void {
    if (!entry.send.isDone || !entry.receive.isDone) return;
    if (this.#map.find(entry.id) === undefined) return;
    this.#tellMaxStreams(this.#map.close(entry));
    this.#events.push({ kind: "stream-closed", stream: entry });
  }

  /** Tells the peer how many streams it may open, unless it is NaN. */
  #tellMaxStreams(limit: number): void {
    if (!Number.isNaN(limit)) this.#control.push({ kind: "max-streams", limit });
  }
}
