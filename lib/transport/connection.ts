/**
 * The conductor of one established connection: four verbs, and the parts called in the RFCs' order.
 *
 * The parts return decisions and never call back; what they decide is applied here. See `lib/README.md`
 * for the driving contract.
 *
 * @module
 */
import { DeadlineTable } from "../collections/deadline_table.ts";
import { type AeadProvider, type Entropy, TAG_BYTES } from "../crypto/mod.ts";
import type { AckFrame } from "../wire/ack_frame.ts";
import { TRANSPORT_ERROR_CODES, transportErrorName } from "../wire/error_code.ts";
import { FrameEncodingError, FrameReader, type TransientFrame } from "../wire/frame.ts";
import {
  asksForImmediateAck,
  decodePacketNumber,
  readTruncatedPacketNumber,
  SHORT_HEADER_BYTES,
} from "../wire/packet_header.ts";
import { AckFrequencyChooser } from "./ack_frequency.ts";
import { AckTracker } from "./ack_tracker.ts";
import { isUsableSource } from "./address_filter.ts";
import { type ConnectionState, transition } from "./connection_state.ts";
import type { ConnectionStats } from "./connection_stats.ts";
import {
  BASE_DATAGRAM_BYTES,
  BLACKOUT_PROBES,
  CLOSE_COPIES,
  CLOSING_PTOS,
  DEFAULT_MAX_ACK_DELAY_MS,
  KEEPALIVE_MS,
  MAX_BATCH_BYTES,
  MAX_BATCH_PACKETS,
} from "./constants.ts";
import { ControlQueue } from "./control_queue.ts";
import { dispatchFrame, type FrameTargets } from "./frame_dispatch.ts";
import type { HandshakeResult } from "./handshake.ts";
import { type AckOutcome, LossDetection } from "./loss_detection.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import { PacketBuilder, type PacketPlan } from "./packet_builder.ts";
import { PacketFate } from "./packet_fate.ts";
import { PacketProtection } from "./packet_protection.ts";
import { type Address, isSameAddress, Path } from "./path.ts";
import { PathValidation } from "./path_validation.ts";
import { emptyAckSample, emptyLossSample } from "./samples.ts";
import { SendLimits, type SendTimes } from "./send_limits.ts";
import { PROGRESS_CHECKS, StreamLayer, type WindowClock } from "./streams/stream_layer.ts";
import type { StreamEntry } from "./streams/stream_map.ts";
import { TailRepetition } from "./tail_repetition.ts";
import type { TransmitBatch } from "./transmit_batch.ts";
import type { TransportConfig } from "./transport_config.ts";
import { type ConnectionEnd, TransportError } from "./transport_error.ts";
import type { TransportEvent } from "./transport_event.ts";

/** What a connection is made from, once the handshake is over. */
export interface ConnectionOptions {
  /** Which side we are. */
  readonly role: "client" | "server";
  /** The peer's address. */
  readonly address: Address;
  /** Our settings. */
  readonly config: TransportConfig;
  /** What the handshake gave. */
  readonly handshake: HandshakeResult;
  /** The client's FINISH, sent until the server confirms; null at the server. */
  readonly finish: Uint8Array | null;
  /** Seals and opens. */
  readonly aead: AeadProvider;
  /** Random bytes: path challenges. */
  readonly entropy: Entropy;
  /** Random numbers in [0, 1): congestion control. */
  readonly random: () => number;
  /** Memory shared with other connections. */
  readonly memory?: MemoryBudget;
  /** Largest UDP payload that may be tried on this path. */
  readonly maxDatagramBytes: number;
  /** Largest one that the system does not cut into fragments unseen; without it none is. */
  readonly wholeDatagramBytes?: number;
  /** Now, ms. */
  readonly nowMs: number;
}

const DEADLINES = [
  "ack",
  "loss",
  "pacing",
  "tail",
  "idle",
  "keepalive",
  "close",
  "path",
  "progress",
] as const;
type DeadlineName = typeof DEADLINES[number];

/** Challenges of the peer that wait for their answer; older ones are forgotten. RFC 9000 §21.9. */
const MAX_PATH_RESPONSES = 4;
/** Packets until a number is left out; later ones come more and more seldom. */
const FIRST_SKIP_PACKETS = 256;
const MAX_SKIP_PACKETS = 65_536;
/** A peer with a very short idle timeout is not asked more often than this. */
const MIN_KEEPALIVE_MS = 1000;
/** Only a local network answers this soon, and it is known by so many packets for each that is lost. */
const FRAGMENTS_BELOW_RTT_MS = 2;
const FRAGMENTS_AFTER_PACKETS = 1000;
/** What a closing packet carries besides, stream frames with their headers, and the packets looked at for it. */
const LAST_WORDS_BYTES = 600;
const LAST_WORDS_PACKETS = 8;
/** Packets that one probe timeout repeats, RFC 9002 §6.2.4; one is enough to find the end of a blackout. */
const PROBE_PACKETS = 2;

