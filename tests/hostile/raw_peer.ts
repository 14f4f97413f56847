/**
 * The other end of an honest side's connection, with real keys and without any rule: it sends whatever
 * frames it is told, in whatever packets.
 *
 * @module
 */
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { identityFromPrivateKey, nodeAeadProvider, TAG_BYTES } from "../../lib/crypto/mod.ts";
import {
  ClientHandshake,
  type HandshakeAgreement,
  readInitial,
  ServerHandshake,
} from "../../lib/transport/handshake.ts";
import { type Address, isSameAddress } from "../../lib/transport/mod.ts";
import { PacketProtection } from "../../lib/transport/packet_protection.ts";
import type { ConnectionId } from "../../lib/wire/connection_id.ts";
import { type Frame, FrameReader, type TransientFrame, writeFrame } from "../../lib/wire/frame.ts";
import type { ControlFrame } from "../../lib/wire/frame.ts";
import {
  LONG_HEADER_BYTES,
  type LongPacketType,
  readLongHeader,
  SHORT_HEADER_BYTES,
  shortFirstByte,
  VERSION,
  writeLongHeader,
  writeShortHeader,
} from "../../lib/wire/packet_header.ts";
import type { TransportParameters } from "../../lib/wire/transport_parameters.ts";
import { PEER_PARAMETERS } from "../support/peer_parameters.ts";
import { CLIENT, type Datagram, drain, type HonestSide, seededEntropy, SERVER } from "./rig.ts";

/** A frame of the peer, with a copy of what must be kept. */
export type SeenFrame = Frame & { readonly packetNumber?: number };

const NOT_IMMEDIATE = false;
const NOBODYS_SECRET = new Uint8Array(32);

/** Speaks to one honest side on a virtual clock. */
export class RawPeer {
  nowMs = 1000;
  readonly honest: HonestSide;
  readonly role: "client" | "server";
  address: Address;
  /** Parameters that it tells. */
  parameters: TransportParameters = {
    ...PEER_PARAMETERS,
    maxIdleTimeoutMs: 120_000,
    initialMaxDataBytes: 1 << 24,
    initialMaxStreamDataBytes: 1 << 24,
    initialMaxStreams: 1000,
    suites: ["chacha20-poly1305"],
    agent: "hostile",
  };
  /** Frames that came, without STREAM frames' bytes. */
  frames: SeenFrame[] = [];
  /** Long packets that came. */
  longPackets: Uint8Array[] = [];
  /** Everything that the honest side sent, to whomever. */
  sent: Datagram[] = [];
  /** Acknowledges each packet that came as soon as time passes. */
  acknowledges = true;
  result: HandshakeAgreement | null = null;
  packetNumber = 0;
  readonly receivedNumbers: number[] = [];
  #protection: PacketProtection | null = null;
  readonly #entropy = seededEntropy(99);

  constructor(honest: HonestSide, role: "client" | "server") {
    this.honest = honest;
    this.role = role;
    this.address = role === "client" ? { ...CLIENT } : { ...SERVER };
  }

  /** Bytes that the honest side has sent since the last look. */
  takeSent(): Datagram[] {
    return this.sent.splice(0);
  }

  /** Hands bytes to the honest side as a datagram and collects what it says. */
  deliver(bytes: Uint8Array, from: Address = this.address): void {
    this.honest.receive(bytes.slice(), { ...from }, this.nowMs);
    this.collect();
  }

