import { assertEquals, assertMatch } from "@std/assert";
import { createCode, formatCode, normalCode } from "../../lib/access/mod.ts";
import { countingEntropy } from "./support.ts";

Deno.test("createCode() draws eight characters that are not mistaken for others", () => {
  const code = createCode(countingEntropy());
  assertMatch(code, /^[0-9A-HJKMNP-TV-Z]{8}$/);
  assertEquals(normalCode(code), code);
  const letters = new Set<string>();
  for (let byte = 0; byte < 256; byte++) {
    const every = createCode({ fill: (bytes) => bytes.fill(byte) });
    letters.add(every[0]!);
  }
  assertEquals(letters.size, 32);
});

Deno.test("normalCode() takes a code as people type it", () => {
  for (const typed of ["K7QF-9X2M", "k7qf9x2m", " k7qf 9x2m\n", "K7-QF-9X-2M"]) {
    assertEquals(normalCode(typed), "K7QF9X2M", typed);
  }
  assertEquals(normalCode("ol1i-0000"), "01110000");
});

Deno.test("normalCode() refuses what cannot be a code", () => {
  for (const typed of ["", "K7QF-9X2", "K7QF/9X2M", "K7QF9X2Ä", "K".repeat(129)]) {
    assertEquals(normalCode(typed), null, typed);
  }
});

Deno.test("normalCode() takes a longer phrase of letters and digits", () => {
  assertEquals(normalCode("correct horse battery 7"), "C0RRECTH0RSEBATTERY7");
});

Deno.test("formatCode() shows groups of four", () => {
  assertEquals(formatCode("K7QF9X2M"), "K7QF-9X2M");
});
