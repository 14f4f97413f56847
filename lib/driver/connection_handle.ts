/**
 * The asynchronous face of a connection.
 *
 * @module
 */
import { type ByteStream, StreamError } from "../bytes/byte_stream.ts";
import { assertNever } from "../bytes/invariant.ts";
import type { StreamAcceptor, StreamOpener } from "../bytes/byte_stream.ts";
import type { SendTimes } from "../bytes/send_times.ts";
import type {
  Connection,
  ConnectionEnd,
  ConnectionStats,
  StreamEntry,
  TransportEvent,
} from "../transport/mod.ts";
import type { Address, SocketCapabilities } from "./datagram_socket.ts";
import type { EndpointDriver } from "./endpoint_driver.ts";
import { StreamHandle } from "./stream_handle.ts";

/** One connection, for the layers above. */
export class ConnectionHandle implements StreamOpener, StreamAcceptor {
  /** Resolves when the connection has ended, however it did. Never rejects. */
  readonly closed: Promise<ConnectionEnd>;
  readonly #driver: EndpointDriver;
  readonly #connection: Connection;
  readonly #onClose: () => Promise<void>;
  readonly #streams = new Map<StreamEntry, StreamHandle>();
  readonly #accepted: StreamEntry[] = [];
  readonly #ended = Promise.withResolvers<ConnectionEnd>();
  #acceptable: PromiseWithResolvers<void> | null = null;
  #available: PromiseWithResolvers<void> | null = null;

  /** Wraps a connection. `onClose` runs once the last packets of our own `close` have left. */
  constructor(driver: EndpointDriver, connection: Connection, onClose: () => Promise<void>) {
    this.#driver = driver;
    this.#connection = connection;
    this.#onClose = onClose;
    this.closed = this.#ended.promise;
  }

  /** The peer's present address. */
  get peer(): Address {
    return this.#connection.address;
  }

  /** The peer's long-term public key, 32 bytes, which it has proved to hold. */
  get remoteIdentity(): Uint8Array {
    return this.#connection.handshake.remoteIdentity;
  }

  /** Hash of the whole handshake, 32 bytes: it names this connection and no other. */
  get handshakeHash(): Uint8Array {
    return this.#connection.handshake.handshakeHash;
  }

  /** How the client proved itself: one of the METHOD_ numbers. */
  get method(): number {
    return this.#connection.handshake.method;
  }

  /** What the peer's program can do, one bit each. */
  get peerFeatures(): number {
    return this.#connection.handshake.peerParameters.features;
  }

  /** What held sending back, up to now. */
  sendTimes(): SendTimes {
    return this.#connection.sendTimes(this.#driver.nowMs());
  }

  /** True once the connection has ended. */
  get hasEnded(): boolean {
    return this.#connection.end !== null;
  }

  /** How long nothing has been heard of the peer, ms. */
  get silentMs(): number {
    return this.#driver.nowMs() - this.#connection.lastReceivedAtMs;
  }

  /** Figures for `status`. */
  stats(): ConnectionStats {
    return this.#connection.stats();
  }

  /** What the socket can do. */
  get socket(): SocketCapabilities {
    return this.#driver.socket.capabilities;
  }

  /** Caps sending, bytes per second, Infinity for no cap; and switches background mode. */
  holdBack(setting: { maxRateBytesPerSecond: number; isPolite: boolean }): void {
    this.#connection.setMaxRate(setting.maxRateBytesPerSecond);
    this.#connection.setPolite(setting.isPolite);
    this.#driver.wake(this.#connection);
  }

  /** Lets the peer in: from now on it shares the memory of all, see `letsInAtOnce`. */
  letIn(): void {
    if (this.#connection.end !== null) return;
    this.#connection.streams.letIn();
    this.#driver.wake(this.#connection);
  }

  /** Asks the peer for a sign of life; `silentMs` tells whether it came. */
  ping(): void {
    this.#connection.ping();
    this.#driver.wake(this.#connection);
  }

  /** See {@linkcode StreamOpener.openStream}. */
  async openStream(): Promise<ByteStream> {
    for (;;) {
      const { end } = this.#connection;
      if (end !== null) throw new StreamError("connection-lost", end.code);
      const entry = this.#connection.streams.open();
      if (entry !== null) return this.#handleOf(entry);
      this.#available ??= Promise.withResolvers<void>();
      await this.#available.promise;
    }
  }

  /** See {@linkcode StreamAcceptor.acceptStream}. */
  async acceptStream(): Promise<ByteStream | null> {
    for (;;) {
      const entry = this.#accepted.shift();
      if (entry !== undefined) return this.#accept(entry);
      if (this.#connection.end !== null) return null;
      this.#acceptable ??= Promise.withResolvers<void>();
      await this.#acceptable.promise;
    }
  }

  /** True while nothing would get lost by closing now: what is on its way goes along. */
  get fitsInClose(): boolean {
    return this.#connection.fitsInClose;
  }

  /** Closes the connection with an application code; resolves when the last packets have left. */
  async close(code?: number, reason?: string): Promise<void> {
    this.#connection.close(code ?? 0, reason ?? "", this.#driver.nowMs());
    this.#driver.wake(this.#connection);
    await this.#driver.drained();
    await this.#onClose();
  }

  /** Takes the core's events; the driver's owner calls it. */
  takeEvents(): void {
    const { events } = this.#connection;
    for (let i = 0; i < events.length; i++) this.#onEvent(events[i]!);
    events.length = 0;
  }

  #onEvent(event: TransportEvent): void {
    switch (event.kind) {
      case "stream-opened":
        this.#accepted.push(event.stream);
        this.#acceptable?.resolve();
        this.#acceptable = null;
        break;
      case "readable":
        this.#streams.get(event.stream)?.onReadable();
        break;
      case "writable":
        this.#streams.get(event.stream)?.onWritable();
        break;
      case "stream-closed":
        this.#onStreamClosed(event.stream);
        break;
      case "streams-available":
        this.#available?.resolve();
        this.#available = null;
        break;
      case "ended":
        this.#onEnded(event.end);
        break;
      default:
        assertNever(event);
    }
  }

  #onEnded(end: ConnectionEnd): void {
    for (const stream of this.#streams.values()) {
      stream.onReadable();
      stream.onWritable();
    }
    this.#streams.clear();
    this.#acceptable?.resolve();
    this.#acceptable = null;
    this.#available?.resolve();
    this.#available = null;
    this.#ended.resolve(end);
  }

  #accept(entry: StreamEntry): StreamHandle {
    this.#connection.streams.accept(entry);
    this.#driver.wake(this.#connection);
    return this.#handleOf(entry);
  }

  #handleOf(entry: StreamEntry): StreamHandle {
    const handle = new StreamHandle(this.#driver, this.#connection, entry);
    // A stream that was abandoned before it was accepted gets no events.
    if (!entry.send.isDone || !entry.receive.isDone) this.#streams.set(entry, handle);
    return handle;
  }

  /** Nothing follows: whoever waits looks once more. */
  #onStreamClosed(entry: StreamEntry): void {
    const handle = this.#streams.get(entry);
    this.#streams.delete(entry);
    handle?.onReadable();
    handle?.onWritable();
  }
}
