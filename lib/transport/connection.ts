/**
 * The conductor of one established connection: four verbs, and the parts called in the RFCs' order.
 *
 * The parts return decisions and never call back; what they decide is applied here. See `lib/README.md`
 * for the driving contract.
 *
 * @module
 */
import { assertNever } from "../bytes/invariant.ts";
import type { SendTimes } from "../bytes/send_times.ts";
import { TRANSPORT_ERROR_CODES } from "../wire/error_code.ts";
import { BatchBuilder } from "./batch_builder.ts";
import { ClientFinish } from "./client_finish.ts";
import { DEADLINE_COUNT, type DeadlineName } from "./connection_deadlines.ts";
import { ConnectionMigration } from "./connection_migration.ts";
import {
  type ConnectionOptions,
  type ConnectionParts,
  createConnectionParts,
} from "./connection_parts.ts";
import type { ConnectionState } from "./connection_state.ts";
import { type ConnectionStats, connectionStats } from "./connection_stats.ts";
import { ConnectionTermination } from "./connection_termination.ts";
import type { HandshakeResult } from "./handshake.ts";
import { IdleTimeout } from "./idle_timeout.ts";
import { LossRecovery } from "./loss_recovery.ts";
import { MtuProbing } from "./mtu_probing.ts";
import { PacketIntake } from "./packet_intake.ts";
import type { Address } from "./path.ts";
import { receivePatienceMs } from "./receive_patience.ts";
import { SendBudget } from "./send_budget.ts";
import { PROGRESS_CHECKS } from "./streams/stalled_stream.ts";
import type { StreamLayer } from "./streams/stream_layer.ts";
import type { StreamEntry } from "./streams/stream_map.ts";
import type { TransmitBatch } from "./transmit_batch.ts";
import type { ConnectionEnd } from "./transport_error.ts";
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
  readonly #finish: ClientFinish;
  readonly #intake: PacketIntake;
  #nowMs = 0;
  #sentBytes = 0;

  /** Makes the connection; the server's first act is to confirm the handshake. */
  constructor(options: ConnectionOptions) {
    const { role, handshake, config, nowMs } = options;
    const parts = createConnectionParts(options);
    this.role = role;
    this.handshake = handshake;
    this.events = parts.events;
    this.streams = parts.streams;
    this.#parts = parts;
    this.#finish = new ClientFinish(options.finish);
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
    this.#intake = new PacketIntake(parts, {
      recovery,
      migration: this.#migration,
      termination: this.#termination,
      idle: this.#idle,
      finish: this.#finish,
    }, { role, nowMs });
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
    this.#nowMs = nowMs;
    this.streams.consume(stream, length);
  }

  /** Asks the peer to stop sending on a stream. */
  stop(stream: StreamEntry, code: number, nowMs: number): void {
    this.#nowMs = nowMs;
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
    const { packets, bytes, replayedPackets, lastAtMs } = this.#intake;
    return connectionStats(this.#parts, {
      sentBytes: this.#sentBytes,
      receivedPackets: packets,
      receivedBytes: bytes,
      replayedPackets,
      silentMs: this.#nowMs - lastAtMs,
    });
  }

  /** When the newest packet of the peer came, ms. */
  get lastReceivedAtMs(): number {
    return this.#intake.lastAtMs;
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
    this.#intake.handle(bytes, packet, from, nowMs);
  }

  /** Sets the deadlines anew after the packets of one datagram. */
  afterDatagram(nowMs: number): void {
    this.#nowMs = nowMs;
    if (!this.#termination.isEstablished) return;
    // Forged packets prove nothing about the peer.
    if (this.#intake.lastAtMs === nowMs) this.#idle.onHeard(nowMs);
    this.#parts.deadlines.set("ack", this.#parts.acks.deadlineMs);
    this.#recovery.setDeadline();
  }

  // ── Verb 2: a deadline passed ──────────────────────────────────────────────────────────────────

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
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
      default:
        assertNever(name);
    }
  }

  #onLossTimeout(nowMs: number): void {
    if (!this.#termination.isEstablished) return;
    switch (this.#recovery.onTimeout(nowMs)) {
      case "loss":
        break;
      case "probe":
        this.#finish.onProbe();
        if (this.#finish.isForgotten(nowMs - this.#intake.lastAtMs)) {
          this.#termination.finish({ kind: "timed-out", code: 0, reason: "" });
        }
        break;
      case "silence":
        this.#termination.finish({ kind: "timed-out", code: 0, reason: "" });
        break;
    }
  }

  get #progressCheckMs(): number {
    return this.#parts.config.minProgressMs / PROGRESS_CHECKS;
  }

  /** Time in which the peer was not heard does not count: that is the network's doing. */
  #checkProgress(nowMs: number): void {
    const intervalMs = this.#progressCheckMs;
    this.#parts.deadlines.set("progress", nowMs + intervalMs);
    if (this.role !== "server" || nowMs - this.#intake.lastAtMs > intervalMs) return;
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
    if (this.#finish.poll(batch)) return true;
    if (this.#migration.poll(batch, nowMs)) return true;
    if (!this.#finish.isUnanswered && this.#mtuProbing.poll(batch, nowMs)) return true;
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
}
