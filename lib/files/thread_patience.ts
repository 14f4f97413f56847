/**
 * Whether this thread writes by itself what it would have to wait for.
 *
 * Large pieces are written by other threads, so that packets do not wait for the disk. On a machine with one
 * or two processors those threads wait in turn for this one and for whoever is at the other end of the
 * connection, and what they are to write gathers meanwhile and leaves the caches. Who would wait for them
 * does better to write by himself, unless it is the disk that is slow: then this thread would do nothing but
 * wait, and leaves it to the others for twenty times as long as it has waited.
 *
 * @module
 */

/** With more processors than this, whoever lags behind waits for the disk. */
const FEW_PROCESSORS = 2;

/** A MiB takes 0.3 ms, and losing the processor to another program meanwhile some 3 ms. */
const QUICK_MS = 4;

const PAUSE_FACTOR = 20;

/** What {@linkcode ThreadPatience} knows about the machine. */
export interface ThreadPatienceOptions {
  /** How many threads can run at a time. */
  readonly processors: number;
  /** A clock, if there is one; without it there is no patience. */
  readonly nowMs: (() => number) | undefined;
}

/** Remembers whether the disk was slow. */
export class ThreadPatience {
  readonly #nowMs: (() => number) | null;
  #pausesUntilMs = -Infinity;

  /** Begins patient, where there are few processors. */
  constructor({ processors, nowMs }: ThreadPatienceOptions) {
    this.#nowMs = processors <= FEW_PROCESSORS ? nowMs ?? null : null;
  }

  /** Whether the next piece may be written here. */
  get isThere(): boolean {
    return this.#nowMs !== null && this.#nowMs() >= this.#pausesUntilMs;
  }

  /** Does that, and sees how long it takes until it returns. */
  spend<Result>(work: () => Result): Result {
    const startMs = this.#nowMs?.() ?? 0;
    try {
      return work();
    } finally {
      const endMs = this.#nowMs?.() ?? 0;
      const tookMs = endMs - startMs;
      if (tookMs > QUICK_MS) this.#pausesUntilMs = endMs + PAUSE_FACTOR * tookMs;
    }
  }
}
