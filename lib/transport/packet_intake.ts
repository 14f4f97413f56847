/**
 * What comes in: a packet is opened, counted and taken apart, and each frame goes to the part it is for.
 *
 * @module
 */
import { TAG_BYTES } from "../crypto/mod.ts";
import { TRANSPORT_ERROR_CODES, transportErrorName } from "../wire/error_code.ts";
import { FrameEncodingError, FrameReader } from "../wire/frame.ts";
import {
  asksForImmediateAck,
  decodePacketNumber,
  readTruncatedPacketNumber,
  shortHeaderBytes,
} from "../wire/packet_header.ts";
import type { ClientFinish } from "./client_finish.ts";
import type { ConnectionMigration } from "./connection_migration.ts";
import type { ConnectionParts } from "./connection_parts.ts";
import type { ConnectionTermination } from "./connection_termination.ts";
import { dispatchFrame, type FrameTargets } from "./frame_dispatch.ts";
import type { IdleTimeout } from "./idle_timeout.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import { type Address, isSameAddress } from "./path.ts";
import { TransportError } from "./transport_error.ts";

/** The parts that packets concern. */
export type IntakeParts = Pick<
  ConnectionParts,
  "acks" | "path" | "protection" | "streams" | "transient"
>;

/** Who else hears of packets. */
export interface IntakeListeners {
  /** ACK. */
  readonly recovery: LossRecovery;
  /** Addresses that packets come from, and PATH_RESPONSE. */
  readonly migration: ConnectionMigration;
  /** CONNECTION_CLOSE, and what the peer did wrong. */
  readonly termination: ConnectionTermination;
  /** Packets that promise more. */
  readonly idle: IdleTimeout;
  /** Packets that prove that the peer has the keys. */
  readonly finish: ClientFinish;
}

/** Takes the packets of one connection. */
export class PacketIntake {
  readonly #parts: IntakeParts;
  readonly #listeners: IntakeListeners;
  readonly #isServer: boolean;
  readonly #frames = new FrameReader();
  readonly #targets: FrameTargets;
  readonly #clock = { nowMs: 0, rttMs: 0 };
  #lastAtMs: number;
  #packets = 0;
  #bytes = 0;
  #replayedPackets = 0;

  /** The handshake's packets, up to now, are none of its own. */
  constructor(
    parts: IntakeParts,
    listeners: IntakeListeners,
    options: { role: "client" | "server"; nowMs: number },
  ) {
    this.#parts = parts;
    this.#listeners = listeners;
    this.#isServer = options.role === "server";
    this.#lastAtMs = options.nowMs;
    this.#targets = frameTargets(parts, listeners);
  }

  /** When the newest authentic packet came, ms. */
  get lastAtMs(): number {
    return this.#lastAtMs;
  }

  /** Authentic packets. */
  get packets(): number {
    return this.#packets;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Packets that came twice. */
  get replayedPackets(): number {
    return this.#replayedPackets;
  }

  /** Takes one short-header packet at `bytes[start, start + packetBytes)` and opens it in place. */
  handle(
    bytes: Uint8Array,
    packet: { start: number; packetBytes: number },
    from: Address,
    nowMs: number,
  ): void {
    const { acks, path, protection } = this.#parts;
    const { migration, termination, idle, finish } = this.#listeners;
    const { start, packetBytes } = packet;
    const { stateName } = termination;
    if (stateName === "draining" || stateName === "closed") return;
    const truncated = readTruncatedPacketNumber(bytes, start);
    const packetNumber = decodePacketNumber(acks.largest, truncated);
    if (acks.isReplay(packetNumber)) {
      this.#replayedPackets++;
      if (!isSameAddress(from, path.address)) migration.onReplay(from, nowMs);
      return;
    }
    const firstByte = bytes[start]!;
    if (!protection.open(bytes, start, packetBytes, packetNumber)) {
      this.#onFailedOpen(nowMs);
      return;
    }
    const isNewest = packetNumber > acks.largest;
    this.#lastAtMs = nowMs;
    this.#packets++;
    this.#bytes += packetBytes;
    finish.onHeard();
    termination.onPacketReceived();
    const end = start + packetBytes - TAG_BYTES;
    const isAckEliciting = this.#handleFrames(
      bytes,
      start + shortHeaderBytes(firstByte),
      end,
      nowMs,
    );
    if (isAckEliciting) idle.onTalk();
    acks.onPacketReceived(packetNumber, nowMs, {
      isAckEliciting,
      isImmediate: asksForImmediateAck(firstByte),
    });
    if (isNewest && !isSameAddress(from, path.address)) {
      this.#onNewAddress(from, packetBytes, nowMs);
    }
  }

  #handleFrames(bytes: Uint8Array, start: number, end: number, nowMs: number): boolean {
    const { termination } = this.#listeners;
    this.#clock.nowMs = nowMs;
    this.#clock.rttMs = this.#parts.path.rtt.smoothedMs;
    const context = { source: bytes, clock: this.#clock };
    let isAckEliciting = false;
    let hasAck = false;
    try {
      this.#frames.reset(bytes, start, end);
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
        if (frame.kind === "ack") {
          // Each walks over all that is in flight: hundreds in one packet would be cheap work for two.
          if (hasAck) throw new TransportError("PROTOCOL_VIOLATION", "Two ACKs in one packet");
          hasAck = true;
        }
        // A closing connection only wants to know whether the peer has closed as well. RFC 9000 §10.2.1.
        if (!termination.isEstablished && frame.kind !== "connection-close") continue;
        if (dispatchFrame(frame, this.#targets, context)) isAckEliciting = true;
      }
    } catch (error) {
      this.#onPeerError(error, nowMs);
    }
    return isAckEliciting;
  }

  /** The newest authentic packet came from elsewhere: the peer has moved, or its NAT forgot it. */
  #onNewAddress(from: Address, packetBytes: number, nowMs: number): void {
    const { migration, termination } = this.#listeners;
    if (this.#isServer && termination.isEstablished) {
      migration.onNewAddress(from, packetBytes, nowMs);
    }
  }

  #onFailedOpen(nowMs: number): void {
    if (!this.#parts.protection.isIntegrityLimitReached) return;
    this.#onPeerError(new TransportError("AEAD_LIMIT_REACHED", "Too many forged packets"), nowMs);
  }

  #onPeerError(error: unknown, nowMs: number): void {
    const { code, reason } = error instanceof TransportError
      ? { code: error.code, reason: error.message }
      : error instanceof FrameEncodingError
      ? { code: TRANSPORT_ERROR_CODES.FRAME_ENCODING_ERROR, reason: error.message }
      : { code: -1, reason: "" };
    if (code < 0) throw error;
    this.#listeners.termination.close(
      { kind: "protocol-error", code, reason: `${transportErrorName(code)}: ${reason}` },
      { kind: "connection-close", isApplication: false, code, reason },
      nowMs,
    );
  }
}

function frameTargets(parts: IntakeParts, listeners: IntakeListeners): FrameTargets {
  const { recovery, migration, termination, finish } = listeners;
  return {
    streams: parts.streams,
    acks: parts.acks,
    onAck: (ack, nowMs) => recovery.onAck(ack, nowMs),
    onPathChallenge: (token) => parts.transient.pushPathResponse(token),
    onPathResponse: (token, nowMs) => migration.onPathResponse(token, nowMs),
    onConnectionClose: (close, nowMs) => termination.onConnectionClose(close, nowMs),
    onHandshakeDone: () => finish.onHeard(),
  };
}
