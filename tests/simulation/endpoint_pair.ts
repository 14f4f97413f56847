/**
 * A client and a server on a simulated network, connected, for tests that read like a script.
 *
 * ```ts ignore
 * const net = new SimulatedNetwork({ seed: 7, link: { latencyMs: 40, lossRate: 0.02 } });
 * const { client, server } = connectPair(net);
 * client.openStream().write(randomBytes(1_000_000));
 * net.runUntilIdle({ limitMs: 60_000 });
 * assertEquals(server.receivedBytes, 1_000_000);
 * ```
 *
 * @module
 */
import { createIdentity } from "../../lib/crypto/mod.ts";
import {
  type Address,
  type Connection,
  type ConnectionEnd,
  DEFAULT_TRANSPORT_CONFIG,
  Endpoint,
  METHOD_NONE,
  type StreamEntry,
  type TransportConfig,
  type TransportEvent,
} from "../../lib/transport/mod.ts";
import { seededEntropy, SeededRandom } from "./seeded_entropy.ts";
import { SimulatedHost } from "./simulated_host.ts";
import type { SimulatedNetwork } from "./simulated_network.ts";
import { fastAead, KeyWatch } from "./watchful_aead.ts";

/** Where the server of a pair lives. */
export const SERVER_ADDRESS: Address = { hostname: "10.0.0.1", port: 5555 };
/** Where the client of a pair lives at first. */
export const CLIENT_ADDRESS: Address = { hostname: "192.0.2.1", port: 40_000 };

/** What differs from the defaults. */
export interface PairOptions {
  /** Client's settings. */
  readonly client?: Partial<TransportConfig>;
  /** Server's settings. */
  readonly server?: Partial<TransportConfig>;
  /** Shared secret that the server wants; that of the client is all zero. */
  readonly serverSecret?: Uint8Array;
  /** Largest datagrams that both systems leave whole, and that they cut into fragments unseen. */
  readonly datagrams?: { readonly wholeBytes: number; readonly largestBytes: number };
  /** Do not run the network until both are connected. */
  readonly isLazy?: boolean;
}

/** A stream to write to; what does not fit waits. */
export class PairStream {
  /** The transport's stream. */
  readonly entry: StreamEntry;
  readonly #side: PairSide;
  #waiting: Uint8Array[] = [];
  #isFinishing = false;

  /** Wraps a stream of one side. */
  constructor(side: PairSide, entry: StreamEntry) {
    this.#side = side;
    this.entry = entry;
  }

  /** Queues bytes. */
  write(bytes: Uint8Array): this {
    this.#waiting.push(bytes);
    this.#side.host.pump();
    return this;
  }

  /** Ends the stream behind what was written. */
  finish(): this {
    this.#isFinishing = true;
    this.#side.host.pump();
    return this;
  }

  /** Moves what fits into the transport. */
  flush(connection: Connection): void {
    const { streams } = connection;
    while (this.#waiting.length > 0 && !this.entry.send.isFinished) {
      const bytes = this.#waiting[0]!;
      const written = streams.write(this.entry, bytes);
      if (written < bytes.length) {
        this.#waiting[0] = bytes.subarray(written);
        return;
      }
      this.#waiting.shift();
    }
    if (this.#isFinishing && this.#waiting.length === 0) streams.finish(this.entry);
  }
}

/** One end of a pair: reads everything that comes, unless told otherwise. */
export class PairSide {
  /** The host on the network. */
  readonly host: SimulatedHost;
  /** The connection, null until it stands. */
  connection: Connection | null = null;
  /** How connecting failed. */
  failed: ConnectionEnd | null = null;
  /** Everything that was reported, by kind. */
  readonly seen: TransportEvent[] = [];
  /** Stream bytes read. */
  receivedBytes = 0;
  /** Streams that the peer opened. */
  readonly accepted: StreamEntry[] = [];
  /** Streams read to their end. */
  readonly ended: number[] = [];
  /** Set it to false to leave what arrives unread. */
  isReading = true;
  /** Set it to false to let the peer's streams wait: `streams.accept` takes them. */
  isAccepting = true;
  readonly #streams = new Map<StreamEntry, PairStream>();
  readonly #readable = new Set<StreamEntry>();

  /** Puts an endpoint on the network. */
  constructor(
    role: "client" | "server",
    network: SimulatedNetwork,
    options: {
      endpoint: Endpoint;
      address: Address;
      onViolation: (message: string) => void;
    },
  ) {
    this.host = new SimulatedHost({
      ...options,
      name: role,
      role,
      network,
      application: (nowMs) => this.#step(nowMs),
    });
  }

