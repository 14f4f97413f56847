import { type LeafHasher, plainLeaves } from "../crypto/mod.ts";
import { FileError } from "./file_error.ts";
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
  /** Asked before each leaf; true ends the check, and whoever waits for it hears `cancelled`. */
  readonly isStopped: () => boolean;
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
    const isStopped = () => this.#isStopped || held.isStopped();
    this.#outcome = countRight({ ...held, isStopped }, { from: 0, until: uncheckedCount })
      .then((right) => right === uncheckedCount ? count : right, (error) => ({ error }));
  }

  /**
   * Checks the last leaves, or all of them if one of these is wrong, and goes on in the background.
   *
   * @throws {FileError} `cancelled`, and what the disk reports.
   */
  static async start(held: HeldLeaves): Promise<HeldLeavesCheck> {
    const { length } = held.leaves;
    const first = Math.max(0, length - CHECKED_FIRST);
    if (await countRight(held, { from: first, until: length }) === length) {
      return new HeldLeavesCheck(held, length, first);
    }
    return new HeldLeavesCheck(held, await countRight(held, { from: 0, until: length }), 0);
  }

  /** The check of so many leaves that were just read. */
  static ofRead(count: number): HeldLeavesCheck {
    const nothing = {
      read: () => Promise.resolve(0),
      hasher: plainLeaves,
      leaves: [],
      isStopped: () => false,
    };
    return new HeldLeavesCheck(nothing, count, 0);
  }

  /**
   * Number of leaves before the first that is wrong, once all are checked.
   *
   * @throws {FileError} `cancelled`, and what the disk reports.
   */
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

/** The index of the first wrong leaf, or `until`. An end before that says nothing about the leaves. */
async function countRight(
  held: HeldLeaves,
  { from, until }: { readonly from: number; readonly until: number },
): Promise<number> {
  const right = await countEqualLeaves({ ...held, from, until });
  if (right < until && held.isStopped()) throw new FileError("cancelled", "");
  return right;
}
