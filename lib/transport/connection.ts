/**
 * The conductor of one established connection: four verbs, and the parts called in the RFCs' order.
 *
 * The parts return decisions and never call back; what they decide is applied here. See `lib/README.md`
 * for the driving contract.
 *
 * @module
 */
import type { SendTimes } from "../bytes/send_times.ts";
import { TAG_BYTES } from "../crypto/mod.ts";
import { TRANSPORT_ERROR_CODES, transportErrorName } from "../wire/error_code.ts";
import { FrameEncodingError, FrameReader } from "../wire/frame.ts";
import {
  asksForImmediateAck,
  decodePacketNumber,
  readTruncatedPacketNumber,
  shortHeaderBytes,
} from "../wire/packet_header.ts";
import { BatchBuilder } from "./batch_builder.ts";
import { HALF_OPEN_LIFETIME_MS } from "./constants.ts";
import { DEADLINE_COUNT, type DeadlineName } from "./connection_deadlines.ts";
import { ConnectionMigration } from "./connection_migration.ts";
import {
  type ConnectionOptions,
  type ConnectionParts,
  createConnectionParts,
} from "./connection_parts.ts";
import type { ConnectionState } from "./connection_state.ts";
import type { ConnectionStats } from "./connection_stats.ts";
import { ConnectionTermination } from "./connection_termination.ts";
import { dispatchFrame, type FrameTargets } from "./frame_dispatch.ts";
import type { HandshakeResult } from "./handshake.ts";
import { IdleTimeout } from "./idle_timeout.ts";
import { LossRecovery } from "./loss_recovery.ts";
import { MtuProbing } from "./mtu_probing.ts";
import { type Address, isSameAddress } from "./path.ts";
import { receivePatienceMs } from "./receive_patience.ts";
import { SendBudget } from "./send_budget.ts";
import type { WindowClock } from "./streams/receive_credit.ts";
import { PROGRESS_CHECKS } from "./streams/stalled_stream.ts";
import type { StreamLayer } from "./streams/stream_layer.ts";
import type { StreamEntry } from "./streams/stream_map.ts";
import type { TransmitBatch } from "./transmit_batch.ts";
import { type ConnectionEnd, TransportError } from "./transport_error.ts";
import type { TransportEvent } from "./transport_event.ts";

/** One established connection. */
export class Connection {
  /** Which side we are. */
  readonly role: "client" | "server";
  /** What the handshake agreed on: IDs, keys' suite, the peer's identity and parameters. */
  readonly handshake: HandshakeResult;
  /** What happened, oldest first; the driver takes events out. */
  readonly events: TransportEvent[];
  /** The streams. */
  readonly streams: StreamLayer;

  readonly #parts: ConnectionParts;
  readonly #recovery: LossRecovery;
  readonly #batches: BatchBuilder;
  readonly #mtuProbing: MtuProbing;
  readonly #migration: ConnectionMigration;
  readonly #termination: ConnectionTermination;
  readonly #idle: IdleTimeout;
  readonly #frames = new FrameReader();
  readonly #targets: FrameTargets;

  #finish: Uint8Array | null;
  #isFinishDue: boolean;
  #lastReceivedAtMs: number;
  #clock = { nowMs: 0, rttMs: 0 };
  #receivedPackets = 0;
  #receivedBytes = 0;
  #sentBytes = 0;
  #replayedPackets = 0;

