/**
 * One transfer over the link of the model: its sender, with a real controller and real delivery rates, the
 * rest as simple as it can be.
 *
 * The controller sees exactly the reports of `controller.ts`; the sender paces with a token bucket on coarse
 * ticks, and detects losses by time (RFC 8985), spurious ones included.
 *
 * @module
 */
import type {
  CongestionController,
  CongestionControllerFactory,
} from "../../lib/transport/congestion/controller.ts";
import { WindowedMinimum } from "../../lib/collections/windowed_minimum.ts";
import { DeliveryRateSampler } from "../../lib/transport/delivery_rate.ts";
import { MIN_RTT_SPAN_MS, MIN_RTT_SPANS } from "../../lib/transport/rtt_estimator.ts";
import { emptyAckSample, emptyLossSample } from "../../lib/transport/samples.ts";
import type { BottleneckLink } from "./bottleneck_link.ts";
import { ModelReceiver } from "./model_receiver.ts";
import { ModelScheduler } from "./model_scheduler.ts";

/** Bytes of a full packet: as UDP payload, and as file contents. */
const DATAGRAM_BYTES = 1472;
const CONTENT_BYTES = 1430;

const RING_PACKETS = 1 << 18;
const RING_MASK = RING_PACKETS - 1;

/** Shortest sleep of a slow sender. */
const TICK_MS = 2;

const IN_FLIGHT = 1;
const ACKED = 2;
const LOST = 3;

/** One sender. */
export interface FlowOptions {
  /** Its controller. */
  controller: CongestionControllerFactory;
  /** File bytes to deliver; endless unless given. */
  totalBytes?: number;
  /** When it begins. */
  startAtMs?: number;
}

/** What became of one flow. */
export interface FlowResult {
  /** File bits per microsecond (Mbit/s) from its start until it ended or the run did. */
  goodputMbits: number;
  /** The same over the second half of the run. */
  lateGoodputMbits: number;
  /** When the last byte was acknowledged; NaN when the run ended first. */
  finishedAtMs: number;
  /** Packets sent, declared lost, and wrongly declared lost. */
  sentPackets: number;
  lostPackets: number;
  spuriousPackets: number;
  /** Mean time in the queue of this flow's packets. */
  meanQueueMs: number;
  /** The controller, for looking inside. */
  controller: CongestionController;
}

/** One transfer; whoever runs it advances it at each `nextAtMs`. */
export class Flow {
  readonly controller: CongestionController;
  nextAtMs: number;
  isFinished = false;

  readonly #link: BottleneckLink;
  readonly #options: FlowOptions;
  readonly #startAtMs: number;
  readonly #totalPackets: number;
  readonly #halfTimeMs: number;
  readonly #sampler = new DeliveryRateSampler();
  readonly #scheduler: ModelScheduler;
  readonly #receiver: ModelReceiver;

  readonly #state = new Uint8Array(RING_PACKETS);
  readonly #sentAtMs = new Float64Array(RING_PACKETS);
  #nextNumber = 0;
  #scan = 0;
  #inFlightBytes = 0;
  #inFlightPackets = 0;
  #deliveredPackets = 0;
  #largestAcked = -1;
  #largestAckedSentAtMs = -1;

  /** Arrivals that ACKs have confirmed. */
  #confirmedCount = 0;

  #creditBytes = 0;
  #creditAtMs = 0;
  #sendAtMs: number;
  #wasWindowLimited = false;

  #smoothedRttMs = 0;
  #rttVariationMs = 0;
  readonly #minRtt = new WindowedMinimum(MIN_RTT_SPAN_MS, MIN_RTT_SPANS);
  #probeCount = 0;
  #probeAtMs = Infinity;
  #lastAckAtMs = 0;
  #reorderWindowMs = 2;
  #reorderRoundEnd = 0;
  #cleanRounds = 0;

  #lostPackets = 0;
  #spuriousPackets = 0;
  #queueSumMs = 0;
  #finishedAtMs = NaN;
  #deliveredAtHalfTime = -1;

