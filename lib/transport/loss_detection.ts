/**
 * The sender's half: what an ACK proves, which packets are lost, when to probe. RFC 9002 §6 and
 * Appendix A, with loss told by time of sending as in RACK (RFC 8985).
 *
 * @module
 */
import { RangeSet } from "../collections/range_set.ts";
import {
  FLAG_MTU_PROBE,
  PACKET_ACKED,
  PACKET_LOST,
  PACKET_NOT_ELICITING,
  PACKET_OUTSTANDING,
  SentPacketRing,
} from "../collections/sent_packet_ring.ts";
import type { AckFrame } from "../wire/ack_frame.ts";
import {
  BLACKOUT_PROBES,
  MAX_PTO_MS,
  MIN_REORDERING_WINDOW_MS,
  PACKET_THRESHOLD,
} from "./constants.ts";
import type { DeliveryRateSampler } from "./delivery_rate.ts";
import type { RttEstimator } from "./rtt_estimator.ts";
import { TransportError } from "./transport_error.ts";

/** What one ACK proved. The object and its lists are reused: valid until the next call. */
export interface AckOutcome {
  /** Packet numbers acknowledged for the first time, ascending. */
  readonly acked: number[];
  /** Packet numbers declared lost now, ascending. */
  readonly lost: number[];
  /** Packets declared lost before that were acknowledged after all, ascending. */
  readonly spurious: number[];
  /** Bytes of the spuriously lost packets. */
  spuriousBytes: number;
  /** RTT sample in ms, NaN when this ACK gave none. */
  rttSampleMs: number;
  /** How many probe timeouts had passed in a row before this ACK. */
  probesBefore: number;
}

/** Rounds without spurious loss after which the reordering window shrinks again. RFC 8985 §7.2 has 16. */
const REORDERING_PERSISTENCE_ROUNDS = 16;

/** What was sent and is not known to have arrived. */
export class LossDetection {
  /** Every packet sent lately. */
  readonly ring: SentPacketRing = new SentPacketRing();
  /** Bytes sent and neither acknowledged nor lost. */
  inFlightBytes = 0;
  /** Probe timeouts in a row without an acknowledgement. */
  ptoCount = 0;
  /** Packets declared lost, for `status`. */
  lostPackets = 0;
  /** Packets sent, for `status`. */
  sentPackets = 0;
  /** Times that packets were lost: those on their way with the first count as the same. RFC 9002 §7.3.2. */
  lossEpisodes = 0;

