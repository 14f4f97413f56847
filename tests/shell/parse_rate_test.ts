import { assertEquals, assertThrows } from "@std/assert";
import { parseRate, UsageError } from "../../lib/shell/mod.ts";

Deno.test("parseRate() reads bits and bytes, decimal and binary", () => {
  const cases: [string, number][] = [
    ["80Mbit", 10_000_000],
    ["80mbit/s", 10_000_000],
    ["1Gbps", 125_000_000],
    ["10MB", 10_000_000],
    ["10MBps", 10_000_000],
    ["10MB/s", 10_000_000],
    ["500kB", 500_000],
    ["10M", 10 * 2 ** 20],
    ["10MiB", 10 * 2 ** 20],
    ["1.5k", 1536],
    ["4096", 4096],
    ["8kbit", 1000],
  ];
  for (const [text, rate] of cases) assertEquals(parseRate(text), rate, text);
  for (const text of ["", "fast", "-5", "-1MB", "1XB", "MB", "1 2MB"]) {
    assertThrows(() => parseRate(text), UsageError, "Not a rate", text);
  }
});

Deno.test("parseRate() refuses what no connection can live with", () => {
  for (const text of ["0", "0MB", "8bit", "999", "7999bit"]) {
    assertThrows(() => parseRate(text), UsageError, "Too low a rate", text);
  }
});
