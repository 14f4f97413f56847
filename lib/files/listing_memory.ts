/**
 * Memory that the listings of one root share: what they have read of folders and nobody has taken yet.
 *
 * A listing whose reader takes nothing could otherwise hold a whole folder for as long as it likes. It may be
 * dropped here at no loss but time: a listing knows the last name that was taken, and reads on from there.
 *
 * @module
 */

/** A million names of usual length. */
const CAPACITY_BYTES = 64 * 1024 * 1024;

/** What was read is kept for so long at least: reading a million names takes about that. */
const TURN_MS = 2000;

/** What one listing holds of one folder. */
export interface HeldNames {
  /** What it takes, roughly; does not change while it is held. */
  readonly heldBytes: number;
  /** Lets go of it, because another listing needs the room. */
  drop(): void;
}

/** Lets listings hold so much together; whoever had a turn makes room for others. */
export class ListingMemory {
  readonly #capacityBytes: number;
  readonly #nowMs: () => number;
  /** And since when, the oldest first. */
  readonly #held = new Map<HeldNames, number>();
  #heldBytes = 0;

  /** Holds nothing yet. */
  constructor(options: { readonly nowMs: () => number; readonly capacityBytes?: number }) {
    this.#nowMs = options.nowMs;
    this.#capacityBytes = options.capacityBytes ?? CAPACITY_BYTES;
  }

  /** What all listings hold now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * How much room there is, when those that had their turn give way as far as it takes; perhaps less than what is
   * wanted, or none.
   */
  roomFor(wantedBytes: number): number {
    const nowMs = this.#nowMs();
    for (const [names, sinceMs] of this.#held) {
      // A clock that was set back must not make turns longer.
      const hadTurn = Math.abs(nowMs - sinceMs) >= TURN_MS;
      if (!hadTurn || this.#capacityBytes - this.#heldBytes >= wantedBytes) break;
      this.release(names);
      names.drop();
    }
    return Math.max(0, this.#capacityBytes - this.#heldBytes);
  }

  /** Counts what a listing holds from now on. */
  hold(names: HeldNames): void {
    this.#held.set(names, this.#nowMs());
    this.#heldBytes += names.heldBytes;
  }

  /** Counts it no longer. */
  release(names: HeldNames): void {
    if (this.#held.delete(names)) this.#heldBytes -= names.heldBytes;
  }
}
