/**
 * The receiving end of one flow of the model: it acknowledges many packets at a time, as often as the
 * sender asks for.
 *
 * @module
 */
import type { BottleneckLink } from "./bottleneck_link.ts";
import { ModelScheduler } from "./model_scheduler.ts";
import { Timeline } from "./timeline.ts";

/** Takes what the link delivers and answers. */
export class ModelReceiver {
  /** Packets on their way here. */
  readonly arrivals = new Timeline();
  /** ACKs on their way back; each confirms all arrivals up to an index. */
  readonly acks = new Timeline();
  /** Packets after which an ACK is wanted. */
  ackEvery = 2;
  /** Longest wait before an ACK. */
  maxAckDelayMs = 5;

  readonly #link: BottleneckLink;
  readonly #scheduler: ModelScheduler;
  /** Packet numbers in order of arrival. */
  readonly #log: Float64Array;
  readonly #mask: number;
  #arrivedCount = 0;
  #unackedCount = 0;
  #ackDeadlineMs = Infinity;

  /** `ringPackets`, a power of two: arrivals that are remembered. */
  constructor(link: BottleneckLink, ringPackets: number) {
    this.#link = link;
    this.#scheduler = new ModelScheduler(link);
    this.#log = new Float64Array(ringPackets);
    this.#mask = ringPackets - 1;
  }

  /** When `advance` has something to do. */
  get nextAtMs(): number {
    return Math.min(this.arrivals.nextAtMs, this.#ackDeadlineMs);
  }

  /** The packet that arrived as number `index`, from 0. */
  packetAt(index: number): number {
    return this.#log[index & this.#mask]!;
  }

  /** Runs the one thing that is due. */
  advance(nowMs: number): void {
    if (this.arrivals.nextAtMs <= nowMs) {
      this.#arrive(this.arrivals.shift(), this.#scheduler.runsAtMs(nowMs));
    } else {
      this.#sendAck(nowMs);
    }
  }

  #arrive(packetNumber: number, nowMs: number): void {
    this.#log[this.#arrivedCount++ & this.#mask] = packetNumber;
    this.#unackedCount++;
    if (this.#unackedCount >= this.ackEvery) this.#sendAck(nowMs);
    else if (this.#unackedCount === 1) this.#ackDeadlineMs = nowMs + this.maxAckDelayMs;
  }

  #sendAck(nowMs: number): void {
    this.#unackedCount = 0;
    this.#ackDeadlineMs = Infinity;
    const arrivesAtMs = this.#link.carryBack(nowMs);
    if (arrivesAtMs > 0) this.acks.push(arrivesAtMs, this.#arrivedCount);
  }
}
