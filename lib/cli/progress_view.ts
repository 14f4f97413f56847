/**
 * How far transfers are, as one line of text or as lines at each tenth. Pure: no clock, no printing.
 *
 * @module
 */

import type { TransferCommand } from "../shell/mod.ts";
import type { Progress } from "../transfer/mod.ts";
import { columnCount, show } from "./show.ts";
import { formatBytes, formatClock, formatCount, formatRate } from "./units.ts";

const BAR_COLUMNS = 16;
const LONGEST_NAME = 30;
/** So much of a name is shown in the narrowest window. */
const LEAST_NAME = 12;
/** What stands behind the name at most, as a rule, the space before it included: without the bar, */
const MEASURE_COLUMNS = 46;
/** and the bar. */
const WHOLE_BAR_COLUMNS = BAR_COLUMNS + 3;
/** The first moments say nothing about a rate. */
const SPEED_AFTER_SECONDS = 0.5;

/**
 * One line for one transfer: name, percent, bar, bytes of total, rate, time left. In a narrow window first the
 * name is cut, then the bar goes.
 */
export function progressLine(name: string, progress: Progress, columns: number): string {
  const whole = show(name);
  const leastColumns = Math.min(columnCount(whole), LEAST_NAME);
  const hasBar = hasRoomForBar(leastColumns, columns);
  const room = columns - 1 - MEASURE_COLUMNS - (hasBar ? WHOLE_BAR_COLUMNS : 0);
  const shown = shorten(whole, Math.min(Math.max(room, LEAST_NAME), LONGEST_NAME));
  return fit(`${shown} ${measures(progress, { hasBar })}`, columns);
}

function hasRoomForBar(before: number, columns: number): boolean {
  return before + WHOLE_BAR_COLUMNS + MEASURE_COLUMNS < columns;
}

/** One line for several transfers; sizes that nobody knew before do not count in the whole. */
export function batchLine(
  doneCount: number,
  fileCount: number,
  progress: Progress,
  columns: number,
): string {
  const files = `${doneCount} of ${formatCount(fileCount, "file")}`;
  const isWholeKnown = progress.totalBytes >= progress.bytes && progress.totalBytes > 0;
  const rest = isWholeKnown
    ? measures(progress, { hasBar: hasRoomForBar(files.length, columns) })
    : `${formatBytes(progress.bytes)}${speed(progress, "")}`;
  return fit(`${files} ${rest}`, columns);
}

/** Finds the tenths that a transfer passes. */
export class Tenths {
  readonly #totalBytes: number;
  #passed: number;
  #lastBytes = -1;

  /** Starts behind the tenths that were there before. */
  constructor(totalBytes: number, resumedFrom: number) {
    this.#totalBytes = totalBytes;
    this.#passed = totalBytes === 0 ? 0 : Math.floor(resumedFrom * 10 / totalBytes);
  }

  /** The byte counts at the tenths passed on the way to `bytes`, each once. */
  reach(bytes: number): number[] {
    const marks: number[] = [];
    while (this.#passed < 10) {
      const mark = Math.ceil(this.#totalBytes * (this.#passed + 1) / 10);
      if (mark > bytes) break;
      this.#passed++;
      if (mark === this.#lastBytes) continue;
      this.#lastBytes = mark;
      marks.push(mark);
    }
    return marks;
  }
}

/** `Total received: 2048 / 3552`, or `Sent: …`. */
export function tenthLine(command: TransferCommand, bytes: number, totalBytes: number): string {
  return `${command === "get" ? "Total received" : "Sent"}: ${bytes} / ${totalBytes}`;
}

function measures(progress: Progress, { hasBar }: { hasBar: boolean }): string {
  const percent = `${Math.floor(progress.fraction * 100)}%`.padStart(4);
  const filled = Math.round(Math.min(1, progress.fraction) * BAR_COLUMNS);
  const bar = hasBar ? `[${"#".repeat(filled)}${"-".repeat(BAR_COLUMNS - filled)}] ` : "";
  const amount = `${formatBytes(progress.bytes)} of ${formatBytes(progress.totalBytes)}`;
  const left = progress.remainingSeconds;
  const timeLeft = left === null ? "" : `  ${formatClock(left)} left`;
  return `${percent} ${bar}${amount}${speed(progress, timeLeft)}`;
}

/** Rate and time left, once they mean something. */
function speed(progress: Progress, timeLeft: string): string {
  const rate = progress.rateBytesPerSecond;
  if (rate === 0 || progress.elapsedSeconds < SPEED_AFTER_SECONDS) return "";
  return `  ${formatRate(rate)}${timeLeft}`;
}

function shorten(text: string, columns: number): string {
  if (columnCount(text) <= columns) return text;
  let kept = "";
  for (const character of text) {
    if (columnCount(kept + character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** A line that reaches the last column would wrap and could not be redrawn. */
function fit(line: string, columns: number): string {
  return shorten(line, Math.max(10, columns - 1));
}
