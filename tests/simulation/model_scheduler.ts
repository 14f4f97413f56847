/**
 * The scheduler of the machine at one end of the model's link, which forgets that end now and then.
 *
 * @module
 */
import type { BottleneckLink } from "./bottleneck_link.ts";

/** Tells when what is due really runs. */
export class ModelScheduler {
  readonly #link: BottleneckLink;
  #stallFromMs: number;
  #busyUntilMs = 0;

  constructor(link: BottleneckLink) {
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