/** One established connection. */
export class Connection {
  /** Which side we are. */
  readonly role: "client" | "server";
  /** What the handshake agreed on: IDs, keys' suite, the peer's identity and parameters. */
  readonly handshake: HandshakeResult;
  /** What happened, oldest first; the driver takes events out. */
  readonly events: TransportEvent[] = [];
  /** The streams. */
  readonly streams: StreamLayer;

  readonly #config: TransportConfig;
  readonly #path: Path;
  readonly #acks = new AckTracker();
  readonly #ackFrequency = new AckFrequencyChooser();
  readonly #control = new ControlQueue();
  readonly #loss: LossDetection;
  readonly #protection: PacketProtection;
  readonly #builder: PacketBuilder;
  readonly #fate: PacketFate;
  readonly #validation: PathValidation;
  readonly #tail = new TailRepetition();
  readonly #deadlines = new DeadlineTable<DeadlineName>(DEADLINES);
  readonly #frames = new FrameReader();
  readonly #targets: FrameTargets;
  readonly #ackSample = emptyAckSample();
  readonly #lossSample = emptyLossSample();
  readonly #idleTimeoutMs: number;
  readonly #keepaliveMs: number;
  readonly #maxAckDelayMs = DEFAULT_MAX_ACK_DELAY_MS;

  readonly #random: () => number;
  #skipPackets = FIRST_SKIP_PACKETS / 2;
  #skipAtPacket = 0;
  #state: ConnectionState = { kind: "established" };
  #finish: Uint8Array | null;
  #isFinishDue: boolean;
  #transient: TransientFrame[] = [];
  #probesDue = 0;
  #closeCopiesDue = 0;
  #closeFrame: TransientFrame | null = null;
  #hasLastWords = false;
  readonly #limits: SendLimits;
  #isAppLimited = true;
  #lastProgressAtMs = -Infinity;
  #lastReceivedAtMs: number;
  #clock = { nowMs: 0, rttMs: 0 };
  #receivedPackets = 0;
  #receivedBytes = 0;
  #sentBytes = 0;
  #replayedPackets = 0;