  /** Makes the connection; the server's first act is to confirm the handshake. */
  constructor(options: ConnectionOptions) {
    const { role, handshake, config, nowMs } = options;
    const parts = createConnectionParts(options);
    this.role = role;
    this.handshake = handshake;
    this.events = parts.events;
    this.streams = parts.streams;
    this.#parts = parts;
    this.#finish = options.finish;
    this.#isFinishDue = options.finish !== null;
    this.#lastReceivedAtMs = nowMs;
    const budget = new SendBudget(parts);
    const recovery = new LossRecovery(parts, budget);
    this.#recovery = recovery;
    this.#batches = new BatchBuilder(parts, { budget, recovery, random: options.random });
    this.#mtuProbing = new MtuProbing(parts, recovery);
    this.#migration = new ConnectionMigration(parts, recovery, options.entropy);
    this.#termination = new ConnectionTermination(parts);
    const peerIdleMs = handshake.peerParameters.maxIdleTimeoutMs || Infinity;
    const idleMs = Math.min(config.maxIdleTimeoutMs, peerIdleMs);
    this.#idle = new IdleTimeout(parts, { role, idleMs, nowMs });
    this.#targets = this.#frameTargets();
    if (role === "server") parts.control.push({ kind: "handshake-done" });
    // The FINISH is said again with the probes, so something must wait for its acknowledgement.
    else parts.transient.pushPing();
    parts.deadlines.set("progress", nowMs + this.#progressCheckMs);
  }

  /** The peer's present address. */
  get address(): Address {
    return this.#parts.path.address;
  }

  /** The state's name. */
  get stateName(): ConnectionState["kind"] {
    return this.#termination.stateName;
  }

  /** When `handleTimeout` must be called next; Infinity when nothing waits. */
  get deadlineMs(): number {
    return this.#parts.deadlines.earliestMs;
  }

  /** When pacing lets the next packets go, if they must not be late; Infinity otherwise. */
  get precisePacingMs(): number {
    const { path, deadlines } = this.#parts;
    return path.needsPrecisePacing ? deadlines.at("pacing") : Infinity;
  }

  /** How long received packets may wait to be looked at, ms. */
  get receivePatienceMs(): number {
    return receivePatienceMs(this.#parts);
  }

  /** Why the connection ended, or null while it lives. */
  get end(): ConnectionEnd | null {
    return this.#termination.end;
  }

  // ── The application ────────────────────────────────────────────────────────────────────────────

  /** Drops bytes that were read from a stream. */
  consume(stream: StreamEntry, length: number, nowMs: number): void {
    this.#clock.nowMs = nowMs;
    this.streams.consume(stream, length);
  }

  /** Asks the peer to stop sending on a stream. */
  stop(stream: StreamEntry, code: number, nowMs: number): void {
    this.#clock.nowMs = nowMs;
    this.streams.stop(stream, code);
  }

  /**
   * True while everything that the peer has not acknowledged fits into the packet that closes: then it goes
   * along in each copy of that, and nobody waits a round trip only to hear that it has arrived.
   */
  get fitsInClose(): boolean {
    return this.#termination.fitsInClose;
  }

  /** Closes the connection; what was not acknowledged is abandoned unless it {@linkcode fitsInClose}. */
  close(code: number, reason: string, nowMs: number): void {
    this.#termination.closeWithLastWords(code, reason, nowMs);
  }

  /** The server has no room for this client, which has proved itself meanwhile. RFC 9000 §20.1. */
  refuse(nowMs: number): void {
    const code = TRANSPORT_ERROR_CODES.CONNECTION_REFUSED;
    const reason = "too many connections";
    this.#termination.close(
      { kind: "closed", code, reason },
      { kind: "connection-close", isApplication: false, code, reason },
      nowMs,
    );
  }

  /** Asks the peer for a sign of life. */
  ping(): void {
    if (this.#termination.isEstablished) this.#parts.transient.pushPing();
  }

  /** Control frames that wait or travel, and answers that are owed: bounded whatever the peer sends. */
  get pendingFrames(): number {
    return this.#parts.control.size + this.#parts.transient.frames.length;
  }

  /** Caps the sending rate, bytes per second; Infinity lifts the cap. */
  setMaxRate(bytesPerSecond: number): void {
    const { path, streams } = this.#parts;
    path.cap.set(bytesPerSecond);
    streams.onRate(path.rateBytesPerSecond);
  }

  /** Switches background mode; what is known of the path stays. */
  setPolite(wanted: boolean): void {
    this.#parts.path.setPolite(wanted);
  }

  /** What held sending back, up to now. */
  sendTimes(nowMs: number): SendTimes {
    return this.#parts.limits.times(nowMs);
  }

  /** Figures for people. */
  stats(): ConnectionStats {
    const { path, loss, protection } = this.#parts;
    const { rtt, controller, mtu, sampler } = path;
    return {
      rttMs: rtt.smoothedMs,
      minRttMs: rtt.minMs,
      sentPackets: loss.sentPackets,
      lostPackets: loss.lostPackets,
      sentBytes: this.#sentBytes,
      receivedPackets: this.#receivedPackets,
      receivedBytes: this.#receivedBytes,
      deliveredBytes: sampler.deliveredBytes,
      windowBytes: controller.windowBytes,
      inFlightBytes: loss.inFlightBytes,
      pacingRateBytesPerSecond: controller.pacingRateBytesPerSecond,
      bandwidthBytesPerSecond: controller.bandwidthBytesPerSecond,
      maxRateBytesPerSecond: path.cap.bytesPerSecond,
      isPolite: path.isPolite,
      datagramBytes: mtu.datagramBytes,
      controller: controller.name,
      controllerState: controller.stateName,
      suite: protection.suite,
      aeadProvider: protection.providerName,
      failedOpens: protection.failedOpens,
      replayedPackets: this.#replayedPackets,
      streamCount: this.streams.count,
      silentMs: this.#clock.nowMs - this.#lastReceivedAtMs,
    };
  }

  /** When the newest packet of the peer came, ms. */
  get lastReceivedAtMs(): number {
    return this.#lastReceivedAtMs;
  }

  /** True while packets wait for their acknowledgement. */
  get isWaitingForPeer(): boolean {
    return this.#parts.loss.hasOutstanding();
  }

  // ── Verb 1: a datagram came ────────────────────────────────────────────────────────────────────

  /**
   * Takes one short-header packet at `bytes[start, start + packetBytes)` and opens it in place.
   * After the last packet of a datagram the caller calls {@linkcode afterDatagram}.
   */
  handlePacket(
    bytes: Uint8Array,
    packet: { start: number; packetBytes: number },
    from: Address,
    nowMs: number,
  ): void {
    const { acks, path, protection } = this.#parts;
    const { start, packetBytes } = packet;
    const { stateName } = this.#termination;
    if (stateName === "draining" || stateName === "closed") return;
    const truncated = readTruncatedPacketNumber(bytes, start);
    const packetNumber = decodePacketNumber(acks.largest, truncated);
    if (acks.isReplay(packetNumber)) {
      this.#replayedPackets++;
      if (!isSameAddress(from, path.address)) this.#migration.onReplay(from, nowMs);
      return;
    }
    const firstByte = bytes[start]!;
    if (!protection.open(bytes, start, packetBytes, packetNumber)) {
      this.#onFailedOpen(nowMs);
      return;
    }
    const isNewest = packetNumber > acks.largest;
    this.#lastReceivedAtMs = nowMs;
    this.#receivedPackets++;
    this.#receivedBytes += packetBytes;
    this.#finish = null;
    this.#termination.onPacketReceived();
    const end = start + packetBytes - TAG_BYTES;
    const isAckEliciting = this.#handleFrames(
      bytes,
      start + shortHeaderBytes(firstByte),
      end,
      nowMs,
    );
    if (isAckEliciting) this.#idle.onTalk();
    acks.onPacketReceived(packetNumber, nowMs, {
      isAckEliciting,
      isImmediate: asksForImmediateAck(firstByte),
    });
    if (isNewest && !isSameAddress(from, path.address)) {
      this.#onNewAddress(from, packetBytes, nowMs);
    }
  }

  /** The newest authentic packet came from elsewhere: the peer has moved, or its NAT forgot it. */
  #onNewAddress(from: Address, packetBytes: number, nowMs: number): void {
    if (this.role === "client" || !this.#termination.isEstablished) return;
    this.#migration.onNewAddress(from, packetBytes, nowMs);
  }

  /** Sets the deadlines anew after the packets of one datagram. */
  afterDatagram(nowMs: number): void {
    this.#clock.nowMs = nowMs;
    if (!this.#termination.isEstablished) return;
    // Forged packets prove nothing about the peer.
    if (this.#lastReceivedAtMs === nowMs) this.#idle.onHeard(nowMs);
    this.#parts.deadlines.set("ack", this.#parts.acks.deadlineMs);
    this.#recovery.setDeadline();
  }

  // ── Verb 2: a deadline passed ──────────────────────────────────────────────────────────────────

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#clock.nowMs = nowMs;
    // Each row at most once: one that is set to a moment gone by waits for the next call.
    for (let i = 0; i < DEADLINE_COUNT; i++) {
      const name = this.#parts.deadlines.takeExpired(nowMs);
      if (name === null) break;
      this.#onDeadline(name, nowMs);
    }
  }

  #onDeadline(name: DeadlineName, nowMs: number): void {
    switch (name) {
      case "ack":
      case "pacing":
      case "tail":
        // Nothing changes here: the next poll finds an acknowledgement or credit that is due.
        break;
      case "loss":
        this.#onLossTimeout(nowMs);
        break;
      case "idle":
        this.#termination.finish({ kind: "timed-out", code: 0, reason: "" });
        break;
      case "keepalive":
        if (this.#termination.isEstablished) this.#idle.onKeepalive(nowMs);
        break;
      case "close":
        this.#termination.onTimeout();
        break;
      case "path":
        this.#migration.onTimeout(nowMs);
        break;
      case "progress":
        this.#checkProgress(nowMs);
        break;
    }
  }

  #onLossTimeout(nowMs: number): void {
    if (!this.#termination.isEstablished) return;
    switch (this.#recovery.onTimeout(nowMs)) {
      case "loss":
        break;
      case "probe":
        this.#isFinishDue = true;
        if (this.#isForgotten(nowMs)) {
          this.#termination.finish({ kind: "timed-out", code: 0, reason: "" });
        }
        break;
      case "silence":
        this.#termination.finish({ kind: "timed-out", code: 0, reason: "" });
        break;
    }
  }

  /** The server has not answered the FINISH, and if that never came it has forgotten the handshake by now. */
  #isForgotten(nowMs: number): boolean {
    return this.#finish !== null && nowMs - this.#lastReceivedAtMs >= HALF_OPEN_LIFETIME_MS;
  }

  get #progressCheckMs(): number {
    return this.#parts.config.minProgressMs / PROGRESS_CHECKS;
  }

