/**
 * A sorted set of disjoint half-open ranges `[start, end)` of non-negative integers below 2^53:
 * packet numbers that were received, stream bytes that were acknowledged or lost.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";

/** Disjoint ranges in ascending order; ranges that touch are joined. */
export class RangeSet {
  #starts: number[] = [];
  #ends: number[] = [];

  /** How many separate ranges there are. */
  get rangeCount(): number {
    return this.#starts.length;
  }

  /** True when nothing is in the set. */
  get isEmpty(): boolean {
    return this.#starts.length === 0;
  }

  /** Lowest start, or NaN when empty. */
  get firstStart(): number {
    return this.#starts.length === 0 ? NaN : this.#starts[0]!;
  }

  /** End of the lowest range, or NaN when empty. */
  get firstEnd(): number {
    return this.#ends.length === 0 ? NaN : this.#ends[0]!;
  }

  /** Highest end, or NaN when empty. */
  get lastEnd(): number {
    return this.#ends.length === 0 ? NaN : this.#ends[this.#ends.length - 1]!;
  }

  /** Start of range `index`, counted from the lowest. */
  startAt(index: number): number {
    return this.#starts[index]!;
  }

  /** End of range `index`, counted from the lowest. */
  endAt(index: number): number {
    return this.#ends[index]!;
  }

  /** True when `value` is in the set. */
  has(value: number): boolean {
    const last = this.#starts.length - 1;
    // Packets mostly arrive in order: the newest range answers nearly every question.
    if (last >= 0 && value >= this.#starts[last]!) return value < this.#ends[last]!;
    const index = this.#firstEndingAfter(value);
    return index <= last && this.#starts[index]! <= value;
  }

  /** Adds `[start, end)` and joins what it touches. Returns how many integers are new. */
  insert(start: number, end: number): number {
    assert(start < end, "a range has at least one element");
    const starts = this.#starts;
    const ends = this.#ends;
    const last = starts.length - 1;
    if (last < 0 || start > ends[last]!) {
      starts.push(start);
      ends.push(end);
      return end - start;
    }
    if (start === ends[last]!) {
      ends[last] = end;
      return end - start;
    }
    let index = this.#firstEndingAfter(start - 1);
    if (starts[index]! > end) {
      starts.splice(index, 0, start);
      ends.splice(index, 0, end);
      return end - start;
    }
    let added = end - start;
    const from = index;
    const mergedStart = Math.min(start, starts[from]!);
    let mergedEnd = end;
    while (index < starts.length && starts[index]! <= end) {
      const overlap = Math.min(end, ends[index]!) - Math.max(start, starts[index]!);
      if (overlap > 0) added -= overlap;
      mergedEnd = Math.max(mergedEnd, ends[index]!);
      index++;
    }
    starts[from] = mergedStart;
    ends[from] = mergedEnd;
    if (index - from > 1) {
      starts.splice(from + 1, index - from - 1);
      ends.splice(from + 1, index - from - 1);
    }
    return added;
  }

  /** Takes `[start, end)` out. Returns how many integers were removed. */
  remove(start: number, end: number): number {
    if (start >= end) return 0;
    const starts = this.#starts;
    const ends = this.#ends;
    let index = this.#firstEndingAfter(start);
    let removed = 0;
    while (index < starts.length && starts[index]! < end) {
      const rangeStart = starts[index]!;
      const rangeEnd = ends[index]!;
      removed += Math.min(end, rangeEnd) - Math.max(start, rangeStart);
      if (rangeStart < start && rangeEnd > end) {
        ends[index] = start;
        starts.splice(index + 1, 0, end);
        ends.splice(index + 1, 0, rangeEnd);
        return removed;
      }
      if (rangeStart < start) {
        ends[index] = start;
        index++;
      } else if (rangeEnd > end) {
        starts[index] = end;
        return removed;
      } else if (index === 0) {
        starts.shift();
        ends.shift();
      } else {
        starts.splice(index, 1);
        ends.splice(index, 1);
      }
    }
    return removed;
  }

  /** Removes the lowest range and returns its end. */
  removeFirst(): number {
    this.#starts.shift();
    const end = this.#ends.shift();
    assert(end !== undefined, "the set is not empty");
    return end;
  }

  /** Empties the set. */
  clear(): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
  }

  /** Index of the lowest range whose end is above `value`; the range count when there is none. */
  #firstEndingAfter(value: number): number {
    const ends = this.#ends;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
