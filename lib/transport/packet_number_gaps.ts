/**
 * Packet numbers that are left out, to catch a peer that acknowledges packets before it has them so as to
 * be sent more than its path takes. RFC 9000 §21.4.
 *
 * @module
 */
import type { LossDetection } from "./loss_detection.ts";

/** Packets until a number is left out; later ones come more and more seldom. */
const FIRST_SKIP_PACKETS = 256;
const MAX_SKIP_PACKETS = 65_536;

/** Chooses the numbers of one connection. */
export class PacketNumberGaps {
  readonly #loss: LossDetection;
  readonly #random: () => number;
  #skipPackets = FIRST_SKIP_PACKETS / 2;
  #skipAtPacket = 0;

  /** `random` gives numbers in [0, 1). */
  constructor(loss: LossDetection, random: () => number) {
    this.#loss = loss;
    this.#random = random;
  }

  /** Leaves the next number out if its turn has come. */
  skipIfDue(): void {
    const next = this.#loss.nextPacketNumber;
    if (next < this.#skipAtPacket) return;
    if (next > 0) this.#loss.skipPacketNumber();
    this.#skipPackets = Math.min(this.#skipPackets * 2, MAX_SKIP_PACKETS);
    this.#skipAtPacket = next + Math.floor(this.#skipPackets * (0.5 + this.#random()));
  }
}
