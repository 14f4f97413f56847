import { osCode } from "./file_error.ts";

/**
 * Lets so many small files be written at a time, and fewer once the system has no descriptors left: what
 * was refused for that is tried again when another file is done, as long as there is one. What goes well
 * lets in one more at a time, up to the first limit: a moment without descriptors is not for ever.
 */
export class OpenPartsLimit {
  readonly #maxLimit: number;
  #limit: number;
  /** Tasks that went well since the limit changed. */
  #doneCount = 0;
  #runningCount = 0;
  readonly #waiting: (() => void)[] = [];

  /** At most `limit` at the same time. */
  constructor(limit: number = MAX_OPEN_PARTS) {
    this.#maxLimit = limit;
    this.#limit = limit;
  }

  /** Runs a task that opens files and leaves nothing behind when it fails. */
  async run(task: () => Promise<void>): Promise<void> {
    for (;;) {
      while (this.#runningCount >= this.#limit) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      this.#runningCount++;
      try {
        await task();
        return this.#grow();
      } catch (error) {
        if (!NO_DESCRIPTORS.has(osCode(error) ?? "") || this.#runningCount === 1) throw error;
        // Half of it, because others need descriptors too.
        this.#limit = Math.max(1, Math.min(this.#limit, this.#runningCount) >> 1);
        this.#doneCount = 0;
      } finally {
        this.#runningCount--;
        this.#waiting.shift()?.();
      }
    }
  }

  #grow(): void {
    if (this.#limit >= this.#maxLimit || ++this.#doneCount < DONE_BEFORE_MORE) return;
    this.#limit++;
    this.#doneCount = 0;
    this.#waiting.shift()?.();
  }
}

/** A refusal costs a few system calls; at most one comes with so many files. */
const DONE_BEFORE_MORE = 16;

const NO_DESCRIPTORS: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/** So many share one flush of the disk, whoever sends them. */
const MAX_OPEN_PARTS = 1024;
