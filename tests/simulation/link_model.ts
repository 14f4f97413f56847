/**
 * A fast packet-level model of one bottleneck link, for congestion controllers.
 *
 * One FIFO queue with a rate and a tail-drop limit, propagation delay, random loss, jitter that
 * reorders, aggregated ACKs, and senders that pace with a token bucket on coarse ticks. Virtual
 * time only: a transfer of a gigabyte takes about a second. Each flow sees exactly the reports of
 * `controller.ts`; loss detection is by time (RFC 8985) with spurious losses noticed.
 *
 * @module
 */

import type {
  AckSample,
  CongestionController,
  CongestionControllerFactory,
  LossSample,
} from "../../lib/transport/congestion/controller.ts";
import { WindowedMinimum } from "../../lib/collections/windowed_minimum.ts";
import { DeliveryRateSampler } from "../../lib/transport/delivery_rate.ts";
import { MIN_RTT_SPAN_MS, MIN_RTT_SPANS } from "../../lib/transport/rtt_estimator.ts";

/** Bytes of a full packet: as UDP payload, on the wire (IP), and as file contents. */
const DATAGRAM_BYTES = 1472;
const WIRE_BYTES = 1500;
const CONTENT_BYTES = 1430;

const RING_PACKETS = 1 << 18;
const RING_MASK = RING_PACKETS - 1;

const IN_FLIGHT = 1;
const ACKED = 2;
const LOST = 3;

/** The path that all flows of a run share. */
export interface LinkOptions {
  /** Serialisation rate in IP bits per second. */
  rateBitsPerSecond: number;
  /** Two-way propagation delay. */
  rttMs: number;
  /** Tail-drop limit of the queue, IP bytes; one bandwidth-delay product unless given. */
  bufferBytes?: number;
  /** Independent random loss behind the queue, each direction. */
  lossRate?: number;
  /** Each packet is delayed by a uniform ± of this, each direction, and may overtake. */
  jitterMs?: number;
  /** The delay of each direction wanders slowly by a uniform ± of this; the order is kept. */
  wanderMs?: number;
  /** Seed of everything random. */
  seed?: number;
  /** Both ends stand still now and then: mean time between, longest time of a stall. */
  stalls?: { everyMs: number; longestMs: number };
  /** Nothing passes between these two moments. */
  blackout?: { fromMs: number; toMs: number };
  /** The propagation delay changes at a moment. */
  rttStep?: { atMs: number; rttMs: number };
  /** The rate changes at a moment. */
  rateStep?: { atMs: number; rateBitsPerSecond: number };
  /** Share of ACKs that the return path holds up, and for how long at most. */
  lateAcks?: { share: number; longestMs: number };
  /** Longest burst spacing of a slow sender's timer. */
  tickMs?: number;
}

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

/** What became of the run. */
export interface LinkResult {
  flows: FlowResult[];
  /** Packets that the queue refused. */
  overflowPackets: number;
  /** When the run ended. */
  endedAtMs: number;
}

/** Runs flows over a link until all have finished or `limitMs` is reached. */
export function runLink(
  link: LinkOptions,
  flows: FlowOptions[],
  limitMs: number,
  observe?: (nowMs: number, flowIndex: number, controller: CongestionController) => void,
): LinkResult {
  const model = new LinkModel(link);
  const senders = flows.map((flow) => new Flow(model, flow, limitMs));
  let unfinished = senders.length;
  let nowMs = 0;
  while (unfinished > 0) {
    let next: Flow | undefined;
    let atMs = Infinity;
    for (const sender of senders) {
      if (sender.nextAtMs < atMs) {
        atMs = sender.nextAtMs;
        next = sender;
      }
    }
    if (next === undefined || atMs > limitMs) break;
    nowMs = atMs;
    next.advance();
    if (observe !== undefined) observe(nowMs, senders.indexOf(next), next.controller);
    if (next.isFinished) {
      next.nextAtMs = Infinity;
      unfinished--;
    }
  }
  const endedAtMs = unfinished > 0 ? limitMs : nowMs;
  return {
    flows: senders.map((sender) => sender.result(endedAtMs)),
    overflowPackets: model.overflowPackets,
    endedAtMs,
  };
}

