/**
 * Time that jumps from one event to the next. Events of one moment run in the order of their making.
 *
 * @module
 */

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A moment and a heap of what is to come. */
export class VirtualClock {
  #nowMs = 0;
  #order = 0;
  /** Binary heap, earliest first. */
  #heap: Event[] = [];
  /** Events run so far. */
  eventCount = 0;

  /** Now, virtual milliseconds. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next event is due; Infinity when there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /** Runs `run` at a moment, or now when that is past. */
  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    const event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run };
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  /** Runs the next event; false when there is none up to `limitMs`. */
  step(limitMs: number): boolean {
    const event = this.#heap[0];
    if (event === undefined || event.atMs > limitMs) return false;
    this.#removeFirst();
    this.#nowMs = event.atMs;
    this.eventCount++;
    event.run();
    return true;
  }

  /** Lets time pass without events. */
  advance(toMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, Math.min(toMs, this.nextMs));
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
