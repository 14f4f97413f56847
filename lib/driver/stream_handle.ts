/**
 * A transport stream as a `ByteStream`: promises instead of events, with back-pressure.
 *
 * @module
 */
import { type ByteStream, StreamError } from "../bytes/byte_stream.ts";
import type { Connection, StreamEntry } from "../transport/mod.ts";
import type { EndpointDriver } from "./endpoint_driver.ts";

/** Most that one `read` returns: credit goes back to the peer in pieces of this size. */
const MAX_READ_BYTES = 256 * 1024;
/**
 * Bytes written after which packets get their turn. Who always finds room may go on for long without, and what
 * it writes would lie here: pacing makes up for 10 ms at most.
 */
const BYTES_PER_TURN = 64 * 1024;

/** One stream of a connection. */
export class StreamHandle implements ByteStream {
  readonly #driver: EndpointDriver;
  readonly #connection: Connection;
  readonly #entry: StreamEntry;
  #unconsumed = 0;
  #bytesSinceTurn = 0;
  #readable: PromiseWithResolvers<void> | null = null;
  #writable: PromiseWithResolvers<void> | null = null;

  /** Wraps a stream; the connection's handle reports its events here. */
  constructor(driver: EndpointDriver, connection: Connection, entry: StreamEntry) {
    this.#driver = driver;
    this.#connection = connection;
    this.#entry = entry;
  }

  /** See {@linkcode ByteStream.read}. */
  async read(): Promise<Uint8Array | null> {
    this.#consume();
    for (;;) {
      const view = this.#peek();
      if (view === null) return null;
      if (view.length > 0) {
        this.#unconsumed = Math.min(view.length, MAX_READ_BYTES);
        return view.subarray(0, this.#unconsumed);
      }
      await this.#arrival();
    }
  }

  /** See {@linkcode ByteStream.readInto}. */
  async readInto(target: Uint8Array): Promise<number> {
    this.#consume();
    const { receive } = this.#entry;
    for (;;) {
      const view = this.#peek();
      if (view === null) return 0;
      if (view.length > 0) {
        const taken = view.subarray(0, target.length);
        target.set(taken);
        return this.#unconsumed = taken.length;
      }
      receive.lend(target);
      await this.#arrival();
      const length = receive.takeBack();
      if (length > 0) return this.#unconsumed = length;
    }
  }

  /** See {@linkcode ByteStream.write}. */
  async write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      this.#throwIfNotWritable();
      const count = this.#connection.streams.write(this.#entry, bytes.subarray(written));
      written += count;
      if (count > 0) this.#driver.wake(this.#connection);
      this.#bytesSinceTurn += count;
      if (this.#bytesSinceTurn >= BYTES_PER_TURN) {
        this.#bytesSinceTurn = 0;
        // Room, or the connection's end, may come meanwhile, when nobody waits for it: look again.
        await this.#driver.yieldTurn();
      } else if (written < bytes.length) {
        this.#writable = Promise.withResolvers<void>();
        await this.#writable.promise;
      }
    }
  }

  /** See {@linkcode ByteStream.finish}. */
  finish(): Promise<void> {
    try {
      this.#throwIfNotWritable();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#connection.streams.finish(this.#entry);
    this.#driver.wake(this.#connection);
    return Promise.resolve();
  }

  /** See {@linkcode ByteStream.flushed}. */
  async flushed(): Promise<void> {
    while (!this.#entry.send.isDone) {
      this.#throwIfNotWritable();
      this.#writable ??= Promise.withResolvers<void>();
      await this.#writable.promise;
    }
    if (this.#entry.send.isReset) this.#throwIfNotWritable();
  }

  /** See {@linkcode ByteStream.reset}. */
  reset(code: number): void {
    if (this.#connection.end !== null) return;
    this.#connection.streams.reset(this.#entry, code);
    this.#driver.wake(this.#connection);
    this.onWritable();
  }

  /** See {@linkcode ByteStream.stop}. */
  stop(code: number): void {
    if (this.#connection.end !== null) return;
    this.#unconsumed = 0;
    this.#connection.stop(this.#entry, code, this.#driver.nowMs());
    this.#driver.wake(this.#connection);
    this.onReadable();
  }

  /** The core says that there is something to read, or that there never will be. */
  onReadable(): void {
    this.#readable?.resolve();
    this.#readable = null;
  }

  /** The core says that there is room, that all is acknowledged, or that there never will be room. */
  onWritable(): void {
    this.#writable?.resolve();
    this.#writable = null;
  }

  /** What can be read now, possibly not all of it; nothing while that is to come, null at the end. */
  #peek(): Uint8Array | null {
    const { receive } = this.#entry;
    if (receive.isReset) throw new StreamError("reset-by-peer", this.#entry.peerResetCode);
    if (receive.isStopped) throw new StreamError("aborted");
    const view = receive.peek();
    if (view.length > 0) return view;
    if (receive.isAtEnd) return null;
    this.#throwIfEnded();
    return view;
  }

  async #arrival(): Promise<void> {
    this.#connection.streams.onReadableSeen(this.#entry);
    this.#readable = Promise.withResolvers<void>();
    await this.#readable.promise;
  }

  #consume(): void {
    if (this.#unconsumed === 0) return;
    const { receive } = this.#entry;
    if (!receive.isReset && !receive.isStopped) {
      this.#connection.consume(this.#entry, this.#unconsumed, this.#driver.nowMs());
      this.#driver.wake(this.#connection);
    }
    this.#unconsumed = 0;
  }

  #throwIfNotWritable(): void {
    this.#throwIfEnded();
    const { send, peerStopCode } = this.#entry;
    if (peerStopCode >= 0) throw new StreamError("stopped-by-peer", peerStopCode);
    if (send.isReset) throw new StreamError("aborted");
  }

  #throwIfEnded(): void {
    const { end } = this.#connection;
    if (end !== null) throw new StreamError("connection-lost", end.code);
  }
}