/** Uniform random numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class LinkModel {
  readonly options: LinkOptions;
  readonly random: () => number;
  overflowPackets = 0;
  readonly #bufferBytes: number;
  readonly #wanderThere: Wander;
  readonly #wanderBack: Wander;
  #freeAtMs = 0;
  queueMs = 0;

  constructor(options: LinkOptions) {
    this.options = options;
    this.random = seededRandom(options.seed ?? 1);
    this.#wanderThere = new Wander(options.wanderMs ?? 0, this.random);
    this.#wanderBack = new Wander(options.wanderMs ?? 0, this.random);
    this.#bufferBytes = options.bufferBytes ??
      Math.max(64_000, options.rateBitsPerSecond / 8 * options.rttMs / 1000);
  }

  /** Arrival time at the far end of a full packet handed over now, or NaN when it is lost. */
  carry(nowMs: number): number {
    const { blackout, rateStep, lossRate = 0 } = this.options;
    if (blackout !== undefined && nowMs >= blackout.fromMs && nowMs < blackout.toMs) return NaN;
    const rateBits = rateStep !== undefined && nowMs >= rateStep.atMs
      ? rateStep.rateBitsPerSecond
      : this.options.rateBitsPerSecond;
    const bytesPerMs = rateBits / 8000;
    const waitMs = this.#freeAtMs > nowMs ? this.#freeAtMs - nowMs : 0;
    this.queueMs = waitMs;
    if (waitMs * bytesPerMs + WIRE_BYTES > this.#bufferBytes) {
      this.overflowPackets++;
      return NaN;
    }
    this.#freeAtMs = nowMs + waitMs + WIRE_BYTES / bytesPerMs;
    if (lossRate > 0 && this.random() < lossRate) return NaN;
    return this.#freeAtMs + this.#rttMs(nowMs) / 2 + this.#jitter() +
      this.#wanderThere.atMs(this.#freeAtMs);
  }

  /** Arrival time of an ACK handed over now, or NaN when it is lost. */
  carryBack(nowMs: number): number {
    const { blackout, lossRate = 0, lateAcks } = this.options;
    if (blackout !== undefined && nowMs >= blackout.fromMs && nowMs < blackout.toMs) return NaN;
    if (lossRate > 0 && this.random() < lossRate) return NaN;
    const late = lateAcks !== undefined && this.random() < lateAcks.share
      ? this.random() * lateAcks.longestMs
      : 0;
    return nowMs + this.#rttMs(nowMs) / 2 + this.#jitter() + this.#wanderBack.atMs(nowMs) + late;
  }

  #rttMs(nowMs: number): number {
    const { rttMs, rttStep } = this.options;
    return rttStep !== undefined && nowMs >= rttStep.atMs ? rttStep.rttMs : rttMs;
  }

  #jitter(): number {
    const jitterMs = this.options.jitterMs ?? 0;
    return jitterMs === 0 ? 0 : (this.random() * 2 - 1) * jitterMs;
  }
}

/** A delay that goes in straight lines between random points, too slowly for packets to overtake. */
class Wander {
  readonly #spreadMs: number;
  readonly #random: () => number;
  #fromMs = 0;
  #from = 0;
  #to = 0;

  constructor(spreadMs: number, random: () => number) {
    this.#spreadMs = spreadMs;
    this.#random = random;
  }

  atMs(nowMs: number): number {
    if (this.#spreadMs === 0) return 0;
    const stepMs = 4 * this.#spreadMs;
    while (nowMs >= this.#fromMs + stepMs) {
      this.#fromMs += stepMs;
      this.#from = this.#to;
      this.#to = (this.#random() * 2 - 1) * this.#spreadMs;
    }
    return this.#from + (this.#to - this.#from) * (nowMs - this.#fromMs) / stepMs;
  }
}

/** Moments with a number each, given back in order of time. */
class Timeline {
  #times = new Float64Array(1024);
  #values = new Float64Array(1024);
  #head = 0;
  #tail = 0;