  /** Time in which the peer was not heard does not count: that is the network's doing. */
  #checkProgress(nowMs: number): void {
    const intervalMs = this.#progressCheckMs;
    this.#parts.deadlines.set("progress", nowMs + intervalMs);
    if (this.role !== "server" || nowMs - this.#lastReceivedAtMs > intervalMs) return;
    this.streams.endStalled(this.#parts.config.stalledStreamCode);
  }

  // ── Verb 3: what goes out ──────────────────────────────────────────────────────────────────────

  /**
   * Fills `batch` with the next packets for one address. False when nothing may go now; the deadline then
   * says when to ask again. Call it until it says false.
   */
  pollTransmit(batch: TransmitBatch, nowMs: number): boolean {
    batch.length = 0;
    batch.address = this.#parts.path.address;
    if (!this.#poll(batch, nowMs)) return false;
    this.#sentBytes += batch.length;
    return true;
  }

  #poll(batch: TransmitBatch, nowMs: number): boolean {
    if (!this.#termination.isEstablished) return this.#termination.poll(batch, nowMs);
    if (this.#isFinishDue && this.#finish !== null) {
      this.#isFinishDue = false;
      batch.buffer.set(this.#finish, 0);
      batch.segmentBytes = batch.length = this.#finish.length;
      return true;
    }
    if (this.#migration.poll(batch, nowMs)) return true;
    if (this.#finish === null && this.#mtuProbing.poll(batch, nowMs)) return true;
    return this.#batches.poll(batch, nowMs);
  }

  /** The local network refused a datagram of this size at once (EMSGSIZE). */
  onSendTooBig(sizeBytes: number, nowMs: number): void {
    const { path } = this.#parts;
    if (path.mtu.onTooBig(sizeBytes, nowMs)) path.onMtuChanged();
  }

  /** The local network refuses this address altogether. */
  onSendRefused(): void {
    this.#termination.finish({ kind: "send-refused", code: 0, reason: "" });
  }

  /** Ends the connection without a word to the peer. */
  abandon(end: ConnectionEnd): void {
    this.#termination.finish(end);
  }

  // ── Receiving ──────────────────────────────────────────────────────────────────────────────────

  #handleFrames(bytes: Uint8Array, start: number, end: number, nowMs: number): boolean {
    const context = { source: bytes, clock: this.#clockAt(nowMs) };
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
        if (!this.#termination.isEstablished && frame.kind !== "connection-close") continue;
        if (dispatchFrame(frame, this.#targets, context)) isAckEliciting = true;
      }
    } catch (error) {
      this.#onPeerError(error, nowMs);
    }
    return isAckEliciting;
  }

  #onPeerError(error: unknown, nowMs: number): void {
    const { code, reason } = error instanceof TransportError
      ? { code: error.code, reason: error.message }
      : error instanceof FrameEncodingError
      ? { code: TRANSPORT_ERROR_CODES.FRAME_ENCODING_ERROR, reason: error.message }
      : { code: -1, reason: "" };
    if (code < 0) throw error;
    this.#termination.close(
      { kind: "protocol-error", code, reason: `${transportErrorName(code)}: ${reason}` },
      {
        kind: "connection-close",
        isApplication: false,
        code,
        reason,
      },
      nowMs,
    );
  }

  #onFailedOpen(nowMs: number): void {
    if (!this.#parts.protection.isIntegrityLimitReached) return;
    this.#onPeerError(new TransportError("AEAD_LIMIT_REACHED", "Too many forged packets"), nowMs);
  }

  #frameTargets(): FrameTargets {
    return {
      streams: this.streams,
      acks: this.#parts.acks,
      onAck: (ack, nowMs) => this.#recovery.onAck(ack, nowMs),
      onPathChallenge: (token) => this.#parts.transient.pushPathResponse(token),
      onPathResponse: (token, nowMs) => this.#migration.onPathResponse(token, nowMs),
      onConnectionClose: (close, nowMs) => this.#termination.onConnectionClose(close, nowMs),
      onHandshakeDone: () => {
        this.#finish = null;
      },
    };
  }

  #clockAt(nowMs: number): WindowClock {
    this.#clock.nowMs = nowMs;
    this.#clock.rttMs = this.#parts.path.rtt.smoothedMs;
    return this.#clock;
  }
}
