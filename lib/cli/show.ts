/**
 * The one gate between names that others chose and a terminal or a log.
 *
 * @module
 */

/**
 * Control characters (C0, DEL, C1), line and paragraph separators, direction changes, zero-width and other
 * invisible characters, variation selectors that are no emoji style, tags, and lone surrogates.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uD800-\uDFFF\uFE00-\uFE0E\uFEFF\uFFA0\uFFF0-\uFFFB\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]/gu;

/** Makes text harmless for a terminal: what could steer it or hide in it becomes `\u{…}`. One line stays one line. */
export function show(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** A value as one line of JSON that is harmless for a terminal too; parsing it gives back the same value. */
export function showJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) => {
    const units = Array.from(
      { length: character.length },
      (_, index) => character.charCodeAt(index),
    );
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

/** Columns a text takes on a terminal: wide East Asian characters and emoji count two, marks over others none. */
export function columnCount(text: string): number {
  let count = 0;
  for (const character of text) {
    if (WITHOUT_COLUMN.test(character)) continue;
    count += WIDE.test(character) ? 2 : 1;
  }
  return count;
}

/** The vowels and last consonants of taken apart Hangul are drawn in the columns of the first. */
const WITHOUT_COLUMN = /[\p{Mn}\p{Me}\u1160-\u11FF]/u;
/** A flag is two halves of one column each. */
const WIDE =
  /(?!\p{Regional_Indicator})[\p{Emoji_Presentation}\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]/u;

/** Pads with spaces to a number of columns. */
export function padColumns(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnCount(text)));
}
