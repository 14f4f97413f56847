/**
 * The shape through which the shell speaks to its user; `cli/` implements it for text and for JSON.
 *
 * Everything handed over may hold names that a server chose. The implementation escapes them: nothing here
 * is ready for a terminal.
 *
 * @module
 */

import type { DirectoryEntry } from "../files/mod.ts";
import type { LimitedBy } from "../transfer/mod.ts";
import type { LinkStats } from "./link.ts";

/** Extra fields of an answer, for programs that read the output. */
export type ResultFields = Readonly<Record<string, string | number | boolean>>;

/** How a number in a `Fact` is to be read. */
export type FactUnit = "bytes" | "bytes-per-second" | "ms" | "ratio" | "moment-ms";

/** One labelled value of `status` or `stat`. */
export interface Fact {
  /** Name for programs, camelCase. */
  readonly key: string;
  /** Name for people. */
  readonly label: string;
  /** The value; NaN means unknown. */
  readonly value: string | number;
  /** Unit of a number; plain when absent. */
  readonly unit?: FactUnit;
}

/** Which way the bytes go, in the words of the command. */
export type TransferCommand = "get" | "put";

/** A file is about to move. */
export interface TransferStart {
  /** The command that moves it. */
  readonly command: TransferCommand;
  /** What the user calls it. */
  readonly name: string;
  /** Its whole size. */
  readonly totalBytes: number;
  /** Bytes that were here already from an earlier attempt. */
  readonly resumedFrom: number;
}

/** A file has moved. */
export interface TransferEnd extends TransferStart {
  /** Bytes that this command moved; the rest was here already. */
  readonly movedBytes: number;
  /** Time from the request to the verified end. */
  readonly seconds: number;
  /** Hexadecimal SHA-256 of the content, when it was asked for. */
  readonly sha256: string | null;
  /** The target existed and was left alone. */
  readonly wasSkipped: boolean;
  /** Set when the file was saved under another name than its own. */
  readonly savedAs: string | null;
  /** What limited it; null when that is not known, or it was over before that mattered. */
  readonly limitedBy: LimitedBy | null;
}

/** Several files are about to move. */
export interface BatchStart {
  /** The command that moves them. */
  readonly command: TransferCommand;
  /** How many there are. */
  readonly fileCount: number;
  /** Their sizes together; 0 when not all are known. */
  readonly totalBytes: number;
}

/** What became of several files. */
export interface BatchEnd extends BatchStart {
  /** Files that arrived verified, skipped ones included. */
  readonly doneCount: number;
  /** Files left alone because their target existed. */
  readonly skippedCount: number;
  /** Bytes of the files that arrived. */
  readonly doneBytes: number;
  /** Bytes that this command moved. */
  readonly movedBytes: number;
  /** Time for all of them. */
  readonly seconds: number;
  /** Names of those that failed. */
  readonly failed: readonly string[];
}

/** The line of one running transfer. */
export interface TransferRow {
  /** So many bytes of the whole are there. */
  progress(bytes: number): void;
  /** The transfer is over, well or badly: nothing more will be reported. */
  close(): void;
}

/** Where commands put their answers. */
export interface Terminal {
  /** Whether the user wants machine-readable output (then content hashes are worth computing). */
  readonly wantsHashes: boolean;
  /** An answer: one line on stdout. */
  result(line: string, fields: ResultFields): void;
  /** Entries of a listing, in order; may be called several times for one listing. */
  entries(entries: readonly DirectoryEntry[]): void;
  /** Labelled values. */
  facts(command: string, facts: readonly Fact[]): void;
  /**
   * Something was done that is no answer and no transfer. `fields` are for programs: `command`, what it was done
   * to, and what came of it. `note` is for people, where they have not been told already.
   */
  done(fields: ResultFields, note?: string): void;
  /** Something worth knowing; not shown with `--quiet`. */
  note(line: string): void;
  /** Something worth knowing with `--verbose`. */
  detail(line: string): void;
  /** A connection stands. */
  connected(host: string, port: number, role: string, fingerprint: string, stats: LinkStats): void;
  /** A file starts to move. */
  transferStarts(start: TransferStart): TransferRow;
  /** A file arrived, verified. */
  transferEnds(end: TransferEnd): void;
  /** Several files start to move. */
  batchStarts(start: BatchStart): void;
  /** Several files have been dealt with. */
  batchEnds(end: BatchEnd): void;
  /** Tells an error and returns its exit code. */
  failure(command: string, error: unknown): number;
}
