/**
 * The link of the model: one FIFO queue with a rate and a tail-drop limit, propagation delay, random loss,
 * and jitter that reorders.
 *
 * @module
 */
import { seededRandom } from "../support/seeded_random.ts";

/** Bytes of a full packet on the wire (IP). */
const WIRE_BYTES = 1500;

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
}

/** A link in virtual time: it tells when what is handed over now arrives. */
export class BottleneckLink {
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
