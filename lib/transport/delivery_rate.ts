/**
 * Delivery-rate sampling: how fast the path carried the packets that an ACK confirms.
 *
 * Every packet in flight remembers what had been delivered when it left. Its ACK then tells how
 * much was delivered in between, and the longer of the sending and the acknowledging span gives a
 * rate that ACK compression and bursts cannot inflate. draft-ietf-ccwg-bbr §4.1.
 *
 * Packet numbers index a power-of-two ring, one cache line (8 doubles) per packet.
 *
 * @module
 */

import type { AckSample, LossSample } from "./congestion/controller.ts";

const SLOT_DOUBLES = 8;
const PACKET_NUMBER = 0;
const SENT_AT = 1;
const DELIVERED = 2;
const DELIVERED_AT = 3;
const FIRST_SENT_AT = 4;
const IN_FLIGHT = 5;
const LOST = 6;
const APP_LIMITED = 7;

/** Packets; 64 bytes each. A connection that only waits has few in flight, and a server thousands of such. */
const INITIAL_CAPACITY = 8;

/**
 * Counts deliveries and losses of one connection and samples the delivery rate.
 *
 * Order of calls for one ACK frame: any number of {@link onPacketAcked}, {@link onPacketLost} and
 * {@link onSpuriousAck}; then {@link fillLossSample} if packets were lost; then
 * {@link fillAckSample} if packets were acknowledged. Losses found by a timer: `onPacketLost`,
 * then `fillLossSample`. No call allocates, except when the ring has to grow.
 */
export class DeliveryRateSampler {
  #slots = emptySlots(INITIAL_CAPACITY);
  #mask = INITIAL_CAPACITY - 1;
  /** Lowest packet number the ring must still know. */
  #base = 0;
  #end = 0;

  #deliveredBytes = 0;
  #deliveredAtMs = 0;
  #lostBytes = 0;
  #firstSentAtMs = 0;
  /** While `#deliveredBytes` is not beyond this, samples are limited by the application. */
  #appLimitedUntilBytes = 0;

  // What the ACK being read has shown so far.
  #ackedBytes = 0;
  #ackedPackets = 0;
  #newestAcked = -1;
  #newestAckedSlot = -1;
  // What was lost since the last ACK sample, and since the last loss sample.
  #lostBytesSinceAck = 0;
  #lostPacketsSinceAck = 0;
  #lostBytesReported = 0;
  #lostPacketsReported = 0;
  #newestLost = -1;
  #newestLostSlot = -1;

  /** Bytes delivered since the connection began. */
  get deliveredBytes(): number {
    return this.#deliveredBytes;
  }

  /** Bytes declared lost since the connection began, less those that came through after all. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** True while the newest packets were limited by the application. */
  get isAppLimited(): boolean {
    return this.#appLimitedUntilBytes > 0;
  }

