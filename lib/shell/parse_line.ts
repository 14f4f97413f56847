/**
 * One line of input → words, with quotes, backslashes, comments and the marks of patterns.
 *
 * @module
 */

import { UsageError } from "./shell_error.ts";

/** One word of a command line. */
export interface Word {
  /** The word with quotes and backslashes removed. */
  readonly text: string;
  /** The word as a pattern, literal `* ? [ \` behind a backslash; null when it has no pattern character. */
  readonly pattern: string | null;
  /** Any part of the word was quoted or escaped: then it is never an option, a comment or a second command word. */
  readonly isQuoted: boolean;
}

/** A word that came from the program's arguments: nothing in it is quoted any more, patterns work. */
export function wordFromArgument(text: string): Word {
  const escaped = text.replaceAll("\\", "\\\\");
  return { text, pattern: /[*?[]/.test(text) ? escaped : null, isQuoted: false };
}

/**
 * Splits a line into words; none for a blank line or a comment.
 *
 * Quotes are `'…'` (nothing special inside) and `"…"` (backslash escapes `"` and `\`); outside quotes a
 * backslash takes the next character as it is. `#` at the start of a word begins a comment, as in sftp.
 *
 * @throws {UsageError} For a quote without its end or a backslash at the end.
 */
export function parseLine(line: string): Word[] {
  const words: Word[] = [];
  const scanner = new WordScanner(line.trimStart().slice(ignoresFailure(line) ? 1 : 0));
  for (let word = scanner.next(); word !== null; word = scanner.next()) words.push(word);
  return words;
}

/** Whether a line begins with `-`, which is no part of its first word: its failure does not end a script. */
export function ignoresFailure(line: string): boolean {
  return line.trimStart().startsWith("-");
}

/** How completion sees a line: the finished words and the one under the cursor. */
export interface PartialLine {
  /** Words before the one being typed. */
  readonly words: readonly Word[];
  /** The unfinished word, unquoted. */
  readonly current: string;
  /** Where the unfinished word starts in the line. */
  readonly currentStart: number;
}

/** Splits a line that is still being typed; an open quote is taken as closed at the end. */
export function parsePartialLine(line: string): PartialLine {
  const lead = line.length - line.trimStart().length;
  const skipped = ignoresFailure(line) ? lead + 1 : lead;
  const scanner = new WordScanner(line.slice(skipped), { isLenient: true });
  const words: Word[] = [];
  let lastStart = line.length;
  for (let word = scanner.next(); word !== null; word = scanner.next()) {
    words.push(word);
    lastStart = skipped + scanner.wordStart;
  }
  const last = words.at(-1);
  if (last === undefined || !scanner.endsInsideWord) {
    return { words, current: "", currentStart: line.length };
  }
  return { words: words.slice(0, -1), current: last.text, currentStart: lastStart };
}

/** Writes a name so that `parseLine` reads it back as one word. */
export function quoteWord(name: string): string {
  return name.replace(/[\s'"\\*?[#]/g, (character) => `\\${character}`);
}

const BLANK = /\s/;

class WordScanner {
  readonly #line: string;
  readonly #isLenient: boolean;
  #position = 0;
  /** Where the word returned last began. */
  wordStart = 0;
  /** The line ended right after the word returned last, with nothing between. */
  endsInsideWord = false;

  constructor(line: string, options: { isLenient: boolean } = { isLenient: false }) {
    this.#line = line;
    this.#isLenient = options.isLenient;
  }

  next(): Word | null {
    const before = this.#position;
    while (BLANK.test(this.#line.charAt(this.#position))) this.#position++;
    if (this.#position >= this.#line.length || this.#line[this.#position] === "#") {
      this.endsInsideWord &&= this.#position === before;
      return null;
    }
    this.wordStart = this.#position;
    const word = new WordBuilder();
    while (this.#position < this.#line.length && !BLANK.test(this.#line.charAt(this.#position))) {
      this.#readPiece(word);
    }
    this.endsInsideWord = this.#position >= this.#line.length;
    return word.finish();
  }

  #readPiece(word: WordBuilder): void {
    const character = this.#line.charAt(this.#position++);
    if (character === "'" || character === '"') {
      this.#readQuoted(word, character);
    } else if (character === "\\") {
      if (this.#position < this.#line.length) {
        word.addLiteral(this.#line.charAt(this.#position++));
      } else if (!this.#isLenient) {
        throw new UsageError(
          "The line ends with a backslash: nothing follows to be taken as it is",
        );
      }
    } else {
      word.addPlain(character);
    }
  }

  #readQuoted(word: WordBuilder, quote: string): void {
    word.isQuoted = true;
    for (;;) {
      if (this.#position >= this.#line.length) {
        if (this.#isLenient) return;
        throw new UsageError(`A quote is open: the closing ${quote} is missing`);
      }
      let character = this.#line.charAt(this.#position++);
      if (character === quote) return;
      if (quote === '"' && character === "\\" && /["\\]/.test(this.#line.charAt(this.#position))) {
        character = this.#line.charAt(this.#position++);
      }
      word.addLiteral(character);
    }
  }
}

class WordBuilder {
  #text = "";
  #pattern = "";
  #hasPattern = false;
  isQuoted = false;

  addPlain(character: string): void {
    this.#text += character;
    this.#pattern += character;
    if (character === "*" || character === "?" || character === "[") this.#hasPattern = true;
  }

  addLiteral(character: string): void {
    this.isQuoted = true;
    this.#text += character;
    this.#pattern += /[*?[\\]/.test(character) ? `\\${character}` : character;
  }

  finish(): Word {
    return {
      text: this.#text,
      pattern: this.#hasPattern ? this.#pattern : null,
      isQuoted: this.isQuoted,
    };
  }
}
