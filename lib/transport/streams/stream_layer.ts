/**
 * All streams of one connection with their flow control: takes stream frames, hands out pieces for
 * packets, and serves the application. RFC 9000 §2–4.
 *
 * @module
 */
import type { ControlFrame, StreamFrame } from "../../wire/frame.ts";
import type { TransportParameters } from "../../wire/transport_parameters.ts";
import type { ControlQueue } from "../control_queue.ts";
import { ConnectionFlowControl, ReceiveWindow } from "../flow_control.ts";
import { EndpointMemory, MemoryShare } from "../memory_budget.ts";
import type { TransportConfig } from "../transport_config.ts";
import type { TransportEvent } from "../transport_event.ts";
import { ReceiveCredit, type WindowClock } from "./receive_credit.ts";
import { ReceiveStream } from "./receive_stream.ts";
import { SendStream, type StreamChunk } from "./send_stream.ts";
import { hasStalled } from "./stalled_stream.ts";
import { type StreamEntry, StreamMap } from "./stream_map.ts";
import { StreamMemory } from "./stream_memory.ts";

/** Type, stream, offset, length. RFC 9000 §19.8. */
const LARGEST_STREAM_HEADER_BYTES = 1 + 8 + 8 + 2;
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
  readonly memory?: EndpointMemory;
}

/** The streams of one connection. */
export class StreamLayer {
  readonly #control: ControlQueue;
  readonly #events: TransportEvent[];
  readonly #map: StreamMap;
  readonly #flow: ConnectionFlowControl;
  readonly #credit: ReceiveCredit;
  readonly #memory: StreamMemory;
  readonly #opened: StreamEntry[] = [];
  readonly #incoming: MemoryShare;
  readonly #outgoing: MemoryShare;
  readonly #letInWindowBytes: number;

  /** Makes the layer with no streams. */
  constructor(options: StreamLayerOptions) {
    const { config, peer, memory = new EndpointMemory(Infinity) } = options;
    this.#control = options.control;
    this.#events = options.events;
    this.#incoming = new MemoryShare(memory.incoming);
    this.#outgoing = new MemoryShare(memory.outgoing);
    this.#letInWindowBytes = config.initialWindowBytes;
    const baseBytes = Math.min(config.initialWindowBytes, config.baseWindowBytes);
    this.#flow = new ConnectionFlowControl(baseBytes, config.maxWindowBytes, this.#incoming);
    this.#credit = new ReceiveCredit(this.#flow, this.#control);
    if (options.role === "client" || config.letsInAtOnce) this.letIn();
    this.#flow.onMaxData(peer.initialMaxDataBytes);
    this.#map = new StreamMap(options.role, {
      maxRemoteStreams: config.maxStreams,
      make: (id) => ({
        id,
        send: new SendStream(peer.initialMaxStreamDataBytes),
        receive: new ReceiveStream(config.initialStreamWindowBytes),
        window: new ReceiveWindow(config.initialStreamWindowBytes, config.maxStreamWindowBytes),
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
    this.#memory = new StreamMemory(this.#map, {
      shared: this.#outgoing,
      receiveWindow: this.#flow.receiveWindow,
      maxSendBufferBytes: config.maxSendBufferBytes,
    });
  }

  /** Gives the connection its part of the shared memory, and the peer the window that goes with it. */
  letIn(): void {
    this.#outgoing.open();
    const firstBytes = this.#incoming.open();
    const { receiveWindow } = this.#flow;
    const { creditEnd, windowBytes } = receiveWindow;
    const limit = receiveWindow.open(Math.min(this.#letInWindowBytes, windowBytes + firstBytes));
    if (limit > creditEnd) this.#credit.tellLimit(limit);
  }

  /** Streams that exist now. */
  get count(): number {
    return this.#map.count;
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
    const written = send.write(bytes, this.#memory.sendLimitBytes(send, bytes.length));
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
    this.#credit.onConsumed(entry, dropped);
    this.#closeIfDone(entry);
  }

  /** Drops bytes that the application has read, and gives the peer credit for more. */
  consume(entry: StreamEntry, length: number): void {
    entry.receive.consume(length);
    this.#memory.trimIfLarge(entry.receive);
    this.#credit.onConsumed(entry, length);
    this.#closeIfDone(entry);
  }

  /** The application has looked at the stream and found nothing: report it again when that changes. */
  onReadableSeen(entry: StreamEntry): void {
    entry.isReadableReported = false;
  }

  /** How much was in flight: what a stream may keep for sending follows it. */
  onFlight(inFlightBytes: number): void {
    this.#memory.onFlight(inFlightBytes);
  }

  /** How fast sending is, bytes per second: only so much waits to be sent. */
  onRate(bytesPerSecond: number): void {
    this.#memory.onRate(bytesPerSecond);
  }

  /**
   * Looks at the streams of the peer on which we wait for it: those that have made no progress at several
   * checks in a row end with `code`. Returns how many did. Idle memory is given back.
   */
  endStalled(code: number): number {
    let ended = 0;
    this.#memory.trim();
    for (const entry of this.#map.values()) {
      if (this.#map.isLocal(entry) || !hasStalled(entry)) continue;
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
    this.#memory.release();
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
    return this.#memory.heldBytes;
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
    if (entry.isWriteBlocked && this.#memory.isRunningLow(entry.send)) {
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
    if (entry.send.unacknowledgedBytes === 0) this.#memory.onAllAcknowledged(entry.send);
    this.#closeIfDone(entry);
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
        this.#credit.onLimitLost();
        break;
      case "max-stream-data": {
        const entry = this.#map.find(frame.streamId);
        if (entry !== undefined) this.#credit.onStreamLimitLost(entry);
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

  // ── Frames of the peer ─────────────────────────────────────────────────────────────────────────

  /** STREAM. @throws {TransportError} */
  onStreamFrame(source: Uint8Array, frame: StreamFrame, clock: WindowClock): void {
    const entry = this.#find(frame.streamId);
    if (entry === undefined) return;
    const { receive } = entry;
    const readBefore = receive.readOffset;
    this.#credit.onArrived(entry, receive.onData(source, frame), clock);
    if (receive.isStopped) {
      this.#credit.onConsumed(entry, receive.readOffset - readBefore);
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
    this.#credit.onReset(entry.receive.onReset(finalSize), clock);
    entry.peerResetCode = code;
    this.#credit.onConsumed(entry, finalSize - entry.receive.readOffset);
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