  #rtt: RttEstimator;
  #sampler: DeliveryRateSampler;
  /** Every packet below is acknowledged, lost or needs no acknowledgement. */
  #scanFrom = 0;
  #largestAcked = -1;
  #skippedPacket = -1;
  #newestAckedSentAtMs = -Infinity;
  #lastElicitingSentAtMs = -Infinity;
  #probedAtMs = -Infinity;
  #lossDeadlineMs = Infinity;
  #recentlyLost = new RangeSet();
  /** Packets below were on their way when the latest episode began. */
  #episodeEnd = 0;
  #reorderingFactor = 1;
  #seenReordering = false;
  #cleanUntilPacket = -1;
  #cleanRounds = 0;
  #outcome: AckOutcome = {
    acked: [],
    lost: [],
    spurious: [],
    spuriousBytes: 0,
    rttSampleMs: NaN,
    probesBefore: 0,
  };

  /** Uses the path's RTT and reports deliveries to its sampler. */
  constructor(rtt: RttEstimator, sampler: DeliveryRateSampler) {
    this.#rtt = rtt;
    this.#sampler = sampler;
  }

  /** Packet number for the next packet. */
  get nextPacketNumber(): number {
    return this.ring.next;
  }

  /** Lowest packet number whose fate is open. */
  get oldestOutstanding(): number {
    return this.#scanFrom;
  }

  /** How far apart in time two packets may be overtaken without the older one counting as lost, ms. */
  get reorderingWindowMs(): number {
    const { minMs, smoothedMs } = this.#rtt;
    const baseMs = Math.max(MIN_REORDERING_WINDOW_MS, minMs === Infinity ? 0 : minMs / 8);
    return Math.min(baseMs * this.#reorderingFactor, Math.max(baseMs, 4 * smoothedMs));
  }

  /**
   * Records the packet whose number is `nextPacketNumber`. Returns its slot in the ring; the caller
   * fills the stream columns and flags.
   */
  onPacketSent(
    packet: { sizeBytes: number; isAckEliciting: boolean; isMtuProbe: boolean },
    nowMs: number,
  ): number {
    const packetNumber = this.ring.next;
    const slot = this.ring.append();
    const ring = this.ring;
    ring.sizeBytes[slot] = packet.sizeBytes;
    ring.sentAtMs[slot] = nowMs;
    ring.streamId[slot] = -1;
    ring.state[slot] = packet.isAckEliciting ? PACKET_OUTSTANDING : PACKET_NOT_ELICITING;
    this.sentPackets++;
    if (!packet.isAckEliciting) return slot;
    this.#lastElicitingSentAtMs = nowMs;
    if (packet.isMtuProbe) {
      ring.flags[slot] = FLAG_MTU_PROBE;
    } else {
      this.inFlightBytes += packet.sizeBytes;
      this.#sampler.onPacketSent(packetNumber, packet.sizeBytes, this.inFlightBytes, nowMs);
    }
    return slot;
  }

  /**
   * Leaves out the next packet number: a peer that acknowledges it acknowledges what it has not seen.
   * RFC 9000 §21.4.
   */
  skipPacketNumber(): void {
    this.#skippedPacket = this.ring.next;
    this.ring.state[this.ring.append()] = PACKET_NOT_ELICITING;
  }

  /**
   * Takes an ACK frame from the peer and decides what it proves.
   *
   * A packet is reported acked or lost, never both; spurious ones were reported lost before. Touches
   * neither streams nor controller: the caller applies the result. RFC 9002 §A.7.
   *
   * @param nowMs Receipt time of the datagram, on the connection's clock.
   * @throws {TransportError} PROTOCOL_VIOLATION when a packet we never sent is acknowledged.
   */
  onAckReceived(ack: AckFrame, nowMs: number): AckOutcome {
    const outcome = this.#beginOutcome();
    const { ranges } = ack;
    const largest = ranges[1]!;
    if (largest >= this.ring.next) {
      throw new TransportError("PROTOCOL_VIOLATION", "ACK of a packet that was never sent");
    }
    for (let i = ranges.length - 2; i >= 0; i -= 2) {
      if (ranges[i]! <= this.#skippedPacket && this.#skippedPacket <= ranges[i + 1]!) {
        throw new TransportError("PROTOCOL_VIOLATION", "ACK of a packet number that was left out");
      }
      this.#ackRange(ranges[i]!, ranges[i + 1]!, nowMs);
    }
    if (!this.#recentlyLost.isEmpty) this.#findSpurious(ranges, nowMs);
    if (outcome.acked.length === 0) return outcome;

    const newest = outcome.acked[outcome.acked.length - 1]!;
    const slot = this.ring.slot(newest);
    const sentAtMs = this.ring.sentAtMs[slot]!;
    if (newest > this.#largestAcked) {
      this.#largestAcked = newest;
      // Only the newest packet of the frame tells the RTT: the others waited for it. RFC 9002 §5.1.
      if (newest === largest) outcome.rttSampleMs = Math.max(0.001, nowMs - sentAtMs);
    }
    if (sentAtMs > this.#newestAckedSentAtMs) this.#newestAckedSentAtMs = sentAtMs;
    outcome.probesBefore = this.ptoCount;
    this.ptoCount = 0;
    return outcome;
  }

  /**
   * Declares lost what newer acknowledged packets have overtaken for too long; appends to the
   * outcome's `lost`. Call it after `onAckReceived` (with the RTT updated) and when the loss deadline
   * expires. RFC 9002 §A.10, RFC 8985 §6.2.
   */
  detectAndRemoveLostPackets(nowMs: number): AckOutcome {
    const outcome = this.#outcome;
    const ring = this.ring;
    this.#lossDeadlineMs = Infinity;
    const windowMs = this.reorderingWindowMs;
    const sentBeforeMs = this.#newestAckedSentAtMs - windowMs;
    const roundTripMs = Math.max(this.#rtt.smoothedMs, this.#rtt.latestMs || 0) + windowMs;
    const overtaken = this.#seenReordering ? -1 : this.#largestAcked - PACKET_THRESHOLD;
    let packetNumber = this.#scanFrom;
    for (; packetNumber <= this.#largestAcked; packetNumber++) {
      const slot = ring.slot(packetNumber);
      if (ring.state[slot] !== PACKET_OUTSTANDING) continue;
      const sentAtMs = ring.sentAtMs[slot]!;
      const isLost = sentAtMs <= sentBeforeMs || packetNumber <= overtaken ||
        sentAtMs + roundTripMs <= nowMs;
      if (!isLost) {
        this.#lossDeadlineMs = sentAtMs + roundTripMs;
        break;
      }
      this.#declareLost(packetNumber, slot);
    }
    this.#scanFrom = packetNumber;
    this.#forgetOld(nowMs);
    return outcome;
  }

  /** When the loss timer or the probe timer fires next; Infinity when nothing is in flight. */
  deadlineMs(maxAckDelayMs: number): number {
    if (this.#lossDeadlineMs !== Infinity) return this.#lossDeadlineMs;
    if (!this.hasOutstanding()) return Infinity;
    const ptoMs = this.#rtt.ptoMs(maxAckDelayMs);
    const backoffMs = ptoMs * 2 ** Math.min(this.ptoCount, 20);
    // In a blackout there is no answer to wait for: on a long path probes may follow each other closer.
    const leastMs = this.ptoCount < BLACKOUT_PROBES ? ptoMs : ptoMs / 2;
    const sinceMs = Math.max(this.#lastElicitingSentAtMs, this.#probedAtMs);
    return sinceMs + Math.min(backoffMs, Math.max(MAX_PTO_MS, leastMs));
  }

  /**
   * A probe timeout passed without an answer: the next one waits longer. It counts from now, because a
   * process that slept may find its last packet older than any timeout.
   */
  onProbeTimeout(nowMs: number): void {
    this.ptoCount++;
    this.#probedAtMs = nowMs;
  }

  /** True when a packet is waiting for its acknowledgement. */
  hasOutstanding(): boolean {
    while (
      this.#scanFrom < this.ring.next &&
      this.ring.state[this.ring.slot(this.#scanFrom)] !== PACKET_OUTSTANDING
    ) this.#scanFrom++;
    return this.#scanFrom < this.ring.next;
  }

  /** True when the timer that fired was for a loss by time rather than a probe. */
  get isLossTimerSet(): boolean {
    return this.#lossDeadlineMs !== Infinity;
  }

  /** Empties the outcome before a detection that no ACK began. */
  beginTimeout(): void {
    this.#beginOutcome();
  }

  #beginOutcome(): AckOutcome {
    const outcome = this.#outcome;
    outcome.acked.length = 0;
    outcome.lost.length = 0;
    outcome.spurious.length = 0;
    outcome.spuriousBytes = 0;
    outcome.rttSampleMs = NaN;
    outcome.probesBefore = 0;
    return outcome;
  }

  #ackRange(smallest: number, largest: number, nowMs: number): void {
    const ring = this.ring;
    const { acked } = this.#outcome;
    for (let n = Math.max(smallest, this.#scanFrom, ring.first); n <= largest; n++) {
      const slot = ring.slot(n);
      if (ring.state[slot] !== PACKET_OUTSTANDING) continue;
      ring.state[slot] = PACKET_ACKED;
      acked.push(n);
      if ((ring.flags[slot]! & FLAG_MTU_PROBE) !== 0) continue;
      const sizeBytes = ring.sizeBytes[slot]!;
      this.inFlightBytes -= sizeBytes;
      this.#sampler.onPacketAcked(n, sizeBytes, nowMs);
    }
  }

  /** Walks the lost packets and the ACK's ranges side by side, both ascending. */
  #findSpurious(ranges: Float64Array, nowMs: number): void {
    const lost = this.#recentlyLost;
    const { spurious } = this.#outcome;
    let lostIndex = 0;
    for (let i = ranges.length - 2; i >= 0; i -= 2) {
      const smallest = ranges[i]!;
      const largest = ranges[i + 1]!;
      while (lostIndex < lost.rangeCount && lost.endAt(lostIndex) <= smallest) lostIndex++;
      for (let k = lostIndex; k < lost.rangeCount && lost.startAt(k) <= largest; k++) {
        const from = Math.max(lost.startAt(k), smallest);
        const to = Math.min(lost.endAt(k) - 1, largest);
        for (let n = from; n <= to; n++) spurious.push(n);
      }
    }
    for (const n of spurious) this.#undoLoss(n, nowMs);
    if (spurious.length > 0) this.#onReordering();
  }

  #undoLoss(packetNumber: number, nowMs: number): void {
    this.#recentlyLost.remove(packetNumber, packetNumber + 1);
    const slot = this.ring.slot(packetNumber);
    const sizeBytes = this.ring.sizeBytes[slot]!;
    this.ring.state[slot] = PACKET_ACKED;
    this.#outcome.spuriousBytes += sizeBytes;
    this.lostPackets--;
    this.#sampler.onSpuriousAck(sizeBytes, nowMs);
  }

  /** A late packet proves reordering: wait longer before the next one is given up. */
  #onReordering(): void {
    this.#seenReordering = true;
    this.#reorderingFactor = Math.min(this.#reorderingFactor * 1.5, 1000);
    this.#cleanRounds = 0;
    this.#cleanUntilPacket = this.ring.next;
  }

  #declareLost(packetNumber: number, slot: number): void {
    const ring = this.ring;
    ring.state[slot] = PACKET_LOST;
    this.#outcome.lost.push(packetNumber);
    if ((ring.flags[slot]! & FLAG_MTU_PROBE) !== 0) return;
    const sizeBytes = ring.sizeBytes[slot]!;
    this.inFlightBytes -= sizeBytes;
    this.lostPackets++;
    if (packetNumber >= this.#episodeEnd) {
      this.lossEpisodes++;
      this.#episodeEnd = ring.next;
    }
    this.#recentlyLost.insert(packetNumber, packetNumber + 1);
    this.#sampler.onPacketLost(packetNumber, sizeBytes);
  }

  /** Lost packets stay known for a few round trips, so that a late acknowledgement is noticed. */
  #forgetOld(nowMs: number): void {
    const lost = this.#recentlyLost;
    const keepMs = Math.max(200, 4 * this.#rtt.smoothedMs);
    while (!lost.isEmpty) {
      const slot = this.ring.slot(lost.firstEnd - 1);
      if (nowMs - this.ring.sentAtMs[slot]! < keepMs) break;
      lost.removeFirst();
    }
    const limit = lost.isEmpty ? this.#scanFrom : Math.min(lost.firstStart, this.#scanFrom);
    this.ring.forgetBelow(limit);
    this.#sampler.forgetBelow(limit);
    if (this.#largestAcked >= this.#cleanUntilPacket && this.#reorderingFactor > 1) {
      this.#cleanUntilPacket = this.ring.next;
      if (++this.#cleanRounds >= REORDERING_PERSISTENCE_ROUNDS) {
        this.#cleanRounds = 0;
        this.#reorderingFactor = Math.max(1, this.#reorderingFactor / 2);
      }
    }
  }
}
