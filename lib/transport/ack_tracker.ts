/**
 * The receiver's half: which packets came, which are replays, and when to acknowledge. RFC 9000 §13.2.
 *
 * @module
 */
import { clamp } from "../bytes/clamp.ts";
import { RangeSet } from "../collections/range_set.ts";
import { BASE_ACK_RANGES } from "../wire/ack_frame.ts";
import { DEFAULT_MAX_ACK_DELAY_MS, MAX_RECEIVED_RANGES } from "./constants.ts";

/** A late packet is reported in at least so many ACKs, and in at most twice as many. */
const LATE_REPORTS = 8;

/** Received packet numbers of one connection. */
export class AckTracker {
  #received = new RangeSet();
  /** Everything below is either known or too old to matter: the left edge of the replay window. */
  #floor = 0;
  #largestReceivedAtMs = 0;
  #elicitingCount = 0;
  #isImmediate = false;
  #deadlineMs = Infinity;
  #packetThreshold = 2;
  #maxAckDelayMs = DEFAULT_MAX_ACK_DELAY_MS;
  #frequencySequence = -1;
  /** Lowest packet numbers that came late: since the last turn, and in the turn before. */
  #lateFrom = Infinity;
  #lateFromBefore = Infinity;
  #acksInTurn = 0;

  /** Largest packet number received; -1 before the first. */
  get largest(): number {
    return this.#received.isEmpty ? -1 : this.#received.lastEnd - 1;
  }

  /** The received packet numbers, for the ACK frame. */
  get received(): RangeSet {
    return this.#received;
  }

  /** When an ACK must leave at the latest; Infinity when none is owed. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** How long the peer lets a packet wait for its acknowledgement, ms. */
  get maxAckDelayMs(): number {
    return this.#maxAckDelayMs;
  }

  /** True when packets came that want an acknowledgement. */
  get isOwed(): boolean {
    return this.#elicitingCount > 0;
  }

  /** Lowest number of the packets that newer ones overtook lately: what ACKs must reach back to. */
  get lateFrom(): number {
    return Math.min(this.#lateFrom, this.#lateFromBefore);
  }

  /** True when the next packet should carry an ACK: one that reaches far back is large, and waits until due. */
  isReady(nowMs: number): boolean {
    if (!this.isOwed) return false;
    const received = this.#received;
    const further = received.rangeCount - BASE_ACK_RANGES;
    return further <= 0 || received.startAt(further) <= this.lateFrom || this.isDue(nowMs);
  }

  /** True for a packet number that came before, or is too old to tell: a replay. */
  isReplay(packetNumber: number): boolean {
    return packetNumber < this.#floor || this.#received.has(packetNumber);
  }

  /** Takes note of an opened packet. */
  onPacketReceived(
    packetNumber: number,
    nowMs: number,
    packet: { isAckEliciting: boolean; isImmediate: boolean },
  ): void {
    if (packetNumber > this.largest) this.#largestReceivedAtMs = nowMs;
    else this.#lateFrom = Math.min(this.#lateFrom, packetNumber);
    this.#received.insert(packetNumber, packetNumber + 1);
    if (this.#received.rangeCount > MAX_RECEIVED_RANGES) {
      this.#floor = this.#received.removeFirst();
    }
    if (!packet.isAckEliciting) return;
    this.#elicitingCount++;
    if (packet.isImmediate) this.#isImmediate = true;
    if (this.#deadlineMs === Infinity) this.#deadlineMs = nowMs + this.#maxAckDelayMs;
  }

  /** True when an ACK should leave now rather than ride on the next packet. */
  isDue(nowMs: number): boolean {
    return this.#elicitingCount > 0 &&
      (this.#isImmediate || this.#elicitingCount >= this.#packetThreshold ||
        nowMs >= this.#deadlineMs);
  }

  /** How long the largest packet has been waiting, microseconds. */
  delayUs(nowMs: number): number {
    return Math.max(0, Math.round((nowMs - this.#largestReceivedAtMs) * 1000));
  }

  /** An ACK left. */
  onAckSent(): void {
    this.#elicitingCount = 0;
    this.#isImmediate = false;
    this.#deadlineMs = Infinity;
    if (++this.#acksInTurn < LATE_REPORTS) return;
    this.#acksInTurn = 0;
    this.#lateFromBefore = this.#lateFrom;
    this.#lateFrom = Infinity;
  }

  /** The sender chose how often it wants to hear of its packets. draft-ietf-quic-ack-frequency §4. */
  onAckFrequency(sequence: number, packetThreshold: number, maxAckDelayMs: number): void {
    if (sequence <= this.#frequencySequence) return;
    this.#frequencySequence = sequence;
    this.#packetThreshold = clamp(packetThreshold, 1, 1024);
    this.#maxAckDelayMs = clamp(maxAckDelayMs, 0.5, 100);
  }
}
