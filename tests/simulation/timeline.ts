/**
 * Moments of one kind that lie ahead, cheap enough for millions.
 *
 * @module
 */

/** Moments with a number each, given back in order of time. */
export class Timeline {
  #times = new Float64Array(1024);
  #values = new Float64Array(1024);
  #head = 0;
  #tail = 0;

  get nextAtMs(): number {
    return this.#head === this.#tail ? Infinity : this.#times[this.#head & this.#mask]!;
  }

  get #mask(): number {
    return this.#times.length - 1;
  }

  push(atMs: number, value: number): void {
    if (this.#tail - this.#head === this.#times.length) this.#grow();
    const mask = this.#mask;
    let index = this.#tail++;
    while (index > this.#head && this.#times[(index - 1) & mask]! > atMs) {
      this.#times[index & mask] = this.#times[(index - 1) & mask]!;
      this.#values[index & mask] = this.#values[(index - 1) & mask]!;
      index--;
    }
    this.#times[index & mask] = atMs;
    this.#values[index & mask] = value;
  }

  shift(): number {
    return this.#values[this.#head++ & this.#mask]!;
  }

  #grow(): void {
    const count = this.#tail - this.#head;
    const times = new Float64Array(this.#times.length * 2);
    const values = new Float64Array(this.#times.length * 2);
    for (let i = 0; i < count; i++) {
      times[i] = this.#times[(this.#head + i) & this.#mask]!;
      values[i] = this.#values[(this.#head + i) & this.#mask]!;
    }
    this.#times = times;
    this.#values = values;
    this.#head = 0;
    this.#tail = count;
  }
}
