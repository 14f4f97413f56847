import { assertEquals } from "@std/assert";
import {
  formatBytes,
  formatClock,
  formatMoment,
  formatRate,
  formatSeconds,
  formatTransfer,
  isoMoment,
} from "../../lib/cli/units.ts";

Deno.test("formatTransfer() writes the final line as documented", () => {
  assertEquals(formatTransfer(3552, 3552, 0.01), "3552 bytes in 0.01 s (355 kB/s)");
  assertEquals(formatTransfer(0, 0, 0), "0 bytes in 0.00 s (0 B/s)");
  assertEquals(formatTransfer(1000, 0, 0.5), "1000 bytes in 0.50 s");
  assertEquals(formatTransfer(1000, 500, 1), "1000 bytes in 1.00 s (500 B/s)");
});

Deno.test("formatBytes() and formatRate() keep three digits and never say 1000", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [999.6, "1.00 kB"],
    [1000, "1.00 kB"],
    [3552, "3.55 kB"],
    [99_960, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [62_914_560, "62.9 MB"],
    [2 ** 53, "9.01 PB"],
  ];
  for (const [bytes, text] of cases) assertEquals(formatBytes(bytes), text);
  assertEquals(formatRate(93_100_000), "93.1 MB/s");
  assertEquals(formatRate(Infinity), "unknown");
});

Deno.test("formatSeconds() and formatClock()", () => {
  assertEquals([0, 0.014, 9.99, 9.996, 13.42].map(formatSeconds), [
    ...["0.00 s", "0.01 s", "9.99 s", "10.0 s", "13.4 s"],
  ]);
  assertEquals([0, 12.4, 400, 3723].map(formatClock), ["00:00", "00:12", "06:40", "1:02:03"]);
});

Deno.test("moments out of range are no error", () => {
  assertEquals(formatMoment(1e300), "-");
  assertEquals(isoMoment(NaN), "");
  assertEquals(isoMoment(0), "1970-01-01T00:00:00.000Z");
});
