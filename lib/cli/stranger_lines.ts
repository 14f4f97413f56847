/**
 * How much of the log clients may fill that were not let in: they cost nothing, and a line for each of their
 * requests would soon fill a disk.
 *
 * @module
 */

import { RateGate } from "../transport/mod.ts";
import { formatCount } from "./units.ts";

/** Lines that may come at once. */
const BURST = 100;
/** And then. */
const PER_SECOND = 1;

/** Lets lines about strangers through, and counts those that it does not. */
export class StrangerLines {
  readonly #nowMs: () => number;
  readonly #onOmitted: (sentence: string) => void;
  readonly #gate = new RateGate(PER_SECOND, BURST);
  #omittedCount = 0;

  /** `onOmitted` hears of lines that were left out, when the next one is told. */
  constructor(nowMs: () => number, onOmitted: (sentence: string) => void) {
    this.#nowMs = nowMs;
    this.#onOmitted = onOmitted;
  }

  /** Tells a line, or leaves it out. */
  tell(line: () => void): void {
    if (!this.#gate.tryPass(this.#nowMs())) {
      this.#omittedCount++;
      return;
    }
    if (this.#omittedCount > 0) {
      const lines = formatCount(this.#omittedCount, "line");
      this.#omittedCount = 0;
      this.#onOmitted(`Left out ${lines} about clients that were not let in`);
    }
    line();
  }
}
