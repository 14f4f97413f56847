/**
 * The rates that people write.
 *
 * @module
 */

import { LEAST_RATE_BYTES_PER_SECOND } from "../operations/mod.ts";
import { UsageError } from "./shell_error.ts";

const RATE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(bits?|bps|b|)(?:\/s)?$/i;

/**
 * Reads a rate into bytes per second: `80Mbit` (10⁶ bits), `10MB` (10⁶ bytes), `10M` and `10MiB` (2²⁰ bytes).
 *
 * @throws {UsageError} for anything else, and for less than a connection can live with.
 */
export function parseRate(text: string): number {
  const match = RATE.exec(text.trim());
  const [, digits = "", prefix = "", binary = "", unit = ""] = match ?? [];
  const isBits = /^bits?$/i.test(unit) || unit === "bps"; // but MBps are bytes
  const power = ["", "k", "m", "g", "t"].indexOf(prefix.toLowerCase());
  const base = binary !== "" || unit === "" ? 1024 : 1000;
  const bytesPerSecond = Number(digits) * base ** power / (isBits ? 8 : 1);
  if (match === null) {
    throw new UsageError(`Not a rate: "${text}". Write it like 80Mbit, 10MB or 500kB`);
  }
  if (!(bytesPerSecond >= LEAST_RATE_BYTES_PER_SECOND)) {
    throw new UsageError(`Too low a rate: "${text}". The lowest is 1kB, that is 8kbit`);
  }
  return bytesPerSecond;
}
