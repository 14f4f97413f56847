/**
 * Byte streams and connections in memory, with back-pressure, cuts from both ends and a loss of the
 * connection. Everything happens in the order of the event loop; no time passes.
 *
 * @module
 */
import { assert } from "../../lib/bytes/invariant.ts";
import {
  type ByteStream,
  type StreamAcceptor,
  StreamError,
  type StreamErrorKind,
  type StreamOpener,
} from "../../lib/bytes/byte_stream.ts";

/** Which way bytes go: from the side that opened the stream, or to it. */
export type Direction = "from-opener" | "to-opener";

/** How the streams of a pair behave. */
export interface StreamPairOptions {
  /** Bytes on their way in one direction before `write` waits. Default 64 KiB. */
  readonly capacityBytes?: number;
  /** Most bytes that one `read` returns. Default: everything there is. */
  readonly readBytes?: number;
  /** The connection is lost when a stream has carried exactly so many bytes this way; those still arrive. */
  readonly loseAfter?: { readonly direction: Direction; readonly bytes: number };
  /**
   * Sees, and may change, a copy of what is written. `offset` counts the bytes of that direction before
   * it; `streamIndex` the streams of the connection.
   */
  readonly onBytes?: (bytes: Uint8Array, at: {
    readonly direction: Direction;
    readonly offset: number;
    readonly streamIndex: number;
  }) => void;
}

/** Both ends of one stream: what is written to one is read from the other. */
export function streamPair(options: StreamPairOptions = {}): [MemoryStream, MemoryStream] {
  return connectedStreams(options, { streamIndex: 0, lose: () => {} });
}

function connectedStreams(
  options: StreamPairOptions,
  { streamIndex, lose }: { streamIndex: number; lose: () => void },
): [MemoryStream, MemoryStream] {
  const { loseAfter } = options;
  const pipe = (direction: Direction) =>
    new Pipe(options, {
      limit: loseAfter?.direction === direction ? loseAfter.bytes : Infinity,
      onLimit: lose,
      onBytes: (bytes, offset) => options.onBytes?.(bytes, { direction, offset, streamIndex }),
    });
  const there = pipe("from-opener");
  const back = pipe("to-opener");
  return [new MemoryStream(back, there), new MemoryStream(there, back)];
}

/** Both ends of one connection. */
export interface ConnectionPair {
  /** The end that dialled. */
  readonly client: MemoryConnection;
  /** The end that was dialled. */
  readonly server: MemoryConnection;
  /** Takes the network away: every stream fails, no more are accepted. */
  lose(): void;
}

/** Two ends that can open streams to each other. */
export function connectionPair(options: StreamPairOptions = {}): ConnectionPair {
  const lose = () => {
    client.lose();
    server.lose();
  };
  const client = new MemoryConnection(options, lose);
  const server = new MemoryConnection(options, lose);
  client.attach(server);
  server.attach(client);
  return { client, server, lose };
}

/** One end of a connection. */
export class MemoryConnection implements StreamOpener, StreamAcceptor {
  /** The ends here of all streams, in the order in which they came up. */
  readonly streams: MemoryStream[] = [];
  #options: StreamPairOptions;
  #loseBoth: () => void;
  #peer: MemoryConnection | null = null;
  #waiting: MemoryStream[] = [];
  #isLost = false;
  #changed = new Signal();

  constructor(options: StreamPairOptions, loseBoth: () => void) {
    this.#options = options;
    this.#loseBoth = loseBoth;
  }

  /** Streams that the peer opened and nobody accepted yet. */
  get unaccepted(): number {
    return this.#waiting.length;
  }

  attach(peer: MemoryConnection): void {
    this.#peer = peer;
  }

  // deno-lint-ignore require-await
  async openStream(): Promise<MemoryStream> {
    if (this.#isLost) throw new StreamError("connection-lost");
    const [mine, theirs] = connectedStreams(this.#options, {
      streamIndex: this.streams.length,
      lose: this.#loseBoth,
    });
    this.streams.push(mine);
    this.#peer!.receive(theirs);
    return mine;
  }

  async acceptStream(): Promise<MemoryStream | null> {
    while (this.#waiting.length === 0) {
      if (this.#isLost) return null;
      await this.#changed.next();
    }
    return this.#waiting.shift()!;
  }

  receive(stream: MemoryStream): void {
    this.streams.push(stream);
    this.#waiting.push(stream);
    this.#changed.fire();
  }

  lose(): void {
    this.#isLost = true;
    for (const stream of this.streams) stream.lose();
    this.#changed.fire();
  }
}

/** One end of a stream. */
export class MemoryStream implements ByteStream {
  #incoming: Pipe;
  #outgoing: Pipe;

