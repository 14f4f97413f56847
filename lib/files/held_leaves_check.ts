import { type LeafHasher, plainLeaves } from "../crypto/mod.ts";
import { countEqualLeaves } from "./leaf_comparison.ts";

/** Leaves at the end of a part that are read again before anything else: what a crash tears is there. */
const CHECKED_FIRST = 64;

/** What is checked. */
export interface HeldLeaves {
  /** Reads the part; fewer bytes at its end. */
  readonly read: (buffer: Uint8Array, offset: number) => Promise<number>;
  /** How its journal hashes. */
  readonly hasher: LeafHasher;
  /** What its journal claims. */
  readonly leaves: readonly Uint8Array[];
}

/**
 * The check of what an unfinished file holds, while the rest of it arrives already.
 *
 * Reading and hashing a GiB takes most of a second. So the last leaves are looked at first, and when they
 * are as claimed the transfer goes on behind them; before publication all have been checked.
 */
export class HeldLeavesCheck {
  /** Leaves that may be claimed: all, or those before the first that is wrong. */
  readonly count: number;
  readonly #outcome: Promise<number | { readonly error: unknown }>;
  #isStopped = false;

  private constructor(held: HeldLeaves, count: number, uncheckedCount: number) {
    this.count = count;
    this.#outcome = countEqualLeaves({
      ...{ ...held, from: 0, until: uncheckedCount },
      isStopped: () => this.#isStopped,
    }).then((wrong) => wrong === uncheckedCount ? count : wrong, (error) => ({ error }));
  }

  /** Checks the last leaves, or all of them if one of these is wrong, and goes on in the background. */
  static async start(held: HeldLeaves): Promise<HeldLeavesCheck> {
    const { length } = held.leaves;
    const first = Math.max(0, length - CHECKED_FIRST);
    if (await countEqualLeaves({ ...held, from: first, until: length }) === length) {
      return new HeldLeavesCheck(held, length, first);
    }
    return new HeldLeavesCheck(
      held,
      await countEqualLeaves({ ...held, from: 0, until: length }),
      0,
    );
  }

  /** The check of so many leaves that were just read. */
  static ofRead(count: number): HeldLeavesCheck {
    const read = () => Promise.resolve(0);
    return new HeldLeavesCheck({ read, hasher: plainLeaves, leaves: [] }, count, 0);
  }

  /** Number of leaves before the first that is wrong, once all are checked. Throws what the disk reports. */
  async trueCount(): Promise<number> {
    const outcome = await this.#outcome;
    if (typeof outcome === "number") return outcome;
    throw outcome.error;
  }

  /** Ends the check soon and waits for that: the part may be closed afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#outcome;
  }
}