  get nextAtMs(): number {
    return this.#head === this.#tail ? Infinity : this.#times[this.#head & this.#mask]!;
  }

  get #mask(): number {
    return this.#times.length - 1;
  }

  push(atMs: number, value: number): void {
    if (this.#tail - this.#head === this.#times.length) this.#grow();
    const mask = this.#mask;
    let index = this.#tail++;
    while (index > this.#head && this.#times[(index - 1) & mask]! > atMs) {
      this.#times[index & mask] = this.#times[(index - 1) & mask]!;
      this.#values[index & mask] = this.#values[(index - 1) & mask]!;
      index--;
    }
    this.#times[index & mask] = atMs;
    this.#values[index & mask] = value;
  }

  shift(): number {
    return this.#values[this.#head++ & this.#mask]!;
  }

  #grow(): void {
    const count = this.#tail - this.#head;
    const times = new Float64Array(this.#times.length * 2);
    const values = new Float64Array(this.#times.length * 2);
    for (let i = 0; i < count; i++) {
      times[i] = this.#times[(this.#head + i) & this.#mask]!;
      values[i] = this.#values[(this.#head + i) & this.#mask]!;
    }
    this.#times = times;
    this.#values = values;
    this.#head = 0;
    this.#tail = count;
  }
}

/** An end of a connection that the scheduler forgets now and then. */
class Scheduler {
  readonly #link: LinkModel;
  #stallFromMs: number;
  #busyUntilMs = 0;

  constructor(link: LinkModel) {
    this.#link = link;
    const stalls = link.options.stalls;
    this.#stallFromMs = stalls === undefined ? Infinity : stalls.everyMs * link.random();
  }

  /** When something due at `atMs` really runs. */
  runsAtMs(atMs: number): number {
    while (atMs >= this.#stallFromMs) {
      const { everyMs, longestMs } = this.#link.options.stalls!;
      this.#busyUntilMs = this.#stallFromMs + longestMs * this.#link.random();
      this.#stallFromMs = this.#busyUntilMs + everyMs * (0.5 + this.#link.random());
    }
    return atMs > this.#busyUntilMs ? atMs : this.#busyUntilMs;
  }
}

class Flow {
  readonly controller: CongestionController;
  nextAtMs: number;
  isFinished = false;

  readonly #link: LinkModel;
  readonly #options: FlowOptions;
  readonly #startAtMs: number;
  readonly #totalPackets: number;
  readonly #halfTimeMs: number;
  readonly #tickMs: number;
  readonly #sampler = new DeliveryRateSampler();
  readonly #senderScheduler: Scheduler;
  readonly #receiverScheduler: Scheduler;

  readonly #state = new Uint8Array(RING_PACKETS);
  readonly #sentAtMs = new Float64Array(RING_PACKETS);
  #nextNumber = 0;
  #scan = 0;
  #inFlightBytes = 0;
  #inFlightPackets = 0;
  #deliveredPackets = 0;
  #largestAcked = -1;
  #largestAckedSentAtMs = -1;

  readonly #arrivals = new Timeline();
  readonly #acks = new Timeline();
  /** Packet numbers in order of arrival; an ACK confirms all up to an index. */
  readonly #arrivalLog = new Float64Array(RING_PACKETS);
  #arrivedCount = 0;
  #confirmedCount = 0;
  #unackedArrivals = 0;
  #ackDeadlineMs = Infinity;

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

  readonly #ackSample: AckSample = {
    nowMs: 0,
    ackedBytes: 0,
    ackedPackets: 0,
    lostBytes: 0,
    lostPackets: 0,
    priorInFlightBytes: 0,
    inFlightBytes: 0,
    rttMs: NaN,
    smoothedRttMs: 0.1,
    minRttMs: 0.1,
    largestAcked: 0,
    largestAckedSentAtMs: 0.1,
    deliveredBytes: 0,
    priorDeliveredBytes: 0,
    deliveryRateBytesPerSecond: NaN,
    intervalMs: 0.1,
    sentInFlightBytes: 0,
    lostSinceSentBytes: 0,
    isAppLimited: false,
    isWindowLimited: false,
    ackDelayMs: 0.1,
  };
  readonly #lossSample: LossSample = {
    nowMs: 0,
    lostBytes: 0,
    lostPackets: 0,
    largestLost: 0,
    largestLostSentAtMs: 0.1,
    inFlightBytes: 0,
    sentInFlightBytes: 0,
    lostSinceSentBytes: 0,
    priorDeliveredBytes: 0,
    deliveredBytes: 0,
    smoothedRttMs: 0.1,
  };

