/**
 * One UDP port: datagrams to connections by connection ID, handshakes on both sides. RFC 9000 §5, §8.
 *
 * @module
 */
import { TruncatedError } from "../bytes/byte_reader.ts";
import {
  type AeadProvider,
  type Entropy,
  HandshakeError,
  type Identity,
  type SuiteName,
} from "../crypto/mod.ts";
import { ConnectionId } from "../wire/connection_id.ts";
import {
  isLongHeader,
  isShortHeader,
  LONG_HEADER_BYTES,
  type LongHeader,
  MIN_INITIAL_BYTES,
  packetLengthAt,
  readLongHeader,
  VERSION,
  writeLongHeader,
} from "../wire/packet_header.ts";
import type { TransportParameters } from "../wire/transport_parameters.ts";
import { isUsableSource } from "./address_filter.ts";
import { Connection } from "./connection.ts";
import {
  HALF_OPEN_LIFETIME_MS,
  HANDSHAKE_RETRY_MS,
  MAX_BATCH_BYTES,
  MAX_HALF_OPEN,
} from "./constants.ts";
import { ClientHandshake, readInitial, ServerHandshake } from "./handshake.ts";
import { type Address, isSameAddress } from "./path.ts";
import type { TransmitBatch } from "./transmit_batch.ts";
import type { TransportConfig } from "./transport_config.ts";
import type { ConnectionEnd } from "./transport_error.ts";

/** What an endpoint is made from. */
export interface EndpointOptions {
  /** Settings. */
  readonly config: TransportConfig;
  /** Long-term key pair of this program. */
  readonly identity: Identity;
  /** Source of keys and connection IDs. */
  readonly entropy: Entropy;
  /** Random numbers in [0, 1) for congestion control. */
  readonly random: () => number;
  /** Cipher suites that we can do, best first. */
  readonly suites: readonly SuiteName[];
  /** Seals and opens packets. */
  readonly aead: AeadProvider;
  /** What the socket's receive buffer holds, bytes. */
  readonly receiveBufferBytes: number;
  /** Largest UDP payload worth trying to an address. */
  readonly maxDatagramBytes: (address: Address) => number;
  /**
   * The 32-byte secret that a client must know who proves itself by this method; null refuses it.
   * Null instead of a function makes an endpoint that accepts no connections.
   */
  readonly pskFor: ((method: number) => Uint8Array | null) | null;
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

/** A connection that we are trying to make. */
export interface ConnectAttempt {
  /** Where to. */
  readonly address: Address;
}

interface Attempt extends ConnectAttempt {
  handshake: ClientHandshake;
  readonly method: number;
  readonly psk: Uint8Array;
  sentCount: number;
  sentAtMs: number;
  resendAtMs: number;
  readonly giveUpAtMs: number;
  /** Said without proof that it is the server's word; counts only when nothing better comes. */
  hint: ConnectionEnd | null;
}

interface HalfOpen {
  readonly handshake: ServerHandshake;
  readonly address: Address;
  readonly repliedAtMs: number;
  readonly expiresAtMs: number;
  replyCount: number;
}

/** Reasons a server gives for refusing, in a packet without protection: hints, not facts. */
const REFUSED_METHOD = 1;
const REFUSED_PROOF = 2;

/** Client and server side of one socket. */
export class Endpoint {
  /** What happened, oldest first; the driver takes events out. */
  readonly events: EndpointEvent[] = [];
  readonly #options: EndpointOptions;
  readonly #connections = new Map<number, Connection>();
  readonly #attempts = new Map<number, Attempt>();
  readonly #halfOpen = new Map<number, HalfOpen>();
  readonly #halfOpenByClient = new Map<number, HalfOpen>();
  /** Packets without a connection, ready to go. */
  readonly #outbox: { bytes: Uint8Array; address: Address }[] = [];
  #touched: Connection | null = null;
  /** Connections that may have something to send, in turn. */
  #ready: Connection[] = [];
  readonly #isReady = new Set<Connection>();
  /** Connections whose events have not been looked at. */
  #eventful = new Set<Connection>();
  #droppedPackets = 0;

