import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ignoresFailure,
  parseLine,
  parsePartialLine,
  quoteWord,
  wordFromArgument,
} from "../../lib/shell/parse_line.ts";
import { UsageError } from "../../lib/shell/shell_error.ts";

function texts(line: string): string[] {
  return parseLine(line).map((word) => word.text);
}

Deno.test("parseLine() splits at blanks, and quotes and backslashes keep them", () => {
  assertEquals(texts("  get   a.txt\tb.txt "), ["get", "a.txt", "b.txt"]);
  assertEquals(texts(`get "two words" 'three more words' one\\ more`), [
    ...["get", "two words", "three more words", "one more"],
  ]);
  assertEquals(texts(`put pre"fix and"suffix`), ["put", "prefix andsuffix"]);
  assertEquals(texts(`get ""`), ["get", ""]);
});

Deno.test("parseLine() leaves backslashes alone in single quotes and escapes two characters in double ones", () => {
  assertEquals(texts(`a 'b\\c'`), ["a", "b\\c"]);
  assertEquals(texts(`a "b\\"c\\\\d\\e"`), ["a", `b"c\\d\\e`]);
});

Deno.test("parseLine() takes # at the start of a word as a comment, and nowhere else", () => {
  assertEquals(texts("# all of it"), []);
  assertEquals(texts("list # the rest"), ["list"]);
  assertEquals(texts("get a#b '#c' \\#d"), ["get", "a#b", "#c", "#d"]);
});

Deno.test("ignoresFailure() sees a leading dash, and parseLine() leaves it out", () => {
  assert(ignoresFailure(" -rm 'a"));
  assertEquals(texts("- rm a"), ["rm", "a"]);
  assert(!ignoresFailure("rm -r a"));
});

Deno.test("parseLine() knows which words are patterns, and quoting takes that away", () => {
  const patterns = parseLine(`get *.txt a? [ab] "*" \\* 'x'*`).map((word) => word.pattern);
  assertEquals(patterns, [null, "*.txt", "a?", "[ab]", null, null, "x*"]);
  assertEquals(parseLine(`get '[1]'*`)[1]?.pattern, "\\[1]*");
});

Deno.test("parseLine() refuses an open quote and a backslash before nothing", () => {
  assertThrows(() => parseLine(`get "a`), UsageError, "closing");
  assertThrows(() => parseLine("get a\\"), UsageError, "backslash");
});

Deno.test("wordFromArgument() keeps a backslash and knows patterns", () => {
  assertEquals(wordFromArgument("a\\b"), { text: "a\\b", pattern: null, isQuoted: false });
  assertEquals(wordFromArgument("a\\*").pattern, "a\\\\*");
});

Deno.test("quoteWord() writes any name so that it is read back as one literal word", () => {
  for (const name of ["a b", "it's", '"x"', "*", "[a]", "#1", "back\\slash", "日本 語", "a\tb"]) {
    assertEquals(parseLine(`get ${quoteWord(name)}`)[1], {
      text: name,
      pattern: null,
      isQuoted: quoteWord(name) !== name,
    });
  }
});

Deno.test("parsePartialLine() finds the word under the cursor and where it starts", () => {
  assertEquals(parsePartialLine("li"), { words: [], current: "li", currentStart: 0 });
  assertEquals(parsePartialLine("").current, "");
  const open = parsePartialLine(`  get "two wo`);
  assertEquals([open.current, open.currentStart, open.words.length], ["two wo", 6, 1]);
  const done = parsePartialLine("get a ");
  assertEquals([done.current, done.currentStart, done.words.length], ["", 6, 2]);
  assertEquals(parsePartialLine("-get a\\ b").current, "a b");
  assertEquals(parsePartialLine("get a\\").current, "a");
});
