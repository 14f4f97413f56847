import { assert, assertEquals } from "@std/assert";
import { columnCount, padColumns, show, showJson } from "../../lib/cli/show.ts";

const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u;

Deno.test("show() leaves ordinary text of any language alone", () => {
  for (const text of ["plain.txt", "naïve café", "日本語", "العربية", "emoji 👍🏽", "❤️", "a\\b"]) {
    assertEquals(show(text), text);
  }
});

Deno.test("show() makes everything harmless that could steer a terminal or hide in it", () => {
  const cases: [string, string][] = [
    ["\x1b[31mred", "\\u{1b}[31mred"],
    ["a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"],
    ["\x7f\x9b2J", "\\u{7f}\\u{9b}2J"],
    ["\u202Etxt.exe", "\\u{202e}txt.exe"],
    ["a\u200Bb\u2066c\u061Cd", "a\\u{200b}b\\u{2066}c\\u{61c}d"],
    ["tag\u{E0041}", "tag\\u{e0041}"],
    ["\uFEFFbom", "\\u{feff}bom"],
    ["lone \uD800 half", "lone \\u{d800} half"],
    ["\u2028line", "\\u{2028}line"],
  ];
  for (const [text, shown] of cases) assertEquals(show(text), shown);
});

Deno.test("show() lets no control or format character through, whichever it is", () => {
  for (let code = 0; code <= 0x10FFFF; code++) {
    const character = String.fromCodePoint(code);
    if (!UNSEEN.test(character) || character === "\uFE0F") continue; // that one makes an emoji of a sign
    assert(show(character).startsWith("\\u{"), code.toString(16));
  }
});

Deno.test("showJson() is one harmless line that means the same", () => {
  const value = { name: "\x1b\u202E\u{E0041}\u2028\n", number: 1 };
  const text = showJson(value);
  assert(/^[\x20-\x7e]*$/.test(text), text);
  assertEquals(JSON.parse(text), value);
});

Deno.test("padColumns() counts what a terminal shows", () => {
  assertEquals([columnCount("abc"), columnCount("日本"), columnCount("e\u0301")], [3, 4, 1]);
  const wide: [string, number][] = [
    ...["⏰", "☔", "⚽", "✅", "👍", "🀄"].map((sign): [string, number] => [sign, 2]),
    ...["✂", "☺", "🌡", "→", "…"].map((sign): [string, number] => [sign, 1]),
    ["🇩🇪", 2],
    ["한", 2], // 한, as macOS takes it apart
    ["का", 2],
  ];
  for (const [text, columns] of wide) assertEquals(columnCount(text), columns, text);
  assertEquals(padColumns("日", 4), "日  ");
  assertEquals(padColumns("long", 2), "long");
});
