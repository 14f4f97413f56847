/**
 * The shell's terminal for programs: one JSON object per line on stdout; sentences still go to stderr.
 *
 * @module
 */

import type {
  BatchEnd,
  DirectoryEntry,
  Fact,
  LinkStats,
  ResultFields,
  Terminal,
  TransferEnd,
  TransferRow,
  TransferStart,
} from "../shell/mod.ts";
import { describeFailure } from "./exit_code.ts";
import { showJson } from "./show.ts";
import type { TextTerminal } from "./text_terminal.ts";
import type { Tty } from "./tty.ts";
import { isoMoment } from "./units.ts";

/** What a JSON terminal is made of. */
export interface JsonTerminalOptions {
  /** Where the objects go. */
  readonly tty: Tty;
  /** Where sentences go. */
  readonly text: TextTerminal;
  /** Time, so that progress is told at most five times a second. */
  readonly nowMs: () => number;
}

const PROGRESS_MS = 200;

/** Prints for programs. */
export class JsonTerminal implements Terminal {
  readonly wantsHashes = true;
  readonly #options: JsonTerminalOptions;

  /** Prints to the given terminal. */
  constructor(options: JsonTerminalOptions) {
    this.#options = options;
  }

  result(_line: string, fields: ResultFields): void {
    this.emit({ event: "result", ...fields });
  }

  entries(entries: readonly DirectoryEntry[]): void {
    for (const { name, kind, sizeBytes, modifiedMs } of entries) {
      this.emit({ event: "entry", name, kind, bytes: sizeBytes, modified: isoMoment(modifiedMs) });
    }
  }

  facts(command: string, facts: readonly Fact[]): void {
    const fields = facts.map(({ key, value, unit }) => {
      if (unit === "moment-ms") return [key, isoMoment(Number(value))];
      // JSON has no NaN.
      return [key, typeof value === "number" && !Number.isFinite(value) ? null : value];
    });
    this.emit({ event: "result", command, ...Object.fromEntries(fields) });
  }

  done(fields: ResultFields, note?: string): void {
    this.emit({ event: "done", ...fields });
    if (note !== undefined) this.note(note);
  }

  note(line: string): void {
    this.#options.text.note(line);
  }

  detail(line: string): void {
    this.#options.text.detail(line);
  }

  connected(
    host: string,
    port: number,
    role: string,
    _fingerprint: string,
    stats: LinkStats,
  ): void {
    const rttMs = Number.isFinite(stats.rttMs) ? Math.round(stats.rttMs * 1000) / 1000 : null;
    const { accelerators } = stats;
    this.emit({ event: "connected", host, port, role, rttMs, accelerators });
  }

  transferStarts({ name, totalBytes, resumedFrom }: TransferStart): TransferRow {
    let toldMs = -Infinity;
    let toldBytes = resumedFrom;
    return {
      progress: (bytes) => {
        const nowMs = this.#options.nowMs();
        if (bytes < totalBytes && nowMs - toldMs < PROGRESS_MS) return;
        if (bytes === toldBytes) return;
        toldMs = nowMs;
        toldBytes = bytes;
        this.emit({ event: "progress", name, bytes, total: totalBytes });
      },
      close: () => {},
    };
  }

  transferEnds(end: TransferEnd): void {
    const { command, name, totalBytes, resumedFrom, sha256 } = end;
    this.emit({
      event: "transfer",
      command,
      name,
      bytes: totalBytes,
      seconds: roundSeconds(end.seconds),
      resumedFrom,
      sha256,
      ok: true,
      ...(end.wasSkipped ? { skipped: true } : {}),
      ...(end.savedAs === null ? {} : { savedAs: end.savedAs }),
      ...(end.limitedBy === null ? {} : { limitedBy: end.limitedBy }),
    });
  }

  batchStarts(): void {}

  batchEnds(end: BatchEnd): void {
    const { command, fileCount, doneCount, skippedCount, doneBytes, failed } = end;
    this.emit({
      event: "batch",
      command,
      files: fileCount,
      done: doneCount,
      skipped: skippedCount,
      failed: failed.length,
      bytes: doneBytes,
      seconds: roundSeconds(end.seconds),
    });
  }

  failure(command: string, error: unknown): number {
    const failure = describeFailure(command, error);
    const { code, exitCode, message } = failure;
    this.emit({ event: "error", command, code, exitCode, message });
    this.#options.text.printFailure(failure, error);
    return exitCode;
  }

  /** Writes one object. */
  emit(event: Readonly<Record<string, unknown>>): void {
    this.#options.tty.writeOut(`${showJson(event)}\n`);
  }
}

/** Microseconds are enough. */
function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
