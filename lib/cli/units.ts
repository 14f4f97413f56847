/**
 * Sizes, rates and times for people.
 *
 * @module
 */

import type { LimitedBy } from "../transfer/mod.ts";

const PREFIXES = ["", "k", "M", "G", "T", "P"];

/** A size with three significant digits: `3.55 kB`, `62.9 MB`; below 1000 exact: `512 B`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, "B");
}

/** A rate: `355 kB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return scaled(bytesPerSecond, "B/s");
}

/** A span with two decimals below ten seconds, one above: `0.01 s`, `13.4 s`. */
export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
}

/** A time still to go: `00:12`, `06:40`, `1:02:03`. */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const twoDigits = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const minutes = `${twoDigits((whole % 3600) / 60)}:${twoDigits(whole % 60)}`;
  return whole < 3600 ? minutes : `${Math.floor(whole / 3600)}:${minutes}`;
}

/** A moment in local time: `2026-11-21 01:47`. */
export function formatMoment(momentMs: number): string {
  const date = new Date(momentMs);
  if (Number.isNaN(date.getTime())) return "-";
  const part = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
  return `${day} ${part(date.getHours())}:${part(date.getMinutes())}`;
}

/** A moment for programs: ISO 8601 in UTC, or an empty string for one out of range. */
export function isoMoment(momentMs: number): string {
  const date = new Date(momentMs);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

/** `3552 bytes in 0.01 s (355 kB/s)`, the rate over the bytes that really moved. */
export function formatTransfer(totalBytes: number, movedBytes: number, seconds: number): string {
  return `${totalBytes} bytes in ${formatPace(totalBytes, movedBytes, seconds)}`;
}

/** `0.01 s (355 kB/s)`; no rate where all the bytes were there already. */
export function formatPace(totalBytes: number, movedBytes: number, seconds: number): string {
  if (movedBytes === 0 && totalBytes > 0) return formatSeconds(seconds);
  // A clock has a grain: what took no time took a tenth of a millisecond.
  const rate = movedBytes / Math.max(seconds, 0.000_1);
  return `${formatSeconds(seconds)} (${formatRate(rate)})`;
}

/** `, limited by the path`; nothing when that is not known. */
export function formatLimit(limit: LimitedBy | null): string {
  return limit === null ? "" : `, limited by ${LIMIT_WORDS[limit]}`;
}

const LIMIT_WORDS: Readonly<Record<LimitedBy, string>> = {
  "path": "the path",
  "loss": "loss",
  "disk-here": "the disk here",
  "disk-there": "the other side's disk",
  "cpu": "CPU",
  "cap": "the cap",
};

/** `1 file`, `17 files`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function scaled(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "unknown";
  let rest = value;
  let power = 0;
  // 999.5 and more would be rounded to four digits.
  while (rest >= 999.5 && power < PREFIXES.length - 1) {
    rest /= 1000;
    power++;
  }
  if (power === 0) return `${Math.round(rest)} ${unit}`;
  const decimals = rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return `${rest.toFixed(decimals)} ${PREFIXES[power]}${unit}`;
}
