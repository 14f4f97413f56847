/**
 * Memory that all connections of an endpoint share: what they promise to hold beyond a small base.
 *
 * @module
 */

/** Part of what is left that one grant may take, so that nobody takes everything. */
const LARGEST_SHARE = 0.25;

/** Memory that is handed out in parts. */
export interface SharedMemory {
  /** Takes up to `wantedBytes`, less when there is little left; returns what was granted. */
  take(wantedBytes: number): number;
  /** Gives back what `take` granted. */
  giveBack(bytes: number): void;
}

/** A number of bytes handed out in parts. */
export class MemoryBudget implements SharedMemory {
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

/** What one connection may take of the shared memory: nothing before it is let in. */
export class MemoryShare implements SharedMemory {
  readonly #memory: SharedMemory;
  #isOpen = false;

  /** A share of `memory`. */
  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  /** The connection is let in. */
  open(): void {
    this.#isOpen = true;
  }

  /** See {@linkcode SharedMemory.take}. */
  take(wantedBytes: number): number {
    return this.#isOpen ? this.#memory.take(wantedBytes) : 0;
  }

  /** See {@linkcode SharedMemory.giveBack}. */
  giveBack(bytes: number): void {
    this.#memory.giveBack(bytes);
  }
}
