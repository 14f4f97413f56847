/**
 * How far a transfer is, how fast, and how long it still takes. No clock, no printing.
 *
 * @module
 */

/** Bytes between two reports of progress. */
export const PROGRESS_STEP_BYTES = 65_536;
/** The rate is that of the last seconds, so that it follows the network without jumping. */
const RATE_WINDOW_MS = 5_000;
/** Moments kept for the rate; closer ones are merged. */
const MIN_SAMPLE_GAP_MS = 100;

/** Takes positions as they come and reports few of them: the end, and one for each 64 KiB. */
export class ProgressSteps {
  #totalBytes: number;
  #reportedBytes: number;
  #report: ((bytes: number) => void) | undefined;

  /** Reports from `startBytes` on to `report`, if there is anybody to report to. */
  constructor(options: {
    totalBytes: number;
    startBytes: number;
    report: ((bytes: number) => void) | undefined;
  }) {
    this.#totalBytes = options.totalBytes;
    this.#reportedBytes = options.startBytes;
    this.#report = options.report;
  }

  /** `bytes` of the file are done, those from an earlier try included. */
  reach(bytes: number): void {
    if (this.#report === undefined || bytes === this.#reportedBytes) return;
    if (bytes < this.#totalBytes && bytes - this.#reportedBytes < PROGRESS_STEP_BYTES) return;
    this.#reportedBytes = bytes;
    this.#report(bytes);
  }
}

/** Where a transfer stands, for whoever shows it. Times come from the caller, in milliseconds. */
export class Progress {
  /** Size of the file. */
  readonly totalBytes: number;
  #startBytes: number;
  #startedMs: number;
  #bytes: number;
  #movedBytes = 0;
  #atMs: number;
  /** What had moved at recent times, oldest first. */
  #samples: { atMs: number; movedBytes: number }[];

  /** A transfer that starts at `nowMs`, with `startBytes` there from an earlier try. */
  constructor(options: { totalBytes: number; startBytes: number; nowMs: number }) {
    this.totalBytes = options.totalBytes;
    this.#startBytes = options.startBytes;
    this.#startedMs = options.nowMs;
    this.#bytes = options.startBytes;
    this.#atMs = options.nowMs;
    this.#samples = [{ atMs: options.nowMs, movedBytes: 0 }];
  }

  /**
   * Takes a new position.
   *
   * @param movedBytes What has really moved since the start; all of the difference when absent.
   */
  update(bytes: number, nowMs: number, movedBytes: number = bytes - this.#startBytes): void {
    this.#bytes = bytes;
    this.#movedBytes = movedBytes;
    this.#atMs = nowMs;
    const last = this.#samples.at(-1)!;
    if (this.#samples.length > 1 && nowMs - this.#samples.at(-2)!.atMs < MIN_SAMPLE_GAP_MS) {
      last.atMs = nowMs;
      last.movedBytes = movedBytes;
    } else {
      this.#samples.push({ atMs: nowMs, movedBytes });
    }
    while (this.#samples.length > 2 && nowMs - this.#samples[1]!.atMs > RATE_WINDOW_MS) {
      this.#samples.shift();
    }
  }

  /** Bytes done, those from an earlier try included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Part that is done, from 0 to 1. */
  get fraction(): number {
    return this.totalBytes === 0 ? 1 : this.#bytes / this.totalBytes;
  }

  /** Seconds since the start. */
  get elapsedSeconds(): number {
    return (this.#atMs - this.#startedMs) / 1000;
  }

  /** Rate of the last seconds; 0 while nothing is known. */
  get rateBytesPerSecond(): number {
    const first = this.#samples[0]!;
    return rate(this.#movedBytes - first.movedBytes, this.#atMs - first.atMs);
  }

  /** Seconds to the end at the present rate, or null while nothing is known. */
  get remainingSeconds(): number | null {
    const bytesPerSecond = this.rateBytesPerSecond;
    return bytesPerSecond === 0 ? null : (this.totalBytes - this.#bytes) / bytesPerSecond;
  }
}

function rate(bytes: number, delayMs: number): number {
  return delayMs <= 0 ? 0 : bytes * 1000 / delayMs;
}
