/**
 * The shell's terminal as text: answers on stdout, everything else on stderr, every line escaped.
 *
 * @module
 */

import type {
  BatchEnd,
  BatchStart,
  DirectoryEntry,
  Fact,
  LinkStats,
  ResultFields,
  Terminal,
  TransferEnd,
  TransferRow,
  TransferStart,
} from "../shell/mod.ts";
import { Progress } from "../transfer/mod.ts";
import { describeFailure, type Failure } from "./exit_code.ts";
import type { Verbosity } from "./options.ts";
import { batchLine, progressLine, tenthLine, Tenths } from "./progress_view.ts";
import { columnCount, padColumns, show } from "./show.ts";
import type { Tty } from "./tty.ts";
import {
  formatBytes,
  formatCount,
  formatLimit,
  formatMoment,
  formatPace,
  formatRate,
  formatTransfer,
} from "./units.ts";

/** What a text terminal is made of. */
export interface TextTerminalOptions {
  /** Where text goes. */
  readonly tty: Tty;
  /** How much is told. */
  readonly verbosity: Verbosity;
  /** Time, for rates. */
  readonly nowMs: () => number;
  /** A person types commands: then a new connection is worth a line. */
  readonly isInteractive: boolean;
}

const REDRAW_MS = 100;
/** In a listing, names longer than that push their own sizes aside and not those of all others. */
const LONGEST_ALIGNED_NAME = 64;
const CLEAR_LINE = "\r\x1b[K";
const RED = 31;
const BLUE = 34;

/** Prints for people. */
export class TextTerminal implements Terminal {
  readonly wantsHashes = false;
  readonly #options: TextTerminalOptions;
  readonly #progress: ProgressLine | null;
  #batch: BatchStart | null = null;

  /** Prints to the given terminal. */
  constructor(options: TextTerminalOptions) {
    this.#options = options;
    const redraws = options.tty.isErrorTerminal && options.verbosity !== "quiet";
    this.#progress = redraws ? new ProgressLine(options.tty, options.nowMs) : null;
  }

  result(line: string): void {
    this.#toOut(show(line));
  }

  entries(entries: readonly DirectoryEntry[]): void {
    const names = entries.map((entry) => show(entry.name) + (isFolder(entry) ? "/" : ""));
    const widths = names.map(columnCount).filter((columns) => columns <= LONGEST_ALIGNED_NAME);
    const nameColumns = widths.reduce((most, columns) => Math.max(most, columns), 0);
    const sizes = entries.map((entry) => entry.kind === "file" ? String(entry.sizeBytes) : "-");
    const sizeColumns = sizes.reduce((most, size) => Math.max(most, size.length), 1);
    for (const [index, entry] of entries.entries()) {
      const name = padColumns(names[index]!, nameColumns);
      const shown = isFolder(entry) ? this.#paint(name, BLUE) : name;
      const size = sizes[index]!.padStart(sizeColumns);
      const oddity = entry.readable ? "" : "  (cannot be fetched under this name)";
      this.#toOut(`${shown}  ${size}  ${formatMoment(entry.modifiedMs)}${oddity}`);
    }
    if (entries.length === 0) this.note("(empty)");
  }

  facts(_command: string, facts: readonly Fact[]): void {
    const columns = Math.max(...facts.map((fact) => fact.label.length));
    for (const fact of facts) {
      this.#toOut(`${fact.label.padEnd(columns)}  ${show(formatFact(fact))}`);
    }
  }

  done(_fields: ResultFields, note?: string): void {
    if (note !== undefined) this.note(note);
  }