  constructor(incoming: Pipe, outgoing: Pipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  /** How this end's sending side ended: null while it goes on. */
  get sendingEnd(): "finished" | "reset" | null {
    return this.#outgoing.end;
  }

  /** Code with which this end was told to stop sending, or null. */
  get stoppedWith(): number | null {
    return this.#outgoing.stopCode;
  }

  /** Code with which the other end gave up sending, or null. */
  get resetWith(): number | null {
    return this.#incoming.resetCode;
  }

  /** Bytes that this end has written. */
  get writtenBytes(): number {
    return this.#outgoing.writtenBytes;
  }

  read(): Promise<Uint8Array | null> {
    return this.#incoming.read();
  }

  async readInto(target: Uint8Array): Promise<number> {
    // What belongs to the stream meanwhile is not what was there before.
    target.fill(0xdd);
    const bytes = await this.#incoming.read(target.length);
    if (bytes !== null) target.set(bytes);
    return bytes?.length ?? 0;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#outgoing.write(bytes);
  }

  finish(): Promise<void> {
    return this.#outgoing.finish();
  }

  flushed(): Promise<void> {
    return this.#outgoing.flushed();
  }

  reset(code: number): void {
    this.#outgoing.reset(code);
  }

  stop(code: number): void {
    this.#incoming.stop(code);
  }

  lose(): void {
    this.#incoming.lose();
    this.#outgoing.lose();
  }
}

/** Who watches a pipe. */
interface PipeHooks {
  readonly limit: number;
  readonly onLimit: () => void;
  readonly onBytes: (bytes: Uint8Array, offset: number) => void;
}

/** One direction of a stream. */
class Pipe {
  end: "finished" | "reset" | null = null;
  stopCode: number | null = null;
  resetCode: number | null = null;
  writtenBytes = 0;
  #buffer: Uint8Array;
  #start = 0;
  #length = 0;
  #readBytes: number;
  #hooks: PipeHooks;
  #lastView = new Uint8Array(0);
  #isLost = false;
  #isReading = false;
  #isWriting = false;
  #changed = new Signal();

  constructor(
    { capacityBytes = 65_536, readBytes = capacityBytes }: StreamPairOptions,
    hooks: PipeHooks,
  ) {
    this.#buffer = new Uint8Array(capacityBytes);
    this.#readBytes = readBytes;
    this.#hooks = hooks;
  }

  async read(maxBytes = Infinity): Promise<Uint8Array | null> {
    assert(!this.#isReading, "Two reads of one stream at a time");
    this.#isReading = true;
    // Whoever keeps a view longer than it lives shall notice.
    this.#lastView.fill(0xee);
    try {
      for (;;) {
        if (this.stopCode !== null) throw new StreamError("aborted");
        if (this.resetCode !== null) throw new StreamError("reset-by-peer", this.resetCode);
        if (this.#length > 0) return this.#take(maxBytes);
        if (this.#isLost) throw new StreamError("connection-lost");
        if (this.end === "finished") return null;
        await this.#changed.next();
      }
    } finally {
      this.#isReading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(!this.#isWriting, "Two writes to one stream at a time");
    assert(this.end !== "finished", "A write after the end of a stream");
    this.#isWriting = true;
    try {
      for (let position = 0; position < bytes.length;) {
        this.#assertSending();
        const copied = this.#put(bytes.subarray(position));
        position += copied;
        if (copied === 0) await this.#changed.next();
      }
      this.#assertSending();
    } finally {
      this.#isWriting = false;
    }
  }

  // deno-lint-ignore require-await
  async finish(): Promise<void> {
    this.#assertSending();
    this.end = "finished";
    this.#changed.fire();
  }

  async flushed(): Promise<void> {
    while (this.end !== "finished") {
      this.#assertSending();
      await this.#changed.next();
    }
    if (this.#isLost) throw new StreamError("connection-lost");
  }

  reset(code: number): void {
    if (this.#isLost || this.end === "reset" || (this.end === "finished" && this.#length === 0)) {
      return;
    }
    this.end = "reset";
    this.resetCode = code;
    this.#length = 0;
    this.#changed.fire();
  }

  stop(code: number): void {
    if (this.#isLost || this.stopCode !== null) return;
    this.stopCode = code;
    this.#length = 0;
    this.#changed.fire();
  }

  lose(): void {
    this.#isLost = true;
    this.#changed.fire();
  }

  #assertSending(): void {
    const fail = (kind: StreamErrorKind, code?: number): never => {
      throw new StreamError(kind, code);
    };
    if (this.end === "reset") fail("aborted");
    if (this.stopCode !== null) fail("stopped-by-peer", this.stopCode);
    if (this.#isLost) fail("connection-lost");
  }

  /** Copies in what there is room for; returns how much that was. */
  #put(bytes: Uint8Array): number {
    const { limit, onLimit, onBytes } = this.#hooks;
    const room = Math.min(this.#buffer.length - this.#length, limit - this.writtenBytes);
    const copied = bytes.slice(0, room);
    if (copied.length === 0) return 0;
    onBytes(copied, this.writtenBytes);
    const end = (this.#start + this.#length) % this.#buffer.length;
    const first = copied.subarray(0, this.#buffer.length - end);
    this.#buffer.set(first, end);
    this.#buffer.set(copied.subarray(first.length), 0);
    this.#length += copied.length;
    this.writtenBytes += copied.length;
    if (this.writtenBytes === limit) onLimit();
    this.#changed.fire();
    return copied.length;
  }

  #take(maxBytes: number): Uint8Array {
    const room = this.#buffer.length - this.#start;
    const length = Math.min(this.#length, this.#readBytes, room, maxBytes);
    this.#lastView = this.#buffer.slice(this.#start, this.#start + length);
    this.#start = (this.#start + length) % this.#buffer.length;
    this.#length -= length;
    this.#changed.fire();
    return this.#lastView;
  }
}

/** Wakes everybody who waits for something to change. */
class Signal {
  #next = Promise.withResolvers<void>();

  next(): Promise<void> {
    return this.#next.promise;
  }

  fire(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}
