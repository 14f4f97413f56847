/**
 * Memory that all connections of an endpoint share: what they promise to hold beyond a small base.
 *
 * @module
 */

/** Part of what is left that one grant may take, so that nobody takes everything. */
const LARGEST_SHARE = 0.25;
/** Newcomers that half of a budget is enough for, were each of them given as much as the first. */
const NEWCOMERS = 16;

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

  /**
   * What a newcomer may take before anybody knows whether it needs it: a part of one half, so that those who
   * turn out to need more find the other.
   */
  get newcomersBytes(): number {
    return Math.max(0, Math.floor((this.#totalBytes / 2 - this.#takenBytes) / NEWCOMERS));
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

/**
 * The memory of an endpoint, half of it for each direction: windows are promised to clients that may never use
 * them, and must leave something for what is sent.
 */
export class EndpointMemory {
  /** For what the peers may send. */
  readonly incoming: MemoryBudget;
  /** For what is kept until the peers acknowledge it. */
  readonly outgoing: MemoryBudget;

  /** Divides `totalBytes`; Infinity for no limit. */
  constructor(totalBytes: number) {
    this.incoming = new MemoryBudget(totalBytes / 2);
    this.outgoing = new MemoryBudget(totalBytes / 2);
  }

  /** Bytes handed out now. */
  get takenBytes(): number {
    return this.incoming.takenBytes + this.outgoing.takenBytes;
  }
}

/** What one connection may take of the shared memory: nothing before it is let in. */
export class MemoryShare implements SharedMemory {
  readonly #memory: MemoryBudget;
  #isOpen = false;

  /** A share of `memory`. */
  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  /** The connection is let in. Returns what it may take at first, bytes. */
  open(): number {
    this.#isOpen = true;
    return this.#memory.newcomersBytes;
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