  note(line: string): void {
    if (this.#options.verbosity !== "quiet") this.#toError(show(line));
  }

  detail(line: string): void {
    const { verbosity } = this.#options;
    if (verbosity === "verbose" || verbosity === "debug") this.#toError(show(line));
  }

  connected(
    host: string,
    port: number,
    role: string,
    fingerprint: string,
    stats: LinkStats,
  ): void {
    const line = `Connected to ${host} port ${port}, key ${fingerprint}, role ${role}.`;
    if (this.#options.isInteractive) this.note(line);
    else this.detail(line);
    if (this.#options.verbosity === "debug") {
      const ways = stats.accelerators.length === 0 ? "none" : stats.accelerators.join(", ");
      this.detail(
        `Round trip ${stats.rttMs.toFixed(1)} ms, cipher ${stats.suite}, ` +
          `congestion control ${stats.controller}, accelerators: ${ways}`,
      );
    }
  }

  transferStarts(start: TransferStart): TransferRow {
    const { name, totalBytes, resumedFrom } = start;
    const resumed = resumedFrom === 0 || resumedFrom === totalBytes
      ? ""
      : `, continuing at ${resumedFrom}`;
    const line = `${name}: ${totalBytes} bytes${resumed}`;
    if (this.#batch === null) this.note(line);
    else this.detail(line);
    if (this.#progress !== null) return this.#progress.add(start);
    return this.#tenths(start);
  }

  transferEnds(end: TransferEnd): void {
    if (this.#options.verbosity === "quiet") return;
    this.#toOut(show(transferEndLine(end)));
    this.#progress?.fileDone(end);
  }

  batchStarts(start: BatchStart): void {
    this.#batch = start;
    this.#progress?.startBatch(start);
    const size = start.totalBytes > 0 ? `, ${formatBytes(start.totalBytes)}` : "";
    this.note(`${formatCount(start.fileCount, "file")}${size}`);
  }

  batchEnds(end: BatchEnd): void {
    this.#batch = null;
    this.#progress?.endBatch();
    if (this.#options.verbosity !== "quiet") this.#toOut(show(batchEndLine(end)));
  }

  failure(command: string, error: unknown): number {
    const failure = describeFailure(command, error);
    this.printFailure(failure, error);
    return failure.exitCode;
  }

  /** Prints an error that is described already. */
  printFailure(failure: Failure, error: unknown): void {
    this.#toError(this.#paintError(show(failure.message)));
    for (const line of failure.more) this.#toError(show(line));
    if (this.#options.verbosity === "debug" && error instanceof Error) {
      for (const line of stackLines(error)) this.#toError(show(line));
    }
  }

  #tenths({ command, totalBytes, resumedFrom }: TransferStart): TransferRow {
    const tenths = new Tenths(totalBytes, resumedFrom);
    return {
      progress: (bytes) => {
        for (const mark of tenths.reach(bytes)) this.detail(tenthLine(command, mark, totalBytes));
      },
      close: () => {},
    };
  }

  #toOut(text: string): void {
    this.#progress?.clear();
    this.#options.tty.writeOut(`${text}\n`);
  }

  #toError(text: string): void {
    this.#progress?.clear();
    this.#options.tty.writeError(`${text}\n`);
  }

  #paint(text: string, colour: number): string {
    const { tty } = this.#options;
    return tty.isOutputTerminal && tty.allowsColour ? `\x1b[${colour}m${text}\x1b[0m` : text;
  }

  #paintError(text: string): string {
    const { tty } = this.#options;
    return tty.isErrorTerminal && tty.allowsColour ? `\x1b[${RED}m${text}\x1b[0m` : text;
  }
}

/** `a.txt: 3552 bytes in 0.01 s (355 kB/s), verified` */
export function transferEndLine(end: TransferEnd): string {
  if (end.wasSkipped) return `${end.name}: skipped, it exists`;
  const saved = end.savedAs === null ? "" : `, saved as ${end.savedAs}`;
  const isThere = end.totalBytes > 0 && end.movedBytes === 0;
  return `${end.name}: ${formatTransfer(end.totalBytes, end.movedBytes, end.seconds)}, verified${
    isThere ? ", already there" : ""
  }${saved}${formatLimit(end.limitedBy)}`;
}

/** `17 files, 1.20 GB in 13.4 s (91.0 MB/s), 3 skipped, 0 failed`; the rate is over what really moved. */
export function batchEndLine(end: BatchEnd): string {
  const { doneCount, skippedCount, doneBytes, movedBytes, seconds, failed } = end;
  return `${formatCount(doneCount - skippedCount, "file")}, ${formatBytes(doneBytes)} in ` +
    `${
      formatPace(doneBytes, movedBytes, seconds)
    }, ${skippedCount} skipped, ${failed.length} failed`;
}

function isFolder(entry: DirectoryEntry): boolean {
  return entry.kind === "directory";
}

function formatFact({ value, unit }: Fact): string {
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "unknown";
  if (value === Infinity) return "none";
  switch (unit) {
    case "bytes":
      return `${value} bytes`;
    case "bytes-per-second":
      return formatRate(value);
    case "ms":
      return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
    case "ratio":
      return `${(value * 100).toFixed(2)} %`;
    case "moment-ms":
      return formatMoment(value);
    default:
      return String(value);
  }
}

function stackLines(error: Error): string[] {
  const own = (error.stack ?? "").split("\n").slice(1);
  return error.cause instanceof Error
    ? [...own, `Caused by: ${error.cause.message}`, ...stackLines(error.cause)]
    : own;
}

/** Several files while they move. */
interface RunningBatch {
  readonly start: BatchStart;
  readonly progress: Progress;
  /** Names of files with a row of their own. */
  readonly begun: Set<string>;
  doneCount: number;
  doneBytes: number;
  /** What came over the network; what was there before left out. */
  movedBytes: number;
}

/** The line on a terminal that is drawn again and again while files move. */
class ProgressLine {
  readonly #tty: Tty;
  readonly #nowMs: () => number;
  readonly #rows = new Map<TransferRow, Progress>();
  #batch: RunningBatch | null = null;
  #drawnMs = -Infinity;
  #isDrawn = false;

