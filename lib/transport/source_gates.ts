/**
 * How often something may happen for each source: whoever has one address must not use up what is there for
 * all.
 *
 * @module
 */
import { isLoopbackHost } from "./address_filter.ts";
import { sourceOf } from "./admission.ts";
import { RateGate } from "./rate_gate.ts";

/** Sources that are told apart at once; the one that came first is forgotten for a new one. */
const MAX_SOURCES = 256;

/** A gate for each source, none for loopback, which all users of this machine share. */
export class SourceGates {
  readonly #ratePerSecond: number;
  readonly #burst: number;
  readonly #gates = new Map<string, RateGate>();

  /** Lets `ratePerSecond` things of each source through on average and `burst` at once. */
  constructor(ratePerSecond: number, burst: number) {
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
  }

  /** True when one more of this host may pass now; it is then counted. */
  tryPass(hostname: string, nowMs: number): boolean {
    if (isLoopbackHost(hostname)) return true;
    const source = sourceOf(hostname);
    let gate = this.#gates.get(source);
    if (gate === undefined) {
      gate = new RateGate(this.#ratePerSecond, this.#burst);
      this.#gates.set(source, gate);
      this.#forgetOldest();
    }
    return gate.tryPass(nowMs);
  }

  #forgetOldest(): void {
    if (this.#gates.size <= MAX_SOURCES) return;
    const [oldest] = this.#gates.keys();
    this.#gates.delete(oldest!);
  }
}
