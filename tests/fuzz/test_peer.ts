/**
 * A client that holds the keys and keeps no rule: it seals whatever it is given.
 *
 * @module
 */
import { createIdentity, TAG_BYTES } from "../../lib/crypto/mod.ts";
import { ClientHandshake, METHOD_NONE } from "../../lib/transport/handshake.ts";
import {
  type Address,
  type Connection,
  createTransmitBatch,
  DEFAULT_TRANSPORT_CONFIG,
  Endpoint,
  type TransportConfig,
} from "../../lib/transport/mod.ts";
import { PacketProtection } from "../../lib/transport/packet_protection.ts";
import { type Frame, FrameReader } from "../../lib/wire/frame.ts";
import {
  isShortHeader,
  LONG_HEADER_BYTES,
  packetLengthAt,
  readLongHeader,
  readTruncatedPacketNumber,
  SHORT_HEADER_BYTES,
  shortFirstByte,
  writeShortHeader,
} from "../../lib/wire/packet_header.ts";
import { seededEntropy } from "../simulation/seeded_entropy.ts";
import { fastAead } from "../simulation/watchful_aead.ts";
import { PEER_PARAMETERS } from "../support/peer_parameters.ts";

const FROM: Address = { hostname: "192.0.2.1", port: 40_000 };
const LATER = false;
const LARGEST_BYTES = 1472;

/** The peer, and the honest server that it talks to. */
export class TestPeer {
  /** The server. */
  readonly server: Endpoint;
  /** The server's side of the connection. */
  readonly connection: Connection;
  /** Virtual time, ms. */
  nowMs = 1000;
  /** Frames that the server sent; the ACKs say which packets it took. */
  readonly frames: Frame["kind"][] = [];
  /** Code of the CONNECTION_CLOSE that the server sent, or -1. */
  closeCode = -1;
  /** Packets that the server sent. */
  receivedPackets = 0;
  readonly #protection: PacketProtection;
  readonly #handshake: ClientHandshake;
  readonly #remote;
  readonly #batch = createTransmitBatch();
  readonly #reader = new FrameReader();
  #nextNumber = 0;

  /** Connects. `seed` decides keys and IDs. */
  constructor(seed: number, config?: Partial<TransportConfig>) {
    const entropy = seededEntropy(seed, "server");
    this.server = new Endpoint({
      config: { ...DEFAULT_TRANSPORT_CONFIG, ...config },
      identity: createIdentity(entropy),
      entropy,
      random: () => 0.5,
      suites: ["aes-128-gcm"],
      aead: fastAead,
      receiveBufferBytes: 1 << 20,
      maxDatagramBytes: () => 1472,
      pskFor: () => new Uint8Array(32),
    });
    const parameters = {
      ...PEER_PARAMETERS,
      maxIdleTimeoutMs: 600_000,
      initialMaxStreamDataBytes: 1 << 18,
      agent: "peer",
    };
    this.#handshake = new ClientHandshake({
      identity: createIdentity(seededEntropy(seed, "identity")),
      entropy: seededEntropy(seed, "peer"),
      parameters,
      method: METHOD_NONE,
      psk: new Uint8Array(32),
      token: new Uint8Array(0),
    });
    this.server.handleDatagram(this.#handshake.initial.slice(), FROM, this.nowMs);
    this.server.pollTransmit(this.#batch, this.nowMs);
    const reply = this.#batch.buffer.slice(0, this.#batch.length);
    const header = readLongHeader(reply, 0)!;
    const { finish, result } = this.#handshake.onReply(
      reply.subarray(LONG_HEADER_BYTES),
      header.source,
      parameters,
    );
    this.#remote = header.source;
    this.#protection = new PacketProtection(fastAead, result, { updateAfterPackets: Infinity });
    this.server.handleDatagram(finish.slice(), FROM, this.nowMs);
    const accepted = this.server.events.splice(0).find(({ kind }) => kind === "accepted");
    if (accepted?.kind !== "accepted") throw new Error("The server did not accept the peer");
    this.connection = accepted.connection;
  }

  /** Packet number of the next packet. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Seals `body` into a packet, with a number of choice, and hands it to the server. */
  send(body: Uint8Array, options?: { packetNumber?: number; from?: Address }): void {
    const packetNumber = options?.packetNumber ?? this.#nextNumber;
    this.#nextNumber = Math.max(this.#nextNumber, packetNumber) + 1;
    const bytes = new Uint8Array(SHORT_HEADER_BYTES + body.length + TAG_BYTES);
    writeShortHeader(bytes, 0, {
      firstByte: shortFirstByte(this.#protection.keyPhase, LATER),
      destination: this.#remote,
      packetBytes: bytes.length,
      packetNumber,
    });
    bytes.set(body, SHORT_HEADER_BYTES);
    this.#protection.seal(bytes, 0, body.length, packetNumber);
    this.server.handleDatagram(bytes, { ...options?.from ?? FROM }, this.nowMs);
    this.collect();
  }

  /** Lets time pass. */
  wait(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (let i = 0; i < 1000; i++) {
      const nextMs = this.server.nextDeadlineMs();
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.server.handleTimeout(this.nowMs);
      this.collect();
    }
    this.nowMs = untilMs;
  }

  /** Takes and reads what the server sends; throws when it is not sound. */
  collect(): void {
    this.server.wake(this.connection);
    const batch = this.#batch;
    while (this.server.pollTransmit(batch, this.nowMs)) {
      for (let at = 0; at < batch.length; at += batch.segmentBytes) {
        const end = Math.min(at + batch.segmentBytes, batch.length);
        if (packetLengthAt(batch.buffer, at, end) !== end - at) {
          throw new Error("The server's batch is not cut at packets");
        }
        this.#read(batch.buffer.slice(at, end));
      }
    }
  }

  #read(bytes: Uint8Array): void {
    if (bytes.length > LARGEST_BYTES) {
      throw new Error(`The server sends ${bytes.length} bytes at once`);
    }
    if (!isShortHeader(bytes[0]!)) return;
    const packetNumber = readTruncatedPacketNumber(bytes, 0);
    if (!this.#protection.open(bytes, 0, bytes.length, packetNumber)) {
      throw new Error("The server's packet does not open");
    }
    this.receivedPackets++;
    this.#reader.reset(bytes, SHORT_HEADER_BYTES, bytes.length - TAG_BYTES);
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      this.frames.push(frame.kind);
      if (frame.kind === "connection-close") this.closeCode = frame.code;
    }
  }
}
