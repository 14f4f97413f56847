/**
 * Named deadlines in one table. The earliest is what the driver sleeps on, so the whole connection
 * needs a single real timer.
 *
 * @module
 */

/** A fixed set of named moments, in milliseconds on the connection's clock; `Infinity` means unset. */
export class DeadlineTable<Name extends string> {
  /** A few names: looking through them is as quick as a map, which would be larger than all the rest. */
  readonly #names: readonly Name[];
  readonly #atMs: number[];
  #earliestMs = Infinity;

  /** Makes a table with these rows, all unset. */
  constructor(names: readonly Name[]) {
    this.#names = names;
    this.#atMs = names.map(() => Infinity);
  }

  /** Sets one deadline, or clears it with `Infinity`. */
  set(name: Name, atMs: number): void {
    const index = this.#names.indexOf(name);
    const previousMs = this.#atMs[index]!;
    if (previousMs === atMs) return;
    this.#atMs[index] = atMs;
    if (atMs <= this.#earliestMs) this.#earliestMs = atMs;
    else if (previousMs === this.#earliestMs) this.#findEarliest();
  }

  /** Clears one deadline. */
  clear(name: Name): void {
    this.set(name, Infinity);
  }

  /** Clears every deadline. */
  clearAll(): void {
    this.#atMs.fill(Infinity);
    this.#earliestMs = Infinity;
  }

  /** When the named deadline is due; `Infinity` when unset. */
  at(name: Name): number {
    return this.#atMs[this.#names.indexOf(name)]!;
  }

  /** The earliest deadline of all; `Infinity` when none is set. */
  get earliestMs(): number {
    return this.#earliestMs;
  }

  /** Clears and returns one deadline that is due at `nowMs`, or null when none is. */
  takeExpired(nowMs: number): Name | null {
    if (this.#earliestMs > nowMs) return null;
    for (let i = 0; i < this.#names.length; i++) {
      if (this.#atMs[i]! <= nowMs) {
        this.#atMs[i] = Infinity;
        this.#findEarliest();
        return this.#names[i]!;
      }
    }
    return null;
  }

  #findEarliest(): void {
    let earliest = Infinity;
    for (let i = 0; i < this.#atMs.length; i++) {
      if (this.#atMs[i]! < earliest) earliest = this.#atMs[i]!;
    }
    this.#earliestMs = earliest;
  }
}
