/**
 * Real endpoints on a virtual clock, and a stranger's way to make packets: what the hostile doubles stand
 * on.
 *
 * @module
 */
import { createIdentity, type Entropy, nodeAeadProvider } from "../../lib/crypto/mod.ts";
import {
  type Address,
  type Connection,
  type ConnectionEnd,
  createTransmitBatch,
  DEFAULT_TRANSPORT_CONFIG,
  Endpoint,
  type EndpointOptions,
  type StreamEntry,
  type TransportConfig,
} from "../../lib/transport/mod.ts";
import { seededRandom } from "../support/seeded_random.ts";

/** Where the honest server is. */
export const SERVER: Address = { hostname: "192.0.2.1", port: 5555 };
/** Where the other side is. */
export const CLIENT: Address = { hostname: "192.0.2.2", port: 40_000 };

/** Bytes from a small generator: enough for tests, the same in every run. */
export function seededEntropy(seed: number): Entropy {
  const random = seededRandom(seed);
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
    },
  };
}

/** Settings of an endpoint in these tests. */
export function endpointOptions(
  role: "client" | "server",
  options: { seed?: number; config?: Partial<TransportConfig>; ownAddress?: Address } = {},
): EndpointOptions {
  const seed = options.seed ?? 1;
  const entropy = seededEntropy(seed * 2 + (role === "server" ? 1 : 0));
  return {
    config: { ...DEFAULT_TRANSPORT_CONFIG, ...options.config },
    identity: createIdentity(entropy),
    entropy,
    random: seededRandom(seed),
    suites: ["chacha20-poly1305"],
    aead: nodeAeadProvider,
    receiveBufferBytes: 1 << 20,
    maxDatagramBytes: () => 1472,
    pskFor: role === "server" ? () => new Uint8Array(32) : null,
    ...(options.ownAddress === undefined ? {} : { ownAddress: options.ownAddress }),
  };
}

/** A datagram as it was sent. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly to: Address;
}

/** Everything that the endpoint wants to send now, one packet each. */
export function drain(endpoint: Endpoint, nowMs: number): Datagram[] {
  const batch = createTransmitBatch();
  const datagrams: Datagram[] = [];
  while (endpoint.pollTransmit(batch, nowMs)) {
    for (let at = 0; at < batch.length; at += batch.segmentBytes) {
      const end = Math.min(at + batch.segmentBytes, batch.length);
      datagrams.push({ bytes: batch.buffer.slice(at, end), to: { ...batch.address } });
    }
  }
  return datagrams;
}

/** An honest endpoint with an application that echoes, or reads, or does nothing. */
export class HonestSide {
  readonly endpoint: Endpoint;
  readonly address: Address;
  /** Ends of its connections, by connection. */
  readonly ends = new Map<Connection, ConnectionEnd>();
  /** Bytes that its application read, by stream ID of the latest connection. */
  readonly readBytes = new Map<number, number>();
  /** What the application does with a stream of the peer. */
  onStream: "read" | "ignore" | "send" = "read";
  /** Bytes that "send" writes to every stream. */
  sendBytes = 1 << 20;
  readonly #role: "client" | "server";
  readonly #sources = new Map<StreamEntry, number>();

  constructor(
    role: "client" | "server",
    options: { seed?: number; config?: Partial<TransportConfig> } = {},
  ) {
    this.#role = role;
    this.address = role === "server" ? SERVER : CLIENT;
    this.endpoint = new Endpoint(endpointOptions(role, { ...options, ownAddress: this.address }));
  }

  /** The connection, when there is exactly one. */
  get connection(): Connection {
    const [connection] = [...this.endpoint.connections];
    if (connection === undefined) throw new Error(`The ${this.#role} has no connection`);
    return connection;
  }

  /** True when a connection lives. */
  get isConnected(): boolean {
    for (const connection of this.endpoint.connections) if (connection.end === null) return true;
    return false;
  }

  receive(bytes: Uint8Array, from: Address, nowMs: number): void {
    this.endpoint.handleDatagram(bytes, from, nowMs);
    this.work(nowMs);
  }