  /** The connection, which must stand. */
  get live(): Connection {
    if (this.connection === null) throw new Error("Expected to be connected");
    return this.connection;
  }

  /** How the connection ended, null while it lives. */
  get end(): ConnectionEnd | null {
    return this.connection?.end ?? null;
  }

  /** Opens a stream. */
  openStream(): PairStream {
    const entry = this.live.streams.open();
    if (entry === null) throw new Error("Expected that a stream may be opened");
    return this.wrap(entry);
  }

  /** A stream of either side, to write to. */
  wrap(entry: StreamEntry): PairStream {
    let stream = this.#streams.get(entry);
    if (stream === undefined) {
      stream = new PairStream(this, entry);
      this.#streams.set(entry, stream);
    }
    return stream;
  }

  /** Does something with the connection and sends what follows from it. */
  act(action: (connection: Connection) => void): void {
    action(this.live);
    this.host.endpoint.wake(this.live);
    this.host.pump();
  }

  #step(nowMs: number): number {
    for (const event of this.host.endpoint.events.splice(0)) {
      if (event.kind === "failed") this.failed = event.end;
      else this.connection = event.connection;
    }
    const { connection } = this;
    if (connection === null) return Infinity;
    for (const event of connection.events.splice(0)) {
      this.seen.push(event);
      if (event.kind === "stream-opened") {
        this.accepted.push(event.stream);
        if (this.isAccepting) connection.streams.accept(event.stream);
      }
      if (event.kind === "readable") this.#readable.add(event.stream);
    }
    if (connection.end !== null) return Infinity;
    if (this.isReading) this.#read(connection, nowMs);
    for (const [entry, stream] of this.#streams) {
      stream.flush(connection);
      if (entry.send.isFinished) this.#streams.delete(entry);
    }
    this.host.endpoint.wake(connection);
    return Infinity;
  }

  #read(connection: Connection, nowMs: number): void {
    for (const entry of this.#readable) {
      for (
        let view = entry.receive.peek();
        view.length > 0 && !entry.receive.isReset;
        view = entry.receive.peek()
      ) {
        this.receivedBytes += view.length;
        connection.consume(entry, view.length, nowMs);
      }
      connection.streams.onReadableSeen(entry);
      if (entry.receive.isAtEnd && !this.ended.includes(entry.id)) this.ended.push(entry.id);
      this.#readable.delete(entry);
    }
  }
}

/** Both ends. */
export interface Pair {
  /** The side that connects. */
  readonly client: PairSide;
  /** The side that accepts. */
  readonly server: PairSide;
  /** What went wrong while nobody looked: nonces, batches, spinning. */
  readonly violations: readonly string[];
}

/** Puts a client and a server on the network and lets them connect. */
export function connectPair(network: SimulatedNetwork, options: PairOptions = {}): Pair {
  const violations: string[] = [];
  const onViolation = (message: string) => void violations.push(message);
  const keys = new KeyWatch(onViolation);
  const side = (role: "client" | "server", address: Address): PairSide => {
    const entropy = seededEntropy(1, role);
    const random = new SeededRandom(1, role);
    const endpoint = new Endpoint({
      config: { ...DEFAULT_TRANSPORT_CONFIG, ...options[role] },
      identity: createIdentity(entropy),
      entropy,
      random: () => random.next(),
      suites: ["aes-128-gcm", "chacha20-poly1305"],
      aead: keys.watch(fastAead),
      receiveBufferBytes: 4 << 20,
      maxDatagramBytes: () => options.datagrams?.largestBytes ?? 65_507,
      wholeDatagramBytes: () => options.datagrams?.wholeBytes ?? Infinity,
      pskFor: role === "server" ? () => options.serverSecret ?? new Uint8Array(32) : null,
      isDedicated: role === "client",
    });
    return new PairSide(role, network, { endpoint, address, onViolation });
  };
  const server = side("server", SERVER_ADDRESS);
  const client = side("client", CLIENT_ADDRESS);
  client.host.endpoint.connect(
    SERVER_ADDRESS,
    { method: METHOD_NONE, psk: new Uint8Array(32) },
    network.clock.nowMs,
  );
  client.host.pump();
  if (options.isLazy !== true) {
    network.runUntil(
      () => (client.connection !== null && server.connection !== null) || client.failed !== null,
      { limitMs: network.clock.nowMs + 60_000 },
    );
  }
  return { client, server, violations };
}