  /** Makes an endpoint without connections. */
  constructor(options: EndpointOptions) {
    this.#options = options;
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

  /** Our transport parameters, as they are sent. */
  #parameters(): TransportParameters {
    const { config, receiveBufferBytes, suites } = this.#options;
    return {
      maxIdleTimeoutMs: config.maxIdleTimeoutMs,
      maxUdpPayloadBytes: Math.max(1200, maxPayloadFor(receiveBufferBytes)),
      initialMaxDataBytes: config.initialWindowBytes,
      initialMaxStreamDataBytes: config.initialStreamWindowBytes,
      initialMaxStreams: config.maxStreams,
      receiveBufferBytes,
      suites,
      agent: config.agent,
    };
  }

  /** Starts to connect; a `connected` or `failed` event tells how it went. */
  connect(
    address: Address,
    proof: { method: number; psk: Uint8Array },
    nowMs: number,
  ): ConnectAttempt {
    const attempt: Attempt = {
      address,
      handshake: this.#clientHandshake(proof.method, proof.psk, EMPTY),
      method: proof.method,
      psk: proof.psk,
      sentCount: 0,
      sentAtMs: nowMs,
      resendAtMs: nowMs,
      giveUpAtMs: nowMs + this.#options.config.handshakeTimeoutMs,
      hint: null,
    };
    this.#attempts.set(attempt.handshake.localId.key, attempt);
    return attempt;
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
      if (isLongHeader(bytes[start]!)) {
        this.#handleLong(bytes.subarray(start, start + packetBytes), from, nowMs);
      } else if (isShortHeader(bytes[start]!)) {
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
    const id = ConnectionId.read(bytes, packet.start + 1);
    const connection = this.#touched !== null && this.#touched.handshake.localId.equals(id)
      ? this.#touched
      : this.#connections.get(id.key);
    if (connection === undefined || !connection.handshake.localId.equals(id)) {
      this.#droppedPackets++;
      return;
    }
    if (connection !== this.#touched) {
      this.#afterDatagram(nowMs);
      this.#touched = connection;
    }
    connection.handlePacket(bytes, packet, from, nowMs);
  }

  #afterDatagram(nowMs: number): void {
    if (this.#touched === null) return;
    this.#touched.afterDatagram(nowMs);
    this.#touch(this.#touched);
    this.#touched = null;
  }

  #handleLong(packet: Uint8Array, from: Address, nowMs: number): void {
    const header = readLongHeader(packet, 0);
    if (header === null || !isUsableSource(from)) return;
    switch (header.type) {
      case "initial":
        this.#onInitial(packet, header, from, nowMs);
        break;
      case "finish":
        this.#onFinish(packet, header, from, nowMs);
        break;
      case "reply":
        this.#onReply(packet, header, nowMs);
        break;
      case "version-negotiation":
        this.#onHint(header, { kind: "version-mismatch", code: 0, reason: "" });
        break;
      case "refusal":
        this.#onHint(header, {
          kind: "refused",
          code: packet[LONG_HEADER_BYTES] ?? 0,
          reason: "",
        });
        break;
      case "retry":
        break;
    }
  }

  // ── Client side ────────────────────────────────────────────────────────────────────────────────

  #clientHandshake(method: number, psk: Uint8Array, token: Uint8Array): ClientHandshake {
    const { identity, entropy } = this.#options;
    const parameters = this.#parameters();
    return new ClientHandshake({ identity, entropy, parameters, method, psk, token });
  }

  #findAttempt(header: LongHeader): Attempt | undefined {
    const attempt = this.#attempts.get(header.destination.key);
    return attempt?.handshake.localId.equals(header.destination) ? attempt : undefined;
  }

  #onReply(packet: Uint8Array, header: LongHeader, nowMs: number): void {
    const attempt = this.#findAttempt(header);
    if (attempt === undefined || header.version !== VERSION) return;
    const payload = packet.subarray(LONG_HEADER_BYTES);
    try {
      const parameters = this.#parameters();
      const { finish, result } = attempt.handshake.onReply(payload, header.source, parameters);
      this.#attempts.delete(attempt.handshake.localId.key);
      const rttMs = attempt.sentCount === 1 ? nowMs - attempt.sentAtMs : NaN;
      const connection = this.#addConnection({
        role: "client",
        address: attempt.address,
        handshake: { ...result, rttMs },
        finish,
        nowMs,
      });
      this.events.push({ kind: "connected", attempt, connection });
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      // Not from the server that we reached, or another key: the genuine reply may still come.
      attempt.hint = { kind: "handshake-failed", code: 0, reason: error.message };
    }
  }

  #onHint(header: LongHeader, hint: ConnectionEnd): void {
    const attempt = this.#findAttempt(header);
    if (attempt === undefined) return;
    this.#attempts.delete(attempt.handshake.localId.key);
    this.events.push({ kind: "failed", attempt, end: hint });
  }

  // ── Server side ────────────────────────────────────────────────────────────────────────────────

  #onInitial(packet: Uint8Array, header: LongHeader, from: Address, nowMs: number): void {
    const { pskFor } = this.#options;
    // Nothing shorter is answered, so that no answer is larger than its question. RFC 9000 §8.1.
    if (pskFor === null || packet.length < MIN_INITIAL_BYTES) return;
    if (header.version !== VERSION) {
      this.#answer(header, from, "version-negotiation", versionList());
      return;
    }
    const known = this.#halfOpenByClient.get(header.source.key);
    if (known !== undefined && known.handshake.remoteId.equals(header.source)) {
      if (known.replyCount++ < 8) this.#send(known.handshake.reply, known.address);
      return;
    }
    this.#forgetExpired(nowMs);
    if (this.#halfOpen.size >= MAX_HALF_OPEN) return;
    try {
      const request = readInitial(packet);
      const psk = pskFor(request.method);
      if (psk === null) {
        this.#answer(header, from, "refusal", Uint8Array.of(REFUSED_METHOD));
        return;
      }
      const { identity, entropy } = this.#options;
      const handshake = new ServerHandshake({
        identity,
        entropy,
        parameters: this.#parameters(),
        psk,
        request,
        remoteId: header.source,
      });
      const halfOpen: HalfOpen = {
        handshake,
        address: { hostname: from.hostname, port: from.port },
        repliedAtMs: nowMs,
        expiresAtMs: nowMs + HALF_OPEN_LIFETIME_MS,
        replyCount: 1,
      };
      this.#halfOpen.set(handshake.localId.key, halfOpen);
      this.#halfOpenByClient.set(header.source.key, halfOpen);
      this.#send(handshake.reply, halfOpen.address);
    } catch (error) {
      if (error instanceof TruncatedError) return;
      if (!(error instanceof HandshakeError)) throw error;
      this.#answer(header, from, "refusal", Uint8Array.of(REFUSED_PROOF));
    }
  }

  #onFinish(packet: Uint8Array, header: LongHeader, from: Address, nowMs: number): void {
    const halfOpen = this.#halfOpen.get(header.destination.key);
    if (halfOpen === undefined || !halfOpen.handshake.localId.equals(header.destination)) return;
    try {
      const result = halfOpen.handshake.onFinish(packet.subarray(LONG_HEADER_BYTES));
      this.#forgetHalfOpen(halfOpen);
      const rttMs = halfOpen.replyCount === 1 ? nowMs - halfOpen.repliedAtMs : NaN;
      const connection = this.#addConnection({
        role: "server",
        address: { hostname: from.hostname, port: from.port },
        handshake: { ...result, rttMs },
        finish: null,
        nowMs,
      });
      this.events.push({ kind: "accepted", connection });
    } catch (error) {
      // Forged: the genuine FINISH may still come.
      if (!(error instanceof HandshakeError)) throw error;
    }
  }

  #answer(
    header: LongHeader,
    to: Address,
    type: "version-negotiation" | "refusal",
    payload: Uint8Array,
  ): void {
    const packetBytes = LONG_HEADER_BYTES + payload.length;
    const bytes = new Uint8Array(packetBytes);
    const version = type === "version-negotiation" ? 0 : VERSION;
    const source = new ConnectionId(0, 0);
    writeLongHeader(bytes, 0, { type, version, destination: header.source, source, packetBytes });
    bytes.set(payload, LONG_HEADER_BYTES);
    this.#send(bytes, { hostname: to.hostname, port: to.port });
  }

  #forgetExpired(nowMs: number): void {
    for (const halfOpen of this.#halfOpen.values()) {
      if (halfOpen.expiresAtMs > nowMs) break;
      this.#forgetHalfOpen(halfOpen);
    }
  }

  #forgetHalfOpen(halfOpen: HalfOpen): void {
    this.#halfOpen.delete(halfOpen.handshake.localId.key);
    this.#halfOpenByClient.delete(halfOpen.handshake.remoteId.key);
  }

  // ── Verbs 2, 3 and 4 ───────────────────────────────────────────────────────────────────────────

  /** Does what is due on every connection and attempt. */
  handleTimeout(nowMs: number): void {
    for (const attempt of this.#attempts.values()) {
      if (nowMs < attempt.giveUpAtMs) continue;
      this.#attempts.delete(attempt.handshake.localId.key);
      const end = attempt.hint ?? { kind: "unreachable", code: 0, reason: "" };
      this.events.push({ kind: "failed", attempt, end });
    }
    for (const [key, connection] of this.#connections) {
      if (connection.deadlineMs <= nowMs) {
        connection.handleTimeout(nowMs);
        this.#touch(connection);
      }
      if (connection.stateName === "closed") this.#connections.delete(key);
    }
  }

  /** The earliest moment at which `handleTimeout` or `pollTransmit` has something to do. */
  nextDeadlineMs(): number {
    let earliestMs = Infinity;
    for (const attempt of this.#attempts.values()) {
      earliestMs = Math.min(earliestMs, attempt.resendAtMs, attempt.giveUpAtMs);
    }
    for (const connection of this.#connections.values()) {
      if (connection.deadlineMs < earliestMs) earliestMs = connection.deadlineMs;
    }
    return earliestMs;
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
    for (const attempt of this.#attempts.values()) {
      if (nowMs < attempt.resendAtMs) continue;
      attempt.sentAtMs = nowMs;
      attempt.resendAtMs = nowMs + Math.min(1000, HANDSHAKE_RETRY_MS * 2 ** attempt.sentCount++);
      fill(batch, attempt.handshake.initial, attempt.address);
      return true;
    }
    for (let head = this.#ready[0]; head !== undefined; head = this.#ready[0]) {
      const hasSent = head.stateName !== "closed" && head.pollTransmit(batch, nowMs);
      if (this.#ready.length > 1 || !hasSent) this.#ready.shift();
      if (!hasSent) this.#isReady.delete(head);
      else if (this.#ready[0] !== head) this.#ready.push(head);
      if (hasSent) return true;
    }
    return false;
  }

  /** The application did something on a connection: it may have something to send now. */
  wake(connection: Connection): void {
    if (this.#isReady.has(connection)) return;
    this.#isReady.add(connection);
    this.#ready.push(connection);
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
    for (const connection of this.#connections.values()) {
      if (connection.precisePacingMs < earliestMs) earliestMs = connection.precisePacingMs;
    }
    return earliestMs;
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
    }
    if (failure === "too-big") return;
    for (const attempt of this.#attempts.values()) {
      if (!isSameAddress(attempt.address, batch.address)) continue;
      this.#attempts.delete(attempt.handshake.localId.key);
      this.events.push({
        kind: "failed",
        attempt,
        end: { kind: "send-refused", code: 0, reason: "" },
      });
    }
  }

  /** Gives up an attempt without waiting for its end. */
  abandon(attempt: ConnectAttempt): void {
    for (const [key, other] of this.#attempts) if (other === attempt) this.#attempts.delete(key);
  }

  #addConnection(
    part: Pick<
      ConstructorParameters<typeof Connection>[0],
      "role" | "address" | "handshake" | "finish" | "nowMs"
    >,
  ): Connection {
    const { config, aead, entropy, random, maxDatagramBytes } = this.#options;
    const connection = new Connection({
      ...part,
      config,
      aead,
      entropy,
      random,
      maxDatagramBytes: Math.min(config.maxDatagramBytes, maxDatagramBytes(part.address)),
    });
    this.#connections.set(part.handshake.localId.key, connection);
    this.#touch(connection);
    return connection;
  }

  #send(bytes: Uint8Array, address: Address): void {
    // Answers to strangers never pile up.
    if (this.#outbox.length < MAX_HALF_OPEN) this.#outbox.push({ bytes, address });
  }
}

const EMPTY = new Uint8Array(0);
const NO_CONNECTIONS: readonly Connection[] = [];

/** A datagram larger than a sixteenth of the receive buffer would make a burst of a few overflow it. */
function maxPayloadFor(receiveBufferBytes: number): number {
  return Math.min(MAX_BATCH_BYTES, Math.floor(receiveBufferBytes / 16));
}

function versionList(): Uint8Array {
  const list = new Uint8Array(4);
  new DataView(list.buffer).setUint32(0, VERSION);
  return list;
}

function fill(batch: TransmitBatch, bytes: Uint8Array, address: Address): void {
  batch.buffer.set(bytes, 0);
  batch.length = bytes.length;
  batch.segmentBytes = bytes.length;
  batch.address = address;
}
