/** The flush of one file or folder alone. */
export type LoneFlush = () => Promise<void>;

/** How {@linkcode DiskFlushes} works. */
export interface DiskFlushesOptions {
  /** Flushes everything on the disk; null when that cannot be had. */
  readonly together?: () => Promise<void> | null;
  /** A clock to notice that this takes long, if there is one. */
  readonly nowMs?: (() => number) | undefined;
  /** Flushes of single files and folders at the same time. */
  readonly parallel?: number;
}

interface Waiting {
  readonly flushAlone: LoneFlush;
  readonly flushed: PromiseWithResolvers<void>;
}

/**
 * Flushes files and folders on behalf of many transfers: few at a time, or all that wait by one flush of
 * the disk.
 *
 * A journaling file system writes what waits for one commit together, so a few flushes side by side cost
 * little more than one; more of them only fight over the journal. Where one call flushes the whole disk,
 * whoever comes while it runs waits for the next one: the content of new files and the names that earlier
 * ones have been given go together.
 */
export class DiskFlushes {
  readonly #parallel: number;
  readonly #nowMs: (() => number) | undefined;
  #together: (() => Promise<void> | null) | null;
  readonly #waiting: Waiting[] = [];
  #aloneCount = 0;
  #isFlushingTogether = false;
  /** Others write much to this disk: until then nobody waits for their data. */
  #aloneUntilMs = -Infinity;

  /** Flushes one by one unless told how to flush everything. */
  constructor({ together, nowMs, parallel = PARALLEL_FLUSHES }: DiskFlushesOptions = {}) {
    this.#together = together ?? null;
    this.#nowMs = nowMs;
    this.#parallel = parallel;
  }

  /**
   * Resolves when what `flushAlone` flushes is on stable storage as it was at the call. Rejects with what the
   * disk reports of it: it must not be flushed again then.
   */
  flush(flushAlone: LoneFlush): Promise<void> {
    const flushed = Promise.withResolvers<void>();
    this.#waiting.push({ flushAlone, flushed });
    this.#startSome();
    return flushed.promise;
  }

  #startSome(): void {
    if (this.#isFlushingTogether) return; // it may have missed those that came since
    if (this.#waiting.length >= LEAST_TOGETHER && this.#startTogether()) return;
    while (this.#waiting.length > 0 && this.#aloneCount < this.#parallel) {
      this.#startAlone(this.#waiting.shift()!);
    }
  }

  #startTogether(): boolean {
    if (this.#together === null || this.#clockMs() < this.#aloneUntilMs) return false;
    const startMs = this.#clockMs();
    const flushing = this.#together();
    if (flushing === null) {
      this.#together = null;
      return false;
    }
    const group = this.#waiting.splice(0);
    this.#isFlushingTogether = true;
    const onEnd = () => {
      if (this.#clockMs() - startMs > LONG_MS) this.#aloneUntilMs = this.#clockMs() + ALONE_MS;
      this.#isFlushingTogether = false;
      this.#startSome();
    };
    flushing.then(() => {
      for (const { flushed } of group) flushed.resolve();
      onEnd();
    }, () => {
      // Whose data it was is not told; a flush of each alone does tell, once.
      this.#together = null;
      this.#waiting.unshift(...group);
      onEnd();
    });
    return true;
  }

  #startAlone({ flushAlone, flushed }: Waiting): void {
    this.#aloneCount++;
    const onEnd = () => {
      this.#aloneCount--;
      this.#startSome();
    };
    flushAlone().then(() => {
      flushed.resolve();
      onEnd();
    }, (error) => {
      flushed.reject(error);
      onEnd();
    });
  }

  #clockMs(): number {
    return this.#nowMs?.() ?? 0;
  }
}

/** With 32 at a time 10 000 small files took 1.4 times as long, with one or two 1.3 times (ext4, medians). */
const PARALLEL_FLUSHES = 6;
/** Fewer are flushed sooner one by one. */
const LEAST_TOGETHER = 4;
/** A flush of the whole disk that takes longer wrote mostly what is not ours. */
const LONG_MS = 1000;
/** How long they are flushed one by one after that. */
const ALONE_MS = 60_000;