  /**
   * Remembers a packet that counts as in flight.
   *
   * @param packetNumber Greater than all before; gaps are allowed.
   * @param sizeBytes UDP payload of the packet.
   * @param inFlightBytes Bytes in flight with this packet included.
   */
  onPacketSent(
    packetNumber: number,
    sizeBytes: number,
    inFlightBytes: number,
    nowMs: number,
  ): void {
    if (packetNumber - this.#base > this.#mask) this.#makeRoom(packetNumber);
    this.#end = packetNumber + 1;
    if (inFlightBytes <= sizeBytes) {
      // Nothing was in flight: the span without sending must not count.
      this.#firstSentAtMs = nowMs;
      this.#deliveredAtMs = nowMs;
    }
    const slots = this.#slots;
    const slot = (packetNumber & this.#mask) * SLOT_DOUBLES;
    slots[slot + PACKET_NUMBER] = packetNumber;
    slots[slot + SENT_AT] = nowMs;
    slots[slot + DELIVERED] = this.#deliveredBytes;
    slots[slot + DELIVERED_AT] = this.#deliveredAtMs;
    slots[slot + FIRST_SENT_AT] = this.#firstSentAtMs;
    slots[slot + IN_FLIGHT] = inFlightBytes;
    slots[slot + LOST] = this.#lostBytes;
    slots[slot + APP_LIMITED] = this.#appLimitedUntilBytes > 0 ? 1 : 0;
  }

  /** Counts a packet that was acknowledged for the first time and was not declared lost. */
  onPacketAcked(packetNumber: number, sizeBytes: number, nowMs: number): void {
    this.#deliveredBytes += sizeBytes;
    this.#deliveredAtMs = nowMs;
    this.#ackedBytes += sizeBytes;
    this.#ackedPackets++;
    if (packetNumber > this.#newestAcked) {
      const slot = (packetNumber & this.#mask) * SLOT_DOUBLES;
      if (this.#slots[slot] === packetNumber) {
        this.#newestAcked = packetNumber;
        this.#newestAckedSlot = slot;
      }
    }
  }

  /** Counts a packet that was declared lost. */
  onPacketLost(packetNumber: number, sizeBytes: number): void {
    this.#lostBytes += sizeBytes;
    this.#lostBytesSinceAck += sizeBytes;
    this.#lostPacketsSinceAck++;
    this.#lostBytesReported += sizeBytes;
    this.#lostPacketsReported++;
    if (packetNumber > this.#newestLost) {
      const slot = (packetNumber & this.#mask) * SLOT_DOUBLES;
      if (this.#slots[slot] === packetNumber) {
        this.#newestLost = packetNumber;
        this.#newestLostSlot = slot;
      }
    }
  }

  /**
   * Counts a packet that had been declared lost and was acknowledged after all.
   *
   * It was delivered, so it counts as such, but it gives no sample and no acknowledged bytes.
   */
  onSpuriousAck(sizeBytes: number, nowMs: number): void {
    this.#deliveredBytes += sizeBytes;
    this.#deliveredAtMs = nowMs;
    this.#lostBytes -= sizeBytes;
  }

  /**
   * The application, not the window or the pacer, stopped sending: what is in flight now is a
   * lower bound of what the path can do. Call it when the sender runs dry with window left.
   */
  onAppLimited(inFlightBytes: number): void {
    this.#appLimitedUntilBytes = Math.max(this.#deliveredBytes + inFlightBytes, 1);
  }

  /** Forgets packets below a number, normally the oldest one that still can be acknowledged. */
  forgetBelow(packetNumber: number): void {
    if (packetNumber > this.#base) this.#base = packetNumber;
  }

  /**
   * Writes what the ACK showed into `sample` and begins the next one.
   *
   * Fills `nowMs`, `ackedBytes`, `ackedPackets`, `lostBytes`, `lostPackets`, `largestAcked`,
   * `largestAckedSentAtMs`, `deliveredBytes`, `priorDeliveredBytes`,
   * `deliveryRateBytesPerSecond`, `intervalMs`, `sentInFlightBytes`, `lostSinceSentBytes` and
   * `isAppLimited`. Reads `sample.minRttMs`, which the caller fills first: an interval shorter
   * than that is no measurement. The caller fills the other fields.
   *
   * @returns False when the ACK acknowledged no packet known here; `sample` is then incomplete.
   */
  fillAckSample(sample: AckSample, nowMs: number): boolean {
    const slots = this.#slots;
    const slot = this.#newestAckedSlot;
    const newest = this.#newestAcked;
    sample.nowMs = nowMs;
    sample.ackedBytes = this.#ackedBytes;
    sample.ackedPackets = this.#ackedPackets;
    sample.lostBytes = this.#lostBytesSinceAck;
    sample.lostPackets = this.#lostPacketsSinceAck;
    sample.deliveredBytes = this.#deliveredBytes;
    this.#ackedBytes = 0;
    this.#ackedPackets = 0;
    this.#lostBytesSinceAck = 0;
    this.#lostPacketsSinceAck = 0;
    this.#newestAcked = -1;
    this.#newestAckedSlot = -1;
    if (this.#appLimitedUntilBytes > 0 && this.#deliveredBytes > this.#appLimitedUntilBytes) {
      this.#appLimitedUntilBytes = 0;
    }
    if (slot < 0) return false;

    const sentAtMs = slots[slot + SENT_AT]!;
    const priorDelivered = slots[slot + DELIVERED]!;
    const sendElapsedMs = sentAtMs - slots[slot + FIRST_SENT_AT]!;
    const ackElapsedMs = this.#deliveredAtMs - slots[slot + DELIVERED_AT]!;
    const intervalMs = sendElapsedMs > ackElapsedMs ? sendElapsedMs : ackElapsedMs;
    if (sentAtMs > this.#firstSentAtMs) this.#firstSentAtMs = sentAtMs;
    sample.largestAcked = newest;
    sample.largestAckedSentAtMs = sentAtMs;
    sample.priorDeliveredBytes = priorDelivered;
    sample.intervalMs = intervalMs;
    sample.sentInFlightBytes = slots[slot + IN_FLIGHT]!;
    const lostSinceSent = this.#lostBytes - slots[slot + LOST]!;
    sample.lostSinceSentBytes = lostSinceSent > 0 ? lostSinceSent : 0;
    sample.isAppLimited = slots[slot + APP_LIMITED] !== 0;
    const minimumMs = sample.minRttMs;
    sample.deliveryRateBytesPerSecond = intervalMs > 0 && !(intervalMs < minimumMs)
      ? (this.#deliveredBytes - priorDelivered) * 1000 / intervalMs
      : NaN;
    return true;
  }

  /**
   * Writes the losses reported since the last call into `sample`.
   *
   * Fills `nowMs`, `lostBytes`, `lostPackets`, `largestLost`, `largestLostSentAtMs`,
   * `sentInFlightBytes`, `lostSinceSentBytes`, `priorDeliveredBytes` and `deliveredBytes`. The
   * caller fills `inFlightBytes` and `smoothedRttMs`.
   *
   * @returns False when no packet known here was lost.
   */
  fillLossSample(sample: LossSample, nowMs: number): boolean {
    const slots = this.#slots;
    const slot = this.#newestLostSlot;
    sample.nowMs = nowMs;
    sample.lostBytes = this.#lostBytesReported;
    sample.lostPackets = this.#lostPacketsReported;
    sample.largestLost = this.#newestLost;
    sample.deliveredBytes = this.#deliveredBytes;
    this.#lostBytesReported = 0;
    this.#lostPacketsReported = 0;
    this.#newestLost = -1;
    this.#newestLostSlot = -1;
    if (slot < 0) return false;
    sample.largestLostSentAtMs = slots[slot + SENT_AT]!;
    sample.priorDeliveredBytes = slots[slot + DELIVERED]!;
    sample.sentInFlightBytes = slots[slot + IN_FLIGHT]!;
    const lostSinceSent = this.#lostBytes - slots[slot + LOST]!;
    sample.lostSinceSentBytes = lostSinceSent > sample.lostBytes ? lostSinceSent : sample.lostBytes;
    return true;
  }

  /** Doubles the ring until `packetNumber` fits beside everything from `#base` on. */
  #makeRoom(packetNumber: number): void {
    const oldSlots = this.#slots;
    const oldMask = this.#mask;
    let capacity = oldMask + 1;
    while (packetNumber - this.#base >= capacity) capacity *= 2;
    const slots = emptySlots(capacity);
    const mask = capacity - 1;
    for (let number = this.#base; number < this.#end; number++) {
      const from = (number & oldMask) * SLOT_DOUBLES;
      if (oldSlots[from] !== number) continue;
      slots.set(oldSlots.subarray(from, from + SLOT_DOUBLES), (number & mask) * SLOT_DOUBLES);
    }
    if (this.#newestAckedSlot >= 0) {
      this.#newestAckedSlot = (this.#newestAcked & mask) * SLOT_DOUBLES;
    }
    if (this.#newestLostSlot >= 0) {
      this.#newestLostSlot = (this.#newestLost & mask) * SLOT_DOUBLES;
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}

function emptySlots(capacity: number): Float64Array {
  return new Float64Array(capacity * SLOT_DOUBLES).fill(-1);
}
