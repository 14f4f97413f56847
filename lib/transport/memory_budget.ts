/**
 * Memory that all connections of an endpoint share: what they promise to hold beyond a small base.
 *
 * @module
 */

/** Part of what is left that one grant may take, so that nobody takes everything. */
const LARGEST_SHARE = 0.25;

/** A number of bytes handed out in parts. */
export class MemoryBudget {
  readonly #totalBytes: number;
  #takenBytes = 0;

  /** Makes a budget of `totalBytes`; Infinity for none. */
  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** Bytes handed out now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Takes up to `wantedBytes`, less when the budget runs low; returns what was granted. */
  take(wantedBytes: number): number {
    const leftBytes = this.#totalBytes - this.#takenBytes;
    const granted = Math.max(0, Math.min(wantedBytes, Math.floor(leftBytes * LARGEST_SHARE)));
    this.#takenBytes += granted;
    return granted;
  }

  /** Gives back what `take` granted. */
  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}