  constructor(tty: Tty, nowMs: () => number) {
    this.#tty = tty;
    this.#nowMs = nowMs;
  }

  startBatch(start: BatchStart): void {
    const progress = new Progress({
      totalBytes: start.totalBytes,
      startBytes: 0,
      nowMs: this.#nowMs(),
    });
    const begun = new Set<string>();
    this.#batch = { start, progress, begun, doneCount: 0, doneBytes: 0, movedBytes: 0 };
  }

  endBatch(): void {
    this.clear();
    this.#batch = null;
  }

  fileDone({ name, totalBytes, movedBytes }: TransferEnd): void {
    if (this.#batch === null) return;
    this.#batch.doneCount++;
    this.#batch.doneBytes += totalBytes;
    // What moved of a file with a row was counted while it did.
    if (!this.#batch.begun.delete(name)) this.#batch.movedBytes += movedBytes;
    this.#draw(() => this.#batchLine(this.#nowMs()));
  }

  add({ name, totalBytes, resumedFrom }: TransferStart): TransferRow {
    const nowMs = this.#nowMs();
    const progress = new Progress({ totalBytes, startBytes: resumedFrom, nowMs });
    this.#batch?.begun.add(name);
    const row: TransferRow = {
      progress: (bytes) => {
        if (this.#batch !== null) this.#batch.movedBytes += bytes - progress.bytes;
        progress.update(bytes, this.#nowMs());
        this.#draw(() => this.#line(name, progress));
      },
      close: () => {
        this.#rows.delete(row);
        this.clear();
      },
    };
    this.#rows.set(row, progress);
    return row;
  }

  clear(): void {
    if (this.#isDrawn) this.#tty.writeError(CLEAR_LINE);
    this.#isDrawn = false;
  }

  #draw(line: () => string): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#tty.writeError(CLEAR_LINE + line());
    this.#isDrawn = true;
  }

  #line(name: string, progress: Progress): string {
    if (this.#batch !== null) return this.#batchLine(this.#nowMs());
    return progressLine(name, progress, this.#tty.columns());
  }

  /** One line for all: files that are done, and what the running ones have. */
  #batchLine(nowMs: number): string {
    const { doneCount, doneBytes, movedBytes, start, progress } = this.#batch!;
    const running = this.#rows.values().reduce((sum, row) => sum + row.bytes, 0);
    progress.update(doneBytes + running, nowMs, movedBytes);
    return batchLine(doneCount, start.fileCount, progress, this.#tty.columns());
  }
}