  /** Due deadlines and the application. */
  work(nowMs: number): void {
    if (this.endpoint.nextDeadlineMs() <= nowMs) this.endpoint.handleTimeout(nowMs);
    for (const connection of this.endpoint.takeEventful()) this.#takeEvents(connection, nowMs);
  }

  #takeEvents(connection: Connection, nowMs: number): void {
    for (const event of connection.events.splice(0)) {
      if (event.kind === "ended") this.ends.set(connection, event.end);
      if (event.kind === "stream-opened") connection.streams.accept(event.stream);
      if (event.kind === "stream-opened" && this.onStream === "send") {
        this.#sources.set(event.stream, this.sendBytes);
      }
      if (event.kind === "readable" && this.onStream === "read") {
        this.#read(connection, event.stream, nowMs);
      }
    }
    if (connection.end !== null) return;
    for (const [stream, left] of this.#sources) {
      if (left === 0 || stream.send.isFinished) continue;
      const written = connection.streams.write(stream, new Uint8Array(left));
      this.#sources.set(stream, left - written);
      if (written === left) connection.streams.finish(stream);
      this.endpoint.wake(connection);
    }
  }

  #read(connection: Connection, stream: StreamEntry, nowMs: number): void {
    for (let view = stream.receive.peek(); view.length > 0; view = stream.receive.peek()) {
      this.readBytes.set(stream.id, (this.readBytes.get(stream.id) ?? 0) + view.length);
      connection.consume(stream, view.length, nowMs);
    }
    if (stream.receive.isAtEnd) connection.streams.finish(stream);
    connection.streams.onReadableSeen(stream);
    this.endpoint.wake(connection);
  }
}

/** Two honest endpoints joined by a wire with a delay, on a virtual clock. */
export class Wire {
  nowMs = 1000;
  readonly delayMs: number;
  readonly client: HonestSide;
  readonly server: HonestSide;
  /** Looks at every datagram; returns false to drop it. */
  filter: (datagram: Datagram, from: HonestSide) => boolean = () => true;
  #flying: { atMs: number; datagram: Datagram; from: Address }[] = [];

  constructor(options: { delayMs?: number; config?: Partial<TransportConfig> } = {}) {
    this.delayMs = options.delayMs ?? 10;
    const config = options.config ?? {};
    this.client = new HonestSide("client", { seed: 1, config });
    this.server = new HonestSide("server", { seed: 2, config });
  }

  /** Puts a datagram on the wire, whoever made it. */
  inject(bytes: Uint8Array, from: Address, to: Address, delayMs: number = this.delayMs): void {
    this.#flying.push({
      atMs: this.nowMs + delayMs,
      datagram: { bytes: bytes.slice(), to },
      from: { ...from },
    });
  }

  /** Lets time pass. */
  run(forMs: number, until: () => boolean = () => false): void {
    const endMs = this.nowMs + forMs;
    this.#pump();
    while (!until()) {
      let nextMs = Math.min(
        this.client.endpoint.nextDeadlineMs(),
        this.server.endpoint.nextDeadlineMs(),
      );
      for (const { atMs } of this.#flying) nextMs = Math.min(nextMs, atMs);
      if (nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.#deliver();
      this.#pump();
    }
    if (!until()) this.nowMs = endMs;
  }

  /** Connects the client to the server. */
  connect(): void {
    this.client.endpoint.connect(SERVER, { method: 0, psk: new Uint8Array(32) }, this.nowMs);
    this.run(10_000, () => this.client.isConnected && this.server.isConnected);
  }

  #deliver(): void {
    const due = this.#flying.filter(({ atMs }) => atMs <= this.nowMs);
    this.#flying = this.#flying.filter(({ atMs }) => atMs > this.nowMs);
    for (const { datagram, from } of due) {
      const side = [this.client, this.server].find(({ address }) =>
        address.hostname === datagram.to.hostname && address.port === datagram.to.port
      );
      side?.receive(datagram.bytes, from, this.nowMs);
    }
  }

  #pump(): void {
    for (const side of [this.client, this.server]) {
      side.work(this.nowMs);
      for (const datagram of drain(side.endpoint, this.nowMs)) {
        if (this.filter(datagram, side)) this.inject(datagram.bytes, side.address, datagram.to);
      }
      side.work(this.nowMs);
    }
  }
}
