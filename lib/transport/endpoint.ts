/**
 * One UDP port: datagrams to connections by connection ID, everything else to the two sides of the
 * handshake. RFC 9000 §5.
 *
 * @module
 */
import { assertNever } from "../bytes/invariant.ts";
import type { AeadProvider, Entropy, Identity } from "../crypto/mod.ts";
import { TurnQueue } from "../collections/turn_queue.ts";
import { ConnectionId } from "../wire/connection_id.ts";
import {
  isBareHeader,
  isInitial,
  isLongHeader,
  isShortHeader,
  packetLengthAt,
  readLongHeader,
} from "../wire/packet_header.ts";
import { ClientAttempts, type ConnectAttempt, type FailedAttempt } from "./client_attempts.ts";
import { Connection } from "./connection.ts";
import { ConnectionTable } from "./connection_table.ts";
import { ConnectionWatch } from "./connection_watch.ts";
import { BASE_DATAGRAM_BYTES, MAX_HALF_OPEN } from "./constants.ts";
import { EndpointMemory } from "./memory_budget.ts";
import { ownParameters, type OwnTraits } from "./own_parameters.ts";
import { type Address, isSameAddress } from "./path.ts";
import type { HandshakeCounters } from "./handshake_counters.ts";
import { ServerHandshakes } from "./server_handshakes.ts";
import { createTransmitBatch, type TransmitBatch } from "./transmit_batch.ts";
import type { ConnectionEnd } from "./transport_error.ts";

/** What an endpoint is made from. */
export interface EndpointOptions extends OwnTraits {
  /** Long-term key pair of this program. */
  readonly identity: Identity;
  /** Source of keys and connection IDs. */
  readonly entropy: Entropy;
  /** Random numbers in [0, 1) for congestion control. */
  readonly random: () => number;
  /** Seals and opens packets. */
  readonly aead: AeadProvider;
  /** Largest UDP payload worth trying to an address. */
  readonly maxDatagramBytes: (address: Address) => number;
  /** Largest one on the way there that the system does not cut into fragments unseen. */
  readonly wholeDatagramBytes?: (address: Address) => number;
  /** What the way there ought to carry, tried first; 0 when that is not known. */
  readonly expectedDatagramBytes?: (address: Address) => number;
  /**
   * The 32-byte secret that a client must know who proves itself by this method; null refuses it.
   * Null instead of a function makes an endpoint that accepts no connections.
   */
  readonly pskFor: ((method: number) => Uint8Array | null) | null;
  /** Where the socket is bound; packets that claim to come from there are dropped. */
  readonly ownAddress?: Address;
}

/** What happened at the endpoint. */
export type EndpointEvent =
  /** Our attempt succeeded. */
  | {
    readonly kind: "connected";
    readonly attempt: ConnectAttempt;
    readonly connection: Connection;
  }
  /** Our attempt failed. */
  | { readonly kind: "failed"; readonly attempt: ConnectAttempt; readonly end: ConnectionEnd }
  /** A client has connected. */
  | { readonly kind: "accepted"; readonly connection: Connection };

/** Client and server side of one socket. */
export class Endpoint {
  /** What happened, oldest first; the driver takes events out. */
  readonly events: EndpointEvent[] = [];
  readonly #options: EndpointOptions;
  readonly #connections: ConnectionTable<Connection>;
  readonly #watch = new ConnectionWatch<Connection>();
  readonly #memory: EndpointMemory;
  readonly #attempts: ClientAttempts;
  /** Null at an endpoint that accepts no connections. */
  readonly #handshakes: ServerHandshakes | null;
  /** Packets without a connection, ready to go. */
  readonly #outbox: { bytes: Uint8Array; address: Address }[] = [];
  #touched: Connection | null = null;
  /** Connections that may have something to send, in turn. */
  readonly #ready = new TurnQueue<Connection>();
  /** Connections whose events have not been looked at. */
  #eventful = new Set<Connection>();
  #droppedPackets = 0;