  readonly #ackSample = emptyAckSample();
  readonly #lossSample = emptyLossSample();

  constructor(link: BottleneckLink, options: FlowOptions, limitMs: number) {
    this.#link = link;
    this.#options = options;
    this.#startAtMs = options.startAtMs ?? 0;
    this.#halfTimeMs = (this.#startAtMs + limitMs) / 2;
    this.#totalPackets = Math.ceil((options.totalBytes ?? Infinity) / CONTENT_BYTES);
    this.#scheduler = new ModelScheduler(link);
    this.#receiver = new ModelReceiver(link, RING_PACKETS);
    this.controller = options.controller.create({
      maxDatagramBytes: DATAGRAM_BYTES,
      random: link.random,
    });
    this.#creditAtMs = this.#startAtMs;
    this.#creditBytes = this.controller.sendQuantumBytes;
    this.#sendAtMs = this.#startAtMs;
    this.nextAtMs = this.#startAtMs;
  }

  /** Runs the one thing that is due at `nextAtMs`. */
  advance(): void {
    const nowMs = this.nextAtMs;
    if (this.#deliveredAtHalfTime < 0 && nowMs >= this.#halfTimeMs) {
      this.#deliveredAtHalfTime = this.#deliveredPackets;
    }
    const receiver = this.#receiver;
    const { acks } = receiver;
    if (receiver.nextAtMs <= nowMs) {
      this.#askForAcks();
      receiver.advance(nowMs);
    } else {
      const runsAtMs = this.#scheduler.runsAtMs(nowMs);
      if (runsAtMs > nowMs) this.#postpone(runsAtMs);
      else if (acks.nextAtMs <= nowMs) this.#receiveAck(acks.shift(), nowMs);
      else if (this.#probeAtMs <= nowMs) this.#probe(nowMs);
      else this.#send(nowMs);
    }
    this.nextAtMs = Math.min(
      receiver.nextAtMs,
      acks.nextAtMs,
      this.#sendAtMs,
      this.#probeAtMs,
    );
  }

  result(endedAtMs: number): FlowResult {
    const endMs = this.isFinished ? this.#finishedAtMs : endedAtMs;
    const bits = CONTENT_BYTES * 8 / 1000;
    const early = Math.max(this.#deliveredAtHalfTime, 0);
    return {
      goodputMbits: this.#deliveredPackets * bits / (endMs - this.#startAtMs),
      lateGoodputMbits: (this.#deliveredPackets - early) * bits / (endMs - this.#halfTimeMs),
      finishedAtMs: this.#finishedAtMs,
      sentPackets: this.#nextNumber,
      lostPackets: this.#lostPackets,
      spuriousPackets: this.#spuriousPackets,
      meanQueueMs: this.#queueSumMs / Math.max(this.#nextNumber, 1),
      controller: this.controller,
    };
  }

  /** The sender stands still: what it should have done waits. */
  #postpone(untilMs: number): void {
    const { acks } = this.#receiver;
    while (acks.nextAtMs < untilMs) acks.push(untilMs, acks.shift());
    if (this.#probeAtMs < untilMs) this.#probeAtMs = untilMs;
    if (this.#sendAtMs < untilMs) this.#sendAtMs = untilMs;
  }

  /** How often the receiver shall acknowledge, as ACK_FREQUENCY frames would say. */
  #askForAcks(): void {
    const windowPackets = this.controller.windowBytes / DATAGRAM_BYTES;
    this.#receiver.ackEvery = Math.min(Math.max(windowPackets / 16, 2), 64);
    this.#receiver.maxAckDelayMs = Math.min(Math.max(this.#smoothedRttMs / 8, 0.05), 5);
  }

  #receiveAck(upTo: number, nowMs: number): void {
    if (upTo <= this.#confirmedCount) return;
    const sampler = this.#sampler;
    const sample = this.#ackSample;
    const priorInFlight = this.#inFlightBytes;
    let newestAcked = -1;
    let spurious = 0;
    for (; this.#confirmedCount < upTo; this.#confirmedCount++) {
      const packetNumber = this.#receiver.packetAt(this.#confirmedCount);
      const slot = packetNumber & RING_MASK;
      if (this.#state[slot] === LOST) {
        // Its contents left again in another packet, which is the one that counts.
        spurious++;
        sampler.onSpuriousAck(DATAGRAM_BYTES, nowMs);
        this.#reorderWindowMs = Math.min(
          Math.max(this.#reorderWindowMs, 2) * 1.5,
          4 * this.#smoothedRttMs,
        );
        this.#cleanRounds = 0;
      } else {
        this.#inFlightBytes -= DATAGRAM_BYTES;
        this.#inFlightPackets--;
        this.#deliveredPackets++;
        sampler.onPacketAcked(packetNumber, DATAGRAM_BYTES, nowMs);
        if (packetNumber > newestAcked) newestAcked = packetNumber;
      }
      this.#state[slot] = ACKED;
    }

    const silentMs = nowMs - this.#lastAckAtMs;
    const wasDark = this.#probeCount >= 3;
    this.#lastAckAtMs = nowMs;
    this.#probeCount = 0;
    let rttMs = NaN;
    if (newestAcked > this.#largestAcked) {
      this.#largestAcked = newestAcked;
      this.#largestAckedSentAtMs = this.#sentAtMs[newestAcked & RING_MASK]!;
      rttMs = nowMs - this.#largestAckedSentAtMs;
      this.#updateRtt(rttMs, nowMs);
    }
    if (spurious > 0) {
      this.#spuriousPackets += spurious;
      this.controller.onSpuriousLoss(spurious, spurious * DATAGRAM_BYTES, nowMs);
    }
    this.#detectLosses(nowMs);
    if (wasDark) this.controller.onBlackoutEnd(silentMs, nowMs);
    sample.minRttMs = this.#minRtt.value;
    if (newestAcked >= 0 && sampler.fillAckSample(sample, nowMs)) {
      sample.rttMs = rttMs;
      sample.smoothedRttMs = this.#smoothedRttMs;
      sample.priorInFlightBytes = priorInFlight;
      sample.inFlightBytes = this.#inFlightBytes;
      sample.isWindowLimited = this.#wasWindowLimited;
      this.controller.onAck(sample);
    }
    this.#wasWindowLimited = false;
    sampler.forgetBelow(this.#scan);
    this.#armProbe(nowMs);

    if (this.#deliveredPackets >= this.#totalPackets) {
      this.#finishedAtMs = nowMs;
      this.isFinished = true;
      return;
    }
    this.#send(nowMs);
  }

  #updateRtt(rttMs: number, nowMs: number): void {
    this.#minRtt.onValue(rttMs, nowMs);
    if (this.#smoothedRttMs === 0) {
      this.#smoothedRttMs = rttMs;
      this.#rttVariationMs = rttMs / 2;
      this.#reorderWindowMs = Math.max(2, rttMs / 8);
    } else {
      this.#rttVariationMs = 0.75 * this.#rttVariationMs +
        0.25 * Math.abs(this.#smoothedRttMs - rttMs);
      this.#smoothedRttMs = 0.875 * this.#smoothedRttMs + 0.125 * rttMs;
    }
  }

  #detectLosses(nowMs: number): void {
    if (this.#largestAcked >= this.#reorderRoundEnd) {
      this.#reorderRoundEnd = this.#nextNumber;
      if (++this.#cleanRounds >= 16) {
        this.#cleanRounds = 0;
        this.#reorderWindowMs = Math.max(this.#reorderWindowMs / 2, 2, this.#minRtt.value / 8);
      }
    }
    const limitMs = this.#largestAckedSentAtMs - this.#reorderWindowMs;
    let lost = 0;
    while (this.#scan < this.#largestAcked) {
      const slot = this.#scan & RING_MASK;
      if (this.#sentAtMs[slot]! > limitMs) break;
      if (this.#state[slot] === IN_FLIGHT) {
        this.#state[slot] = LOST;
        this.#inFlightBytes -= DATAGRAM_BYTES;
        this.#inFlightPackets--;
        this.#sampler.onPacketLost(this.#scan, DATAGRAM_BYTES);
        lost++;
      }
      this.#scan++;
    }
    if (lost === 0) return;
    this.#lostPackets += lost;
    const sample = this.#lossSample;
    if (!this.#sampler.fillLossSample(sample, nowMs)) return;
    sample.inFlightBytes = this.#inFlightBytes;
    sample.smoothedRttMs = this.#smoothedRttMs;
    this.controller.onLoss(sample);
  }

  #armProbe(nowMs: number): void {
    const timeoutMs = this.#smoothedRttMs > 0
      ? this.#smoothedRttMs + Math.max(4 * this.#rttVariationMs, 2) + 5
      : 1000;
    const backedOffMs = Math.min(
      timeoutMs * 2 ** this.#probeCount,
      Math.max(2000, 3 * this.#smoothedRttMs),
    );
    this.#probeAtMs = this.#inFlightPackets > 0 ? nowMs + backedOffMs : Infinity;
  }

  #probe(nowMs: number): void {
    this.#probeCount++;
    this.#transmit(nowMs);
    this.#transmit(nowMs);
    this.#armProbe(nowMs);
  }

  #send(nowMs: number): void {
    const controller = this.controller;
    const rate = controller.pacingRateBytesPerSecond / 1000;
    const quantum = controller.sendQuantumBytes;
    const creditCap = Math.max(rate * 10, quantum);
    this.#creditBytes = Math.min(
      this.#creditBytes + rate * (nowMs - this.#creditAtMs),
      creditCap,
    );
    this.#creditAtMs = nowMs;
    this.#sendAtMs = Infinity;
    while (true) {
      if (!this.#hasMore()) return;
      if (this.#inFlightBytes + DATAGRAM_BYTES > controller.windowBytes) {
        this.#wasWindowLimited = true;
        return;
      }
      if (this.#creditBytes < DATAGRAM_BYTES) break;
      this.#creditBytes -= DATAGRAM_BYTES;
      this.#transmit(nowMs);
    }
    const wanted = Math.min(quantum, creditCap) - this.#creditBytes;
    const waitMs = Math.max(wanted, DATAGRAM_BYTES - this.#creditBytes) / rate;
    // Fast or delicate senders spin; slow ones sleep a tick.
    const spins = rate > 31_000 || quantum < rate * TICK_MS * 0.8;
    this.#sendAtMs = nowMs + (spins ? Math.max(waitMs, 0.02) : Math.max(waitMs, TICK_MS));
  }

  #hasMore(): boolean {
    return this.#deliveredPackets + this.#inFlightPackets < this.#totalPackets;
  }

  #transmit(nowMs: number): void {
    const packetNumber = this.#nextNumber++;
    const slot = packetNumber & RING_MASK;
    if (packetNumber - this.#scan >= RING_PACKETS) {
      throw new Error(
        `Cannot track ${RING_PACKETS} packets in flight (${this.#options.controller.name})`,
      );
    }
    this.#state[slot] = IN_FLIGHT;
    this.#sentAtMs[slot] = nowMs;
    this.#inFlightBytes += DATAGRAM_BYTES;
    this.#inFlightPackets++;
    this.#sampler.onPacketSent(packetNumber, DATAGRAM_BYTES, this.#inFlightBytes, nowMs);
    this.controller.onPacketSent(DATAGRAM_BYTES, this.#inFlightBytes, nowMs);
    const arrivesAtMs = this.#link.carry(nowMs);
    this.#queueSumMs += this.#link.queueMs;
    if (arrivesAtMs > 0) this.#receiver.arrivals.push(arrivesAtMs, packetNumber);
    if (this.#probeAtMs === Infinity) this.#armProbe(nowMs);
  }
}