  /** Lets time pass in small steps. */
  wait(forMs: number, stepMs: number = 5): void {
    const endMs = this.nowMs + forMs;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + stepMs);
      this.honest.work(this.nowMs);
      this.collect();
      if (this.acknowledges) this.acknowledge();
    }
  }

  /** Takes what the honest side wants to send. */
  collect(): void {
    this.honest.work(this.nowMs);
    for (const datagram of drain(this.honest.endpoint, this.nowMs)) {
      this.sent.push(datagram);
      if (isSameAddress(datagram.to, this.address)) this.#open(datagram.bytes.slice());
    }
    this.honest.work(this.nowMs);
  }

  // ── The handshake ──────────────────────────────────────────────────────────────────────────────

  /** A client's INITIAL. */
  initial(
    options: { token?: Uint8Array; psk?: Uint8Array; method?: number; localId?: ConnectionId } = {},
  ): ClientHandshake {
    return new ClientHandshake({
      identity: this.#identity(),
      entropy: this.#entropy,
      parameters: this.parameters,
      method: options.method ?? 0,
      psk: options.psk ?? NOBODYS_SECRET,
      token: options.token ?? new Uint8Array(0),
      ...(options.localId === undefined ? {} : { localId: options.localId }),
    });
  }

  /** Runs the whole handshake as a client; returns the FINISH that was sent. */
  connect(handshake: ClientHandshake = this.initial()): Uint8Array {
    this.deliver(handshake.initial);
    const finish = this.finishFor(handshake);
    this.deliver(finish);
    return finish;
  }

  /** The FINISH for the newest REPLY; the keys are then ready. */
  finishFor(handshake: ClientHandshake): Uint8Array {
    const reply = this.longPackets.findLast((packet) =>
      readLongHeader(packet, 0)?.type === "reply"
    );
    if (reply === undefined) throw new Error("The server did not reply");
    const { source } = readLongHeader(reply, 0)!;
    const payload = reply.subarray(LONG_HEADER_BYTES);
    const { finish, result } = handshake.onReply(payload, source, this.parameters);
    this.#begin(result);
    return finish;
  }

  /** Answers the honest client's newest INITIAL as a server; returns the REPLY that was sent. */
  accept(change: (reply: Uint8Array) => Uint8Array = (reply) => reply): Uint8Array {
    const handshake = this.answer();
    const reply = change(handshake.reply);
    this.deliver(reply);
    const finish = this.longPackets.findLast((packet) =>
      readLongHeader(packet, 0)?.type === "finish"
    );
    if (finish !== undefined) {
      this.#begin(handshake.onFinish(finish.subarray(LONG_HEADER_BYTES)));
      this.collect();
    }
    return reply;
  }

  /** The server's half for the honest client's newest INITIAL. */
  answer(): ServerHandshake {
    const initial = this.initialSeen();
    return new ServerHandshake({
      identity: this.#identity(),
      entropy: this.#entropy,
      parameters: this.parameters,
      psk: NOBODYS_SECRET,
      request: readInitial(initial),
      remoteId: readLongHeader(initial, 0)!.source,
    });
  }

  /** The honest client's newest INITIAL. */
  initialSeen(): Uint8Array {
    const initial = this.longPackets.findLast((packet) => packet[0] === 0xc0);
    if (initial === undefined) throw new Error("The client sent no INITIAL");
    return initial;
  }

  /** A long packet for the honest side, in answer to its INITIAL. */
  longAnswer(type: LongPacketType, payload: Uint8Array, version: number = VERSION): Uint8Array {
    const { source } = readLongHeader(this.initialSeen(), 0)!;
    const packetBytes = LONG_HEADER_BYTES + payload.length;
    const bytes = new Uint8Array(packetBytes);
    writeLongHeader(bytes, 0, { type, version, destination: source, source, packetBytes });
    bytes.set(payload, LONG_HEADER_BYTES);
    return bytes;
  }

  // ── Packets ────────────────────────────────────────────────────────────────────────────────────

  /** A sealed packet with these bytes as its frames. */
  packet(
    frames: Uint8Array,
    options: { packetNumber?: number } = {},
  ): Uint8Array {
    const protection = this.#protection!;
    const packetNumber = options.packetNumber ?? this.packetNumber++;
    this.packetNumber = Math.max(this.packetNumber, packetNumber + 1);
    const packetBytes = SHORT_HEADER_BYTES + frames.length + TAG_BYTES;
    const bytes = new Uint8Array(packetBytes);
    writeShortHeader(bytes, 0, {
      firstByte: shortFirstByte(protection.keyPhase, NOT_IMMEDIATE),
      destination: this.result!.remoteId,
      packetBytes,
      packetNumber,
    });
    bytes.set(frames, SHORT_HEADER_BYTES);
    protection.seal(bytes, 0, frames.length, packetNumber);
    return bytes;
  }

  /** Sends one packet with these frames. */
  send(...frames: readonly (Uint8Array | ControlFrame | TransientFrame)[]): Uint8Array {
    const packet = this.packet(framesOf(...frames));
    this.deliver(packet);
    return packet;
  }

  /** Acknowledges every packet that came. */
  acknowledge(): void {
    if (this.receivedNumbers.length === 0 || this.#protection === null) return;
    const ranges: [number, number][] = [];
    for (const n of this.receivedNumbers.splice(0).sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last !== undefined && last[1] + 1 >= n) last[1] = n;
      else ranges.push([n, n]);
    }
    this.send(ackFrame(ranges.reverse().slice(0, 60)));
  }

  #begin(result: HandshakeAgreement): void {
    this.result = result;
    this.#protection = new PacketProtection(nodeAeadProvider, result, {
      updateAfterPackets: Infinity,
    });
  }

  #open(bytes: Uint8Array): void {
    if ((bytes[0]! & 0x80) !== 0) {
      this.longPackets.push(bytes);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const packetNumber = view.getUint32(11);
    if (this.#protection === null) return;
    if (!this.#protection.open(bytes, 0, bytes.length, packetNumber)) return;
    const reader = new FrameReader();
    reader.reset(bytes, SHORT_HEADER_BYTES, bytes.length - TAG_BYTES);
    let isEliciting = false;
    for (let frame = reader.next(); frame !== null; frame = reader.next()) {
      if (frame.kind !== "ack" && frame.kind !== "padding") isEliciting = true;
      this.frames.push({ ...frame, packetNumber });
    }
    if (isEliciting) this.receivedNumbers.push(packetNumber);
  }

  #identity() {
    return identityFromPrivateKey(new Uint8Array(32).fill(7));
  }
}

/** The bytes of several frames. */
export function framesOf(
  ...frames: readonly (Uint8Array | ControlFrame | TransientFrame)[]
): Uint8Array {
  const buffer = new Uint8Array(60_000);
  let at = 0;
  for (const frame of frames) {
    if (frame instanceof Uint8Array) {
      buffer.set(frame, at);
      at += frame.length;
    } else {
      at = writeFrame(buffer, at, frame);
    }
  }
  return buffer.slice(0, at);
}

/** A STREAM frame, with any offset and length. */
export function streamFrame(
  streamId: number,
  offset: number,
  bytes: Uint8Array,
  options: { isFin?: boolean; claimedLength?: number } = {},
): Uint8Array {
  const type = 0x08 | 0x04 | 0x02 | (options.isFin ? 1 : 0);
  return new ByteWriter().u8(type).varint(streamId).varint(offset)
    .varint(options.claimedLength ?? bytes.length).bytes(bytes).finish();
}

/** An ACK frame of these ranges, `[smallest, largest]`, newest first. */
export function ackFrame(ranges: readonly (readonly [number, number])[]): Uint8Array {
  const [newest, ...older] = ranges;
  const out = new ByteWriter().u8(0x02).varint(newest![1]).varint(0).varint(older.length)
    .varint(newest![1] - newest![0]);
  let smallest = newest![0];
  for (const [from, to] of older) {
    out.varint(smallest - to - 2).varint(to - from);
    smallest = from;
  }
  return out.finish();
}