  /** Makes an endpoint without connections. */
  constructor(options: EndpointOptions) {
    const { config, identity, entropy, aead, suites, pskFor } = options;
    this.#options = options;
    this.#connections = new ConnectionTable(config, { isDedicated: options.isDedicated === true });
    this.#memory = new EndpointMemory(config.maxSharedMemoryBytes);
    const parameters = () => ownParameters(options);
    this.#attempts = new ClientAttempts({ identity, entropy, parameters });
    this.#handshakes = pskFor === null ? null : new ServerHandshakes({
      identity,
      entropy,
      parameters,
      pskFor,
      aead,
      tokenSuite: suites[0] ?? "chacha20-poly1305",
      ownAddress: options.ownAddress,
      isFull: (hostname) => this.#connections.isFull(hostname),
      send: (bytes, address) => this.#send(bytes, address),
    });
  }

  /** Connections that are alive, in no order. */
  get connections(): IterableIterator<Connection> {
    return this.#connections.values();
  }

  /** How many connections are alive. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Packets for nobody here. */
  get droppedPackets(): number {
    return this.#droppedPackets;
  }

  /** What strangers sent and were answered; null at an endpoint that accepts no connections. */
  get handshakeCounters(): Readonly<HandshakeCounters> | null {
    return this.#handshakes?.counters ?? null;
  }

  /** True while small answers to strangers wait, which need no pause between them. */
  get hasAnswers(): boolean {
    return this.#outbox.length > 0;
  }

  /** Handshakes that wait for their end. */
  get halfOpenCount(): number {
    return this.#handshakes?.halfOpenCount ?? 0;
  }

  /** Bytes of the shared memory that connections hold or have promised to hold. */
  get takenMemoryBytes(): number {
    return this.#memory.takenBytes;
  }

  /** Starts to connect; a `connected` or `failed` event tells how it went. */
  connect(
    address: Address,
    proof: { method: number; psk: Uint8Array },
    nowMs: number,
  ): ConnectAttempt {
    const timeoutMs = this.#options.config.handshakeTimeoutMs;
    return this.#attempts.begin(address, proof, { nowMs, timeoutMs });
  }

  // ── Verb 1 ─────────────────────────────────────────────────────────────────────────────────────

  /** Takes a datagram; its packets are opened in place. It may hold several (UDP GRO). */
  handleDatagram(bytes: Uint8Array, from: Address, nowMs: number): void {
    let start = 0;
    while (start < bytes.length) {
      const packetBytes = packetLengthAt(bytes, start, bytes.length);
      if (packetBytes === 0) {
        this.#droppedPackets++;
        break;
      }
      const first = bytes[start]!;
      if (isInitial(first)) {
        this.#handshakes?.handleInitial(bytes, { start, packetBytes }, from, nowMs);
      } else if (isLongHeader(first)) {
        this.#handleLong(bytes.subarray(start, start + packetBytes), from, nowMs);
      } else if (isShortHeader(first)) {
        this.#handleShort(bytes, { start, packetBytes }, from, nowMs);
      }
      start += packetBytes;
    }
    this.#afterDatagram(nowMs);
  }

  #handleShort(
    bytes: Uint8Array,
    packet: { start: number; packetBytes: number },
    from: Address,
    nowMs: number,
  ): void {
    const connection = isBareHeader(bytes[packet.start]!)
      ? this.#connections.only
      : this.#connectionOf(ConnectionId.read(bytes, packet.start + 1));
    if (connection === null) {
      this.#droppedPackets++;
      return;
    }
    if (connection !== this.#touched) {
      this.#afterDatagram(nowMs);
      this.#touched = connection;
    }
    connection.handlePacket(bytes, packet, from, nowMs);
  }

  #connectionOf(id: ConnectionId): Connection | null {
    if (this.#touched !== null && this.#touched.handshake.localId.equals(id)) return this.#touched;
    return this.#connections.find(id);
  }

  #afterDatagram(nowMs: number): void {
    if (this.#touched === null) return;
    this.#touched.afterDatagram(nowMs);
    this.#touch(this.#touched);
    this.#touched = null;
  }

  /** Answers are never answered, so two endpoints cannot keep each other busy. */
  #handleLong(packet: Uint8Array, from: Address, nowMs: number): void {
    const header = readLongHeader(packet, 0);
    if (header === null) return;
    switch (header.type) {
      case "initial":
        break;
      case "finish": {
        const accepted = this.#handshakes?.handleFinish(packet, header, nowMs) ?? null;
        if (accepted === null) break;
        const { address, result } = accepted;
        const options = {
          role: "server",
          address,
          handshake: result,
          finish: null,
          nowMs,
        } as const;
        if (this.#connections.isFull(address.hostname)) {
          // Others were faster since the INITIAL.
          this.#refuse(this.#makeConnection(options), nowMs);
          break;
        }
        this.events.push({ kind: "accepted", connection: this.#addConnection(options) });
        break;
      }
      case "reply": {
        const success = this.#attempts.handleReply(packet, header, nowMs);
        if (success === null) break;
        const { attempt, finish, result } = success;
        const { address } = attempt;
        const options = { role: "client", address, handshake: result, finish, nowMs } as const;
        const connection = this.#addConnection(options);
        this.events.push({ kind: "connected", attempt, connection });
        break;
      }
      case "retry":
        this.#attempts.handleRetry(packet, header, from, nowMs);
        break;
      case "version-negotiation":
      case "refusal":
        this.#attempts.handleHint(packet, header, from, nowMs);
        break;
      default:
        assertNever(header.type);
    }
  }

  // ── Verbs 2, 3 and 4 ───────────────────────────────────────────────────────────────────────────

  /** Does what is due on every connection and attempt. */
  handleTimeout(nowMs: number): void {
    this.#reportFailed(this.#attempts.handleTimeout(nowMs));
    this.#handshakes?.handleTimeout(nowMs);
    this.#watch.sort(this.#connections.values(), nowMs);
    for (const connection of this.#watch.near) {
      if (connection.deadlineMs <= nowMs) {
        connection.handleTimeout(nowMs);
        this.#touch(connection);
      }
      this.#removeIfClosed(connection);
    }
    this.#watch.sort(this.#connections.values(), nowMs);
  }

  #reportFailed(failed: readonly FailedAttempt[]): void {
    for (const { attempt, end } of failed) this.events.push({ kind: "failed", attempt, end });
  }

  /** The earliest moment at which `handleTimeout` or `pollTransmit` has something to do. */
  nextDeadlineMs(): number {
    return Math.min(
      this.#attempts.nextDeadlineMs(),
      this.#handshakes?.deadlineMs ?? Infinity,
      this.#watch.nextDeadlineMs(),
    );
  }

  /**
   * Fills `batch` with the next packets for one address; false when nothing may go now.
   * Connections take turns.
   */
  pollTransmit(batch: TransmitBatch, nowMs: number): boolean {
    const waiting = this.#outbox.shift();
    if (waiting !== undefined) {
      fill(batch, waiting.bytes, waiting.address);
      return true;
    }
    const initial = this.#attempts.poll(nowMs);
    if (initial !== null) {
      fill(batch, initial.bytes, initial.address);
      return true;
    }
    for (let head = this.#ready.first; head !== undefined; head = this.#ready.first) {
      const hasSent = head.stateName !== "closed" && head.pollTransmit(batch, nowMs);
      this.#watch.onTouched(head);
      if (head.events.length > 0) this.#eventful.add(head);
      if (hasSent) {
        this.#ready.rotate();
        return true;
      }
      this.#ready.dropFirst();
    }
    return false;
  }

  /** The application did something on a connection: it may have something to send now. */
  wake(connection: Connection): void {
    this.#watch.onTouched(connection);
    this.#ready.add(connection);
  }

  /** Connections that may have new events since the last call. */
  takeEventful(): Iterable<Connection> {
    if (this.#eventful.size === 0) return NO_CONNECTIONS;
    const taken = this.#eventful;
    this.#eventful = new Set();
    return taken;
  }

  #touch(connection: Connection): void {
    this.wake(connection);
    if (connection.events.length > 0) this.#eventful.add(connection);
  }

  /** The earliest moment at which pacing wants a packet to leave without delay; Infinity for none. */
  nextPrecisePacingMs(): number {
    let earliestMs = Infinity;
    for (const connection of this.#watch.near) {
      if (connection.precisePacingMs < earliestMs) earliestMs = connection.precisePacingMs;
    }
    return earliestMs;
  }

  /** How long received packets may wait to be looked at, ms: what the most impatient connection bears. */
  receivePatienceMs(): number {
    let leastMs = Infinity;
    for (const { receivePatienceMs } of this.#watch.near) {
      if (receivePatienceMs < leastMs) leastMs = receivePatienceMs;
    }
    return leastMs;
  }

  /** The local network did not take a batch for this address. */
  onSendFailed(
    failure: "too-big" | "refused",
    batch: { address: Address; segmentBytes: number },
    nowMs: number,
  ): void {
    for (const connection of this.#connections.values()) {
      if (!isSameAddress(connection.address, batch.address)) continue;
      if (failure === "too-big") connection.onSendTooBig(batch.segmentBytes, nowMs);
      else connection.onSendRefused();
      this.#touch(connection);
      this.#removeIfClosed(connection);
    }
    if (failure === "refused") this.#reportFailed(this.#attempts.onSendRefused(batch.address));
    else if (batch.segmentBytes <= BASE_DATAGRAM_BYTES) {
      this.#reportFailed(this.#attempts.onSendTooBig(batch.address));
    }
  }

  /** A client too many is told so, under its own keys and where it has received the REPLY, and is forgotten. */
  #refuse(connection: Connection, nowMs: number): void {
    const batch = createTransmitBatch();
    connection.refuse(nowMs);
    while (connection.pollTransmit(batch, nowMs)) {
      this.#send(batch.buffer.slice(0, batch.length), batch.address);
    }
    if (connection.end !== null) connection.abandon(connection.end);
  }

  #addConnection(part: ConnectionPart): Connection {
    const connection = this.#makeConnection(part);
    this.#connections.add(connection);
    this.#touch(connection);
    return connection;
  }

  #makeConnection(part: ConnectionPart): Connection {
    const { config, aead, entropy, random, maxDatagramBytes } = this.#options;
    const { wholeDatagramBytes, expectedDatagramBytes } = this.#options;
    return new Connection({
      ...part,
      config,
      aead,
      entropy,
      random,
      memory: this.#memory,
      maxDatagramBytes: Math.min(config.maxDatagramBytes, maxDatagramBytes(part.address)),
      wholeDatagramBytes: wholeDatagramBytes?.(part.address) ?? Infinity,
      expectedDatagramBytes: expectedDatagramBytes?.(part.address) ?? 0,
    });
  }

  #removeIfClosed(connection: Connection): void {
    if (connection.stateName !== "closed") return;
    if (this.#connections.remove(connection)) this.#watch.remove(connection);
  }

  #send(bytes: Uint8Array, address: Address): void {
    // Answers to strangers never pile up.
    if (this.#outbox.length < MAX_HALF_OPEN) this.#outbox.push({ bytes, address });
  }
}

/** What differs from connection to connection. */
type ConnectionPart = Pick<
  ConstructorParameters<typeof Connection>[0],
  "role" | "address" | "handshake" | "finish" | "nowMs"
>;

const NO_CONNECTIONS: readonly Connection[] = [];

function fill(batch: TransmitBatch, bytes: Uint8Array, address: Address): void {
  batch.buffer.set(bytes, 0);
  batch.length = bytes.length;
  batch.segmentBytes = bytes.length;
  batch.address = address;
}