  /** Makes the connection; the server's first act is to confirm the handshake. */
  constructor(options: ConnectionOptions) {
    const { handshake, config, nowMs } = options;
    const peer = handshake.peerParameters;
    this.role = options.role;
    this.handshake = handshake;
    this.#config = config;
    this.#random = options.random;
    this.#limits = new SendLimits(nowMs);
    this.#finish = options.finish;
    this.#isFinishDue = options.finish !== null;
    this.#lastReceivedAtMs = nowMs;
    this.#path = new Path({
      address: options.address,
      congestion: config.congestion,
      isPolite: config.isPolite,
      maxRateBytesPerSecond: config.maxRateBytesPerSecond,
      random: options.random,
      maxDatagramBytes: Math.min(options.maxDatagramBytes, peer.maxUdpPayloadBytes),
      wholeDatagramBytes: options.wholeDatagramBytes ?? Infinity,
      maxBurstBytes: peer.receiveBufferBytes / 3,
      receiveBufferBytes: peer.receiveBufferBytes,
    });
    if (!Number.isNaN(handshake.rttMs)) {
      // The server cannot tell whether the FINISH was sent more than once.
      if (options.role === "client") this.#path.rtt.onSample(handshake.rttMs, 0);
      else this.#path.rtt.assume(handshake.rttMs);
    }
    this.#loss = new LossDetection(this.#path.rtt, this.#path.sampler);
    this.#protection = new PacketProtection(options.aead, handshake, {
      updateAfterPackets: config.keyUpdatePackets,
    });
    this.streams = new StreamLayer({
      role: options.role,
      config,
      peer,
      control: this.#control,
      events: this.events,
      ...(options.memory === undefined ? {} : { memory: options.memory }),
    });
    this.#builder = new PacketBuilder({
      remoteId: handshake.remoteId,
      acks: this.#acks,
      control: this.#control,
      streams: this.streams,
      loss: this.#loss,
      protection: this.#protection,
    });
    this.#fate = new PacketFate({
      loss: this.#loss,
      streams: this.streams,
      control: this.#control,
      builder: this.#builder,
      protection: this.#protection,
      path: this.#path,
    });
    this.#validation = new PathValidation(options.entropy);
    const idleMs = Math.min(config.maxIdleTimeoutMs, peer.maxIdleTimeoutMs || Infinity);
    this.#idleTimeoutMs = idleMs;
    this.#keepaliveMs = Math.min(KEEPALIVE_MS, Math.max(idleMs / 3, MIN_KEEPALIVE_MS));
    this.#targets = this.#frameTargets();
    if (options.role === "server") this.#control.push({ kind: "handshake-done" });
    this.#deadlines.set("idle", nowMs + this.#idleTimeoutMs);
    if (options.role === "client") {
      this.#deadlines.set("keepalive", nowMs + this.#keepaliveMs);
      // The FINISH is said again with the probes, so something must wait for its acknowledgement.
      this.#pushPing();
    }
    this.#deadlines.set("progress", nowMs + this.#progressCheckMs);
  }

  /** The peer's present address. */
  get address(): Address {
    return this.#path.address;
  }

  /** The state's name. */
  get stateName(): ConnectionState["kind"] {
    return this.#state.kind;
  }

  /** When `handleTimeout` must be called next; Infinity when nothing waits. */
  get deadlineMs(): number {
    return this.#deadlines.earliestMs;
  }

  /** When pacing lets the next packets go, if they must not be late; Infinity otherwise. */
  get precisePacingMs(): number {
    return this.#path.needsPrecisePacing ? this.#deadlines.at("pacing") : Infinity;
  }

  /** Why the connection ended, or null while it lives. */
  get end(): ConnectionEnd | null {
    return this.#state.kind === "established" ? null : this.#state.end;
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
    return this.streams.closingBytes <= LAST_WORDS_BYTES;
  }

  /** Closes the connection; what was not acknowledged is abandoned unless it {@linkcode fitsInClose}. */
  close(code: number, reason: string, nowMs: number): void {
    this.#hasLastWords = this.fitsInClose;
    this.#close({ kind: "closed", code, reason }, {
      kind: "connection-close",
      isApplication: true,
      code,
      reason,
    }, nowMs);
  }

  /** Asks the peer for a sign of life. */
  ping(): void {
    if (this.#state.kind === "established") this.#pushPing();
  }

  /** Control frames that wait or travel, and answers that are owed: bounded whatever the peer sends. */
  get pendingFrames(): number {
    return this.#control.size + this.#transient.length;
  }

  /** Caps the sending rate, bytes per second; Infinity lifts the cap. */
  setMaxRate(bytesPerSecond: number): void {
    this.#path.cap.set(bytesPerSecond);
    this.streams.onRate(this.#path.rateBytesPerSecond);
  }

  /** Switches background mode; what is known of the path stays. */
  setPolite(wanted: boolean): void {
    this.#path.setPolite(wanted);
  }

  /** What held sending back, up to now. */
  sendTimes(nowMs: number): SendTimes {
    return this.#limits.times(nowMs);
  }

  /** Figures for people. */
  stats(): ConnectionStats {
    const { rtt, controller, mtu, sampler } = this.#path;
    return {
      rttMs: rtt.smoothedMs,
      minRttMs: rtt.minMs,
      sentPackets: this.#loss.sentPackets,
      lostPackets: this.#loss.lostPackets,
      sentBytes: this.#sentBytes,
      receivedPackets: this.#receivedPackets,
      receivedBytes: this.#receivedBytes,
      deliveredBytes: sampler.deliveredBytes,
      windowBytes: controller.windowBytes,
      inFlightBytes: this.#loss.inFlightBytes,
      pacingRateBytesPerSecond: controller.pacingRateBytesPerSecond,
      bandwidthBytesPerSecond: controller.bandwidthBytesPerSecond,
      maxRateBytesPerSecond: this.#path.cap.bytesPerSecond,
      isPolite: this.#path.isPolite,
      datagramBytes: mtu.datagramBytes,
      controller: controller.name,
      controllerState: controller.stateName,
      suite: this.#protection.suite,
      aeadProvider: this.#protection.providerName,
      failedOpens: this.#protection.failedOpens,
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
    return this.#loss.hasOutstanding();
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
    const { start, packetBytes } = packet;
    if (this.#state.kind === "draining" || this.#state.kind === "closed") return;
    const truncated = readTruncatedPacketNumber(bytes, start);
    const packetNumber = decodePacketNumber(this.#acks.largest, truncated);
    if (this.#acks.isReplay(packetNumber)) {
      this.#replayedPackets++;
      return;
    }
    const firstByte = bytes[start]!;
    if (!this.#protection.open(bytes, start, packetBytes, packetNumber)) {
      this.#onFailedOpen(nowMs);
      return;
    }
    const isNewest = packetNumber > this.#acks.largest;
    this.#lastReceivedAtMs = nowMs;
    this.#receivedPackets++;
    this.#receivedBytes += packetBytes;
    this.#finish = null;
    if (this.#state.kind === "closing") {
      this.#closeCopiesDue = 1;
    }
    const end = start + packetBytes - TAG_BYTES;
    const isAckEliciting = this.#handleFrames(bytes, start + SHORT_HEADER_BYTES, end, nowMs);
    this.#acks.onPacketReceived(packetNumber, nowMs, {
      isAckEliciting,
      isImmediate: asksForImmediateAck(firstByte),
    });
    if (isNewest && !isSameAddress(from, this.#path.address)) {
      this.#onNewAddress(from, packetBytes, nowMs);
    }
  }

  /** Sets the deadlines anew after the packets of one datagram. */
  afterDatagram(nowMs: number): void {
    this.#clock.nowMs = nowMs;
    if (this.#state.kind !== "established") return;
    // Forged packets prove nothing about the peer.
    if (this.#lastReceivedAtMs === nowMs) {
      this.#deadlines.set("idle", nowMs + this.#idleTimeoutMs);
      if (this.role === "client") this.#deadlines.set("keepalive", nowMs + this.#keepaliveMs);
    }
    this.#deadlines.set("ack", this.#acks.deadlineMs);
    this.#setLossDeadline();
  }

  // ── Verb 2: a deadline passed ──────────────────────────────────────────────────────────────────

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#clock.nowMs = nowMs;
    // Each row at most once: one that is set to a moment gone by waits for the next call.
    for (let i = 0; i < DEADLINES.length; i++) {
      const name = this.#deadlines.takeExpired(nowMs);
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
        this.#onLossDetectionTimeout(nowMs);
        break;
      case "idle":
        this.#finishClosed({ kind: "timed-out", code: 0, reason: "" });
        break;
      case "keepalive":
        if (this.#state.kind !== "established") break;
        this.#pushPing();
        this.#deadlines.set("keepalive", nowMs + this.#keepaliveMs);
        break;
      case "close":
        if (this.#state.kind !== "established") this.#finishClosed(this.#state.end);
        break;
      case "path":
        this.#validation.onTimeout(nowMs, this.#path.rtt.ptoMs(this.#maxAckDelayMs));
        this.#deadlines.set("path", this.#validation.deadlineMs);
        break;
      case "progress":
        this.#checkProgress(nowMs);
        break;
    }
  }

  // ── Verb 3: what goes out ──────────────────────────────────────────────────────────────────────

  /**
   * Fills `batch` with the next packets for one address. False when nothing may go now; the deadline then
   * says when to ask again. Call it until it says false.
   */
  pollTransmit(batch: TransmitBatch, nowMs: number): boolean {
    batch.length = 0;
    batch.address = this.#path.address;
    if (this.#state.kind === "closing") return this.#pollClose(batch, nowMs);
    if (this.#state.kind !== "established") return false;
    if (this.#isFinishDue && this.#finish !== null) {
      this.#isFinishDue = false;
      batch.buffer.set(this.#finish, 0);
      batch.segmentBytes = batch.length = this.#finish.length;
      this.#sentBytes += batch.length;
      return true;
    }
    if (this.#pollPathValidation(batch, nowMs)) return true;
    if (this.#pollMtuProbe(batch, nowMs)) return true;
    return this.#pollPackets(batch, nowMs);
  }

  /** The local network refused a datagram of this size at once (EMSGSIZE). */
  onSendTooBig(sizeBytes: number, nowMs: number): void {
    if (this.#path.mtu.onTooBig(sizeBytes, nowMs)) this.#path.onMtuChanged();
  }

  /** The local network refuses this address altogether. */
  onSendRefused(): void {
    this.#finishClosed({ kind: "send-refused", code: 0, reason: "" });
  }

  /** Ends the connection without a word to the peer. */
  abandon(end: ConnectionEnd): void {
    this.#finishClosed(end);
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
        if (this.#state.kind !== "established" && frame.kind !== "connection-close") continue;
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
    this.#close(
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
    if (!this.#protection.isIntegrityLimitReached) return;
    this.#onPeerError(new TransportError("AEAD_LIMIT_REACHED", "Too many forged packets"), nowMs);
  }

  #frameTargets(): FrameTargets {
    return {
      streams: this.streams,
      acks: this.#acks,
      onAck: (ack, nowMs) => this.#onAck(ack, nowMs),
      onPathChallenge: (token) => this.#onPathChallenge(token),
      onPathResponse: (token, nowMs) => this.#onPathResponse(token, nowMs),
      onConnectionClose: (close, nowMs) => this.#onConnectionClose(close, nowMs),
      onHandshakeDone: () => {
        this.#finish = null;
      },
    };
  }

  #onAck(ack: AckFrame, nowMs: number): void {
    const { rtt, controller, sampler } = this.#path;
    const priorInFlightBytes = this.#loss.inFlightBytes;
    const outcome = this.#loss.onAckReceived(ack, nowMs);
    const ackDelayMs = Math.min(ack.delayUs / 1000, this.#ackFrequency.maxAckDelayMs);
    if (!Number.isNaN(outcome.rttSampleMs)) rtt.onSample(outcome.rttSampleMs, ackDelayMs);
    if (outcome.acked.length === 0 && outcome.spurious.length === 0) return;
    if (outcome.probesBefore >= BLACKOUT_PROBES) {
      controller.onBlackoutEnd(nowMs - this.#lastProgressAtMs, nowMs);
    }
    this.#lastProgressAtMs = nowMs;
    this.#loss.detectAndRemoveLostPackets(nowMs);
    this.#fate.onAcked(outcome.acked, nowMs);
    this.#fate.onAcked(outcome.spurious, nowMs);
    this.#applyLost(outcome, nowMs);
    if (outcome.spurious.length > 0) {
      controller.onSpuriousLoss(outcome.spurious.length, outcome.spuriousBytes, nowMs);
    }
    const sample = this.#ackSample;
    sample.minRttMs = rtt.minMs;
    sample.priorInFlightBytes = priorInFlightBytes;
    sample.inFlightBytes = this.#loss.inFlightBytes;
    sample.rttMs = outcome.rttSampleMs;
    sample.smoothedRttMs = rtt.smoothedMs;
    sample.isWindowLimited = !this.#isAppLimited;
    sample.ackDelayMs = ackDelayMs;
    if (sampler.fillAckSample(sample, nowMs)) controller.onAck(sample);
    this.#afterControllerChange(priorInFlightBytes);
  }

  #applyLost(outcome: AckOutcome, nowMs: number): void {
    this.#fate.onLost(outcome.lost, nowMs);
    const { controller, sampler, rtt } = this.#path;
    const sample = this.#lossSample;
    sample.inFlightBytes = this.#loss.inFlightBytes;
    sample.smoothedRttMs = rtt.smoothedMs;
    if (sampler.fillLossSample(sample, nowMs)) controller.onLoss(sample);
  }

  #onConnectionClose(
    close: { isApplication: boolean; code: number; reason: string },
    nowMs: number,
  ): void {
    if (this.#state.kind !== "established" && this.#state.kind !== "closing") return;
    const end: ConnectionEnd = this.#state.kind === "closing" ? this.#state.end : {
      kind: close.isApplication ? "closed-by-peer" : "error-by-peer",
      code: close.code,
      reason: close.reason,
    };
    const untilMs = nowMs + CLOSING_PTOS * this.#path.rtt.ptoMs(this.#maxAckDelayMs);
    const wasEstablished = this.#state.kind === "established";
    this.#state = transition(this.#state, { kind: "draining", end, untilMs });
    this.#deadlines.clearAll();
    this.#deadlines.set("close", untilMs);
    if (wasEstablished) this.#reportEnd(end);
  }

  // ── Timers ─────────────────────────────────────────────────────────────────────────────────────

  get #progressCheckMs(): number {
    return this.#config.minProgressMs / PROGRESS_CHECKS;
  }

  /** Time in which the peer was not heard does not count: that is the network's doing. */
  #checkProgress(nowMs: number): void {
    const intervalMs = this.#progressCheckMs;
    this.#deadlines.set("progress", nowMs + intervalMs);
    if (this.role !== "server" || nowMs - this.#lastReceivedAtMs > intervalMs) return;
    this.streams.endStalled(this.#config.stalledStreamCode);
  }

  #pushPing(): void {
    if (!this.#transient.some(({ kind }) => kind === "ping")) {
      this.#transient.push({ kind: "ping" });
    }
  }

  #onPathChallenge(token: Uint8Array): void {
    const responses = this.#transient.filter(({ kind }) => kind === "path-response");
    if (responses.length >= MAX_PATH_RESPONSES) {
      this.#transient.splice(this.#transient.indexOf(responses[0]!), 1);
    }
    this.#transient.push({ kind: "path-response", token });
  }

  #setLossDeadline(): void {
    this.#deadlines.set("loss", this.#loss.deadlineMs(this.#ackFrequency.maxAckDelayMs));
  }

  /** RFC 9002 §A.9. */
  #onLossDetectionTimeout(nowMs: number): void {
    if (this.#state.kind !== "established") return;
    if (this.#loss.isLossTimerSet) {
      const { inFlightBytes } = this.#loss;
      this.#loss.beginTimeout();
      this.#applyLost(this.#loss.detectAndRemoveLostPackets(nowMs), nowMs);
      this.#afterControllerChange(inFlightBytes);
    } else if (this.#isPeerSilent(nowMs)) {
      this.#finishClosed({ kind: "timed-out", code: 0, reason: "" });
      return;
    } else {
      this.#loss.onProbeTimeout(nowMs);
      this.#isFinishDue = true;
      this.#probesDue = this.#loss.ptoCount > BLACKOUT_PROBES ? 1 : PROBE_PACKETS;
      this.#fate.repeatOldest(this.#probesDue);
      if (!this.#control.hasWaiting && !this.streams.hasPending()) this.#pushPing();
    }
    this.#setLossDeadline();
  }

  /**
   * Packets have been waiting for an acknowledgement for the silence timeout. A peer that talks all the time
   * but acknowledges nothing would keep us sending for ever, so only acknowledgements count.
   */
  #isPeerSilent(nowMs: number): boolean {
    const { ring, oldestOutstanding } = this.#loss;
    const waitingSinceMs = ring.sentAtMs[ring.slot(oldestOutstanding)]!;
    const unansweredSinceMs = Math.max(this.#lastProgressAtMs, waitingSinceMs);
    return nowMs - unansweredSinceMs >= this.#config.silenceTimeoutMs;
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────────

  #pollPackets(batch: TransmitBatch, nowMs: number): boolean {
    const { controller, pacer } = this.#path;
    const isProbe = this.#probesDue > 0;
    // A probe must get through where large packets have ceased to: only then is their loss noticed.
    const segmentBytes = isProbe ? BASE_DATAGRAM_BYTES : this.#path.segmentBytes;
    let budgetBytes = this.#sendBudgetBytes(segmentBytes, nowMs);
    if (isProbe) budgetBytes = Math.max(budgetBytes, segmentBytes * this.#probesDue);
    const isAckDue = this.#acks.isDue(nowMs);
    const mayCarryData = budgetBytes > 0;
    if (!isAckDue && !mayCarryData) return false;
    if (!isAckDue && !this.#hasSomethingToSend()) return false;
    if (this.#loss.nextPacketNumber >= this.#skipAtPacket) this.#skipPacketNumber();
    this.#protection.updateIfDue(this.#loss.nextPacketNumber);
    const plan: PacketPlan = {
      limitBytes: segmentBytes,
      mayCarryData,
      mayCarryControl: mayCarryData || this.#path.isHeldByCap,
      transient: this.#transient,
      isMtuProbe: false,
      asksForAckAtEnd: true,
    };
    const maxPackets = Math.max(
      1,
      Math.min(
        MAX_BATCH_PACKETS,
        Math.floor(MAX_BATCH_BYTES / segmentBytes),
        Math.floor(budgetBytes / segmentBytes),
      ),
    );
    const inFlightBefore = this.#loss.inFlightBytes;
    const newBytesBefore = this.streams.sentBytes;
    let length = 0;
    for (let i = 0; i < maxPackets; i++) {
      const size = this.#builder.build(batch.buffer, length, plan, nowMs);
      if (this.#transient.length > 0) this.#transient.length = 0;
      length += size;
      if (size < segmentBytes) break;
    }
    if (length === 0) return false;
    if (isProbe) this.#probesDue = Math.max(0, this.#probesDue - Math.ceil(length / segmentBytes));
    batch.length = length;
    batch.segmentBytes = Math.min(segmentBytes, length);
    this.#sentBytes += length;
    this.#path.cap.onSent(length);
    this.#limits.enter("busy", nowMs);
    this.streams.rotate();
    if (this.streams.sentBytes > newBytesBefore) this.#tail.onNewData(this.#loss.ring);
    const inFlightBytes = this.#loss.inFlightBytes;
    if (inFlightBytes > inFlightBefore) {
      pacer.onSent(inFlightBytes - inFlightBefore);
      controller.onPacketSent(inFlightBytes - inFlightBefore, inFlightBytes, nowMs);
      this.#setLossDeadline();
    }
    this.#deadlines.set("ack", this.#acks.deadlineMs);
    return true;
  }

  /** Catches a peer that acknowledges packets before it has them, to be sent more than its path takes. */
  #skipPacketNumber(): void {
    const next = this.#loss.nextPacketNumber;
    if (next > 0) this.#loss.skipPacketNumber();
    this.#skipPackets = Math.min(this.#skipPackets * 2, MAX_SKIP_PACKETS);
    this.#skipAtPacket = next + Math.floor(this.#skipPackets * (0.5 + this.#random()));
  }

  /** Bytes that congestion control and pacing let go now; sets the pacing deadline when it is too early. */
  #sendBudgetBytes(segmentBytes: number, nowMs: number): number {
    const { controller, sampler } = this.#path;
    if (this.#deadlines.at("pacing") !== Infinity) this.#deadlines.clear("pacing");
    const { inFlightBytes } = this.#loss;
    const roomBytes = this.#path.windowBytes - inFlightBytes;
    if (roomBytes < segmentBytes && inFlightBytes > 0) {
      this.#isAppLimited = false;
      this.#limits.enter(controller.isBoundByLoss ? "loss" : "path", nowMs);
      return 0;
    }
    if (!this.#hasSomethingToSend() && !this.#repeatTail(segmentBytes, nowMs)) {
      if (!this.#isAppLimited || !sampler.isAppLimited) {
        this.#isAppLimited = true;
        sampler.onAppLimited(inFlightBytes);
        controller.onAppLimited(nowMs);
      }
      this.#limits.enter(this.streams.isBlockedByPeer ? "peer" : "idle", nowMs);
      return segmentBytes;
    }
    const allowance = this.#path.pacingAllowanceBytes(nowMs);
    // The cap is to the controller what an application is that has nothing to send.
    this.#isAppLimited = this.#path.isCapTheLimit;
    if (this.#isAppLimited) sampler.onAppLimited(inFlightBytes);
    if (allowance === 0) {
      const dueAtMs = this.#path.nextSendMs();
      this.#deadlines.set("pacing", dueAtMs);
      const isLossy = controller.isBoundByLoss;
      const limit = this.#path.isHeldByCap ? "cap" : isLossy ? "loss" : "path";
      this.#limits.enter(limit, nowMs, dueAtMs);
      return 0;
    }
    return Math.max(segmentBytes, Math.min(roomBytes, allowance));
  }

  /** Nothing is left to send: repeats what left half a round trip ago, if this path loses packets. */
  #repeatTail(segmentBytes: number, nowMs: number): boolean {
    const { ring, oldestOutstanding, lostPackets } = this.#loss;
    this.#deadlines.clear("tail");
    if (lostPackets === 0 || !this.streams.isEnding) return false;
    const { controller, rtt } = this.#path;
    const packets = this.#tail.choose(ring, oldestOutstanding, {
      count: Math.max(1, Math.floor(controller.sendQuantumBytes / segmentBytes)),
      nowMs,
      smoothedRttMs: rtt.smoothedMs,
    });
    this.#fate.repeat(packets);
    this.#deadlines.set("tail", this.#tail.deadlineMs);
    return packets.length > 0;
  }

  #hasSomethingToSend(): boolean {
    return this.#control.hasWaiting || this.#transient.length > 0 || this.streams.hasPending();
  }

  #pollMtuProbe(batch: TransmitBatch, nowMs: number): boolean {
    const { mtu } = this.#path;
    const probeBytes = mtu.probeDueBytes(nowMs);
    if (probeBytes > mtu.wholeBytes && !this.#mayBeFragmented()) return false;
    if (this.#path.cap.datagramLimit(probeBytes) < probeBytes) return false;
    // Only while data flows: an idle connection has no use for larger packets.
    if (probeBytes === 0 || this.#finish !== null || !this.#loss.hasOutstanding()) return false;
    mtu.onProbeSent();
    const size = this.#builder.build(batch.buffer, 0, {
      limitBytes: probeBytes,
      mayCarryData: false,
      transient: [{ kind: "ping" }],
      isMtuProbe: true,
      asksForAckAtEnd: false,
    }, nowMs);
    batch.length = batch.segmentBytes = size;
    this.#sentBytes += size;
    this.#path.cap.onSent(size);
    this.#setLossDeadline();
    return true;
  }

  /** On a short path without loss, as a local network is, fragments do no harm. */
  #mayBeFragmented(): boolean {
    const { lostPackets, sentPackets } = this.#loss;
    return this.#path.rtt.minMs < FRAGMENTS_BELOW_RTT_MS &&
      sentPackets >= FRAGMENTS_AFTER_PACKETS &&
      lostPackets <= sentPackets / FRAGMENTS_AFTER_PACKETS;
  }

  #pollPathValidation(batch: TransmitBatch, nowMs: number): boolean {
    const challenge = this.#validation.pollChallenge(nowMs, this.#path.rtt.ptoMs(0));
    if (challenge === null) return false;
    batch.address = challenge.address;
    const size = this.#builder.build(batch.buffer, 0, {
      limitBytes: Math.min(BASE_DATAGRAM_BYTES, challenge.limitBytes),
      mayCarryData: false,
      transient: [{ kind: "path-challenge", token: challenge.token }],
      isMtuProbe: false,
      asksForAckAtEnd: false,
    }, nowMs);
    this.#validation.onSent(size);
    batch.length = batch.segmentBytes = size;
    this.#sentBytes += size;
    this.#deadlines.set("path", this.#validation.deadlineMs);
    this.#setLossDeadline();
    return true;
  }

  #pollClose(batch: TransmitBatch, nowMs: number): boolean {
    if (this.#closeCopiesDue === 0 || this.#closeFrame === null) return false;
    this.#closeCopiesDue--;
    if (this.#hasLastWords) this.#fate.repeatOldest(LAST_WORDS_PACKETS);
    const size = this.#builder.build(batch.buffer, 0, {
      limitBytes: BASE_DATAGRAM_BYTES,
      mayCarryData: this.#hasLastWords,
      transient: [],
      last: this.#closeFrame,
      isMtuProbe: false,
      asksForAckAtEnd: false,
    }, nowMs);
    batch.length = batch.segmentBytes = size;
    this.#sentBytes += size;
    return true;
  }

  #afterControllerChange(priorInFlightBytes: number): void {
    const { mtu, rtt } = this.#path;
    this.streams.onFlight(priorInFlightBytes);
    this.streams.onRate(this.#path.rateBytesPerSecond);
    const frame = this.#ackFrequency.choose({
      windowPackets: this.#path.windowBytes / mtu.datagramBytes,
      smoothedRttMs: rtt.smoothedMs,
    });
    if (frame !== null) this.#control.push(frame);
  }

  // ── Moving ─────────────────────────────────────────────────────────────────────────────────────

  /** The newest authentic packet came from elsewhere: the peer has moved, or its NAT forgot it. */
  #onNewAddress(from: Address, packetBytes: number, nowMs: number): void {
    if (this.role === "client" || this.#state.kind !== "established") return;
    // A copied packet can name any sender: a challenge must not go to a whole network. RFC 9000 §21.5.
    if (!isUsableSource(from)) return;
    this.#validation.begin(from, packetBytes, nowMs);
  }

  #onPathResponse(token: Uint8Array, nowMs: number): void {
    const address = this.#validation.onResponse(token);
    if (address === null) return;
    const isOtherHost = address.hostname !== this.#path.address.hostname;
    this.#path.address = address;
    // Another host address means another path: what was learnt is no longer to be trusted. RFC 9000 §9.4.
    if (isOtherHost) this.#path.controller.onPersistentCongestion(nowMs);
    this.#loss.ptoCount = 0;
    this.#deadlines.set("path", Infinity);
    this.#setLossDeadline();
  }

  // ── Ending ─────────────────────────────────────────────────────────────────────────────────────

  #close(end: ConnectionEnd, frame: TransientFrame, nowMs: number): void {
    if (this.#state.kind !== "established") return;
    const untilMs = nowMs + CLOSING_PTOS * this.#path.rtt.ptoMs(this.#maxAckDelayMs);
    this.#state = transition(this.#state, { kind: "closing", end, untilMs });
    this.#closeFrame = frame;
    this.#closeCopiesDue = CLOSE_COPIES;
    this.#deadlines.clearAll();
    this.#deadlines.set("close", untilMs);
    this.#reportEnd(end);
  }

  #finishClosed(end: ConnectionEnd): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "established") this.#reportEnd(end);
    this.#state = transition(this.#state, { kind: "closed", end });
    this.#deadlines.clearAll();
    this.#protection.destroy();
  }

  #reportEnd(end: ConnectionEnd): void {
    this.streams.release();
    this.events.push({ kind: "ended", end });
  }

  #clockAt(nowMs: number): WindowClock {
    this.#clock.nowMs = nowMs;
    this.#clock.rttMs = this.#path.rtt.smoothedMs;
    return this.#clock;
  }
}