  constructor(link: LinkModel, options: FlowOptions, limitMs: number) {
    this.#link = link;
    this.#options = options;
    this.#startAtMs = options.startAtMs ?? 0;
    this.#halfTimeMs = (this.#startAtMs + limitMs) / 2;
    this.#tickMs = link.options.tickMs ?? 2;
    this.#totalPackets = Math.ceil((options.totalBytes ?? Infinity) / CONTENT_BYTES);
    this.#senderScheduler = new Scheduler(link);
    this.#receiverScheduler = new Scheduler(link);
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
    if (this.#arrivals.nextAtMs <= nowMs) {
      this.#arrive(this.#arrivals.shift(), this.#receiverScheduler.runsAtMs(nowMs));
    } else if (this.#ackDeadlineMs <= nowMs) {
      this.#sendAck(nowMs);
    } else {
      const runsAtMs = this.#senderScheduler.runsAtMs(nowMs);
      if (runsAtMs > nowMs) this.#postpone(runsAtMs);
      else if (this.#acks.nextAtMs <= nowMs) this.#receiveAck(this.#acks.shift(), nowMs);
      else if (this.#probeAtMs <= nowMs) this.#probe(nowMs);
      else this.#send(nowMs);
    }
    this.nextAtMs = Math.min(
      this.#arrivals.nextAtMs,
      this.#ackDeadlineMs,
      this.#acks.nextAtMs,
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
    while (this.#acks.nextAtMs < untilMs) this.#acks.push(untilMs, this.#acks.shift());
    if (this.#probeAtMs < untilMs) this.#probeAtMs = untilMs;
    if (this.#sendAtMs < untilMs) this.#sendAtMs = untilMs;
  }

  // The receiver.

  #arrive(packetNumber: number, nowMs: number): void {
    this.#arrivalLog[this.#arrivedCount++ & RING_MASK] = packetNumber;
    this.#unackedArrivals++;
    const windowPackets = this.controller.windowBytes / DATAGRAM_BYTES;
    const ackEvery = Math.min(Math.max(windowPackets / 16, 2), 64);
    if (this.#unackedArrivals >= ackEvery) this.#sendAck(nowMs);
    else if (this.#unackedArrivals === 1) {
      this.#ackDeadlineMs = nowMs + Math.min(Math.max(this.#smoothedRttMs / 8, 0.05), 5);
    }
  }

  #sendAck(nowMs: number): void {
    this.#unackedArrivals = 0;
    this.#ackDeadlineMs = Infinity;
    const arrivesAtMs = this.#link.carryBack(nowMs);
    if (arrivesAtMs > 0) this.#acks.push(arrivesAtMs, this.#arrivedCount);
  }

  // The sender.

  #receiveAck(upTo: number, nowMs: number): void {
    if (upTo <= this.#confirmedCount) return;
    const sampler = this.#sampler;
    const sample = this.#ackSample;
    const priorInFlight = this.#inFlightBytes;
    let newestAcked = -1;
    let spurious = 0;
    for (; this.#confirmedCount < upTo; this.#confirmedCount++) {
      const packetNumber = this.#arrivalLog[this.#confirmedCount & RING_MASK]!;
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
    const spins = rate > 31_000 || quantum < rate * this.#tickMs * 0.8;
    this.#sendAtMs = nowMs + (spins ? Math.max(waitMs, 0.02) : Math.max(waitMs, this.#tickMs));
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
    if (arrivesAtMs > 0) this.#arrivals.push(arrivesAtMs, packetNumber);
    if (this.#probeAtMs === Infinity) this.#armProbe(nowMs);
  }
}
