/**
 * How much processor time a program has used.
 *
 * @module
 */

const TICKS_PER_SECOND = 100;

/** User and system seconds of a process so far; null where the system does not tell (only Linux does). */
export function cpuSeconds(pid: number): number | null {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

/** What a process used between two moments. */
export class CpuMeter {
  readonly #pid: number;
  readonly #startSeconds: number | null;

  constructor(pid: number) {
    this.#pid = pid;
    this.#startSeconds = cpuSeconds(pid);
  }

  /** Seconds since the meter was made, or null. */
  seconds(): number | null {
    const now = cpuSeconds(this.#pid);
    return now === null || this.#startSeconds === null ? null : now - this.#startSeconds;
  }
}
