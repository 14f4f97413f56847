/**
 * The one file that knows stdin, stdout and stderr. Off a terminal it only reads lines and writes text.
 *
 * @module
 */

import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { systemClock } from "../driver/mod.ts";
import { environmentVariable } from "./environment.ts";
import { type OutputStream, writeWhole } from "./write_whole.ts";

/** What came of asking for a line. */
export type LineReading =
  | { readonly kind: "line"; readonly text: string }
  /** End of input: Ctrl-D. */
  | { readonly kind: "end" }
  /** Ctrl-C at the prompt. */
  | { readonly kind: "interrupt" };

/** Finds completions: the candidates and the text at the end of the line that they replace. */
export type Completer = (line: string) => Promise<{ words: readonly string[]; replaces: string }>;

/** Input and output of the process. Text is written as it is: escape foreign names before. */
export interface Tty {
  /** Stdin is a terminal: there is somebody to ask. */
  readonly isInputTerminal: boolean;
  /** Stdout is a terminal. */
  readonly isOutputTerminal: boolean;
  /** Stderr is a terminal on which lines may be redrawn. */
  readonly isErrorTerminal: boolean;
  /** Colour is welcome on a terminal: `NO_COLOR` is not set, and the terminal knows how. */
  readonly allowsColour: boolean;
  /** Width of the terminal. */
  columns(): number;
  /**
   * Writes to stdout: at once on a terminal, else together with what follows before the program next waits.
   * Once its reader is gone, nothing more is written; what the disk does not take is lost.
   */
  writeOut(text: string): void;
  /** Writes to stderr; a prompt that stands there is drawn again below. */
  writeError(text: string): void;
  /** Asks for a line with editing, history and completion. Only when stdin is a terminal. */
  readLine(prompt: string, complete: Completer): Promise<LineReading>;
  /** Forgets the lines that were typed or pasted before they were asked for. */
  dropTypedAhead(): void;
  /** Asks for a line and shows nothing of what is typed. Only when stdin is a terminal. */
  readSecret(prompt: string): Promise<LineReading>;
  /** Lines of stdin, for scripts. */
  inputLines(): AsyncIterable<string>;
}

const HISTORY_LENGTH = 500;
const DEFAULT_COLUMNS = 80;
/** Argument of readline's `prompt`: the typed text and the cursor stay as they are. */
const KEEP_CURSOR = true;
const CLEAR_LINE = "\r\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** The process's own terminal, as its environment describes it. */
export function systemTty(): SystemTty {
  return new SystemTty({
    noColor: environmentVariable("NO_COLOR"),
    term: environmentVariable("TERM"),
  });
}

/** The process's own terminal. */
export class SystemTty implements Tty {
  readonly isInputTerminal = Deno.stdin.isTerminal();
  readonly isOutputTerminal = Deno.stdout.isTerminal();
  readonly isErrorTerminal: boolean;
  readonly allowsColour: boolean;
  /** The terminal knows no control sequences. */
  readonly #isDumb: boolean;
  readonly #encoder = new TextEncoder();
  #history: string[] = [];
  #editor: Interface | null = null;
  /** Whole lines that came together with the one before, and the beginning of the next. */
  #typedAhead: string[] = [];
  #begun = "";
  /** The reader of stdout has gone: `list | head`. */
  #isOutputClosed = false;
  #outputFailure: Error | null = null;
  /** Not yet written: a call of the system for each of 10 000 lines costs a quarter of a second. */
  #heldOutput: string[] = [];

  /** Takes the values of `NO_COLOR`, where anything but an empty string turns colour off, and of `TERM`. */
  constructor({ noColor, term }: { noColor: string | undefined; term: string | undefined }) {
    this.#isDumb = term === "dumb";
    this.isErrorTerminal = Deno.stderr.isTerminal() && !this.#isDumb;
    this.allowsColour = (noColor ?? "") === "" && !this.#isDumb;
    globalThis.addEventListener("unload", () => this.#flushOutput());
  }

  columns(): number {
    try {
      return Deno.consoleSize().columns || DEFAULT_COLUMNS;
    } catch {
      return DEFAULT_COLUMNS; // no terminal at all
    }
  }

  writeOut(text: string): void {
    this.#heldOutput.push(text);
    if (this.isOutputTerminal) this.#flushOutput();
    else if (this.#heldOutput.length === 1) {
      void systemClock.yieldTurn().then(() => this.#flushOutput());
    }
  }

  /** Writes what {@linkcode writeOut} still holds. */
  #flushOutput(): void {
    const text = this.#heldOutput.join("");
    this.#heldOutput = [];
    if (this.#isOutputClosed || text === "") return;
    try {
      this.#write(Deno.stdout, text);
    } catch (error) {
      // A full disk under the log is no reason to stop serving; who needs the output asks at the end.
      if (error instanceof Deno.errors.BrokenPipe) this.#isOutputClosed = true;
      else if (error instanceof Error) this.#outputFailure ??= error;
    }
  }

  /** Writes what is still held. Gives what kept some of stdout from being written, if anything did. */
  outputFailure(): Error | null {
    this.#flushOutput();
    return this.#outputFailure;
  }

  writeError(text: string): void {
    this.#flushOutput(); // who reads both finds them in order
    try {
      if (this.#editor === null) return this.#write(Deno.stderr, text);
      this.#writeAbove(this.#editor, text);
    } catch {
      // There is nobody to tell.
    }
  }

  /** Writes between what stands there and the line that is being typed. */
  #writeAbove(editor: Interface, text: string): void {
    if (this.#isDumb) {
      this.#write(Deno.stderr, `\n${text}${editor.getPrompt()}${editor.line}`);
      return;
    }
    // The typed line may take several rows. The editor goes up as many before it draws it again.
    const { rows } = editor.getCursorPos();
    const up = rows === 0 ? "" : `\x1b[${rows}A`;
    this.#write(Deno.stderr, `${up}\r${CLEAR_BELOW}${text}${"\n".repeat(rows)}`);
    editor.prompt(KEEP_CURSOR);
  }

  async readLine(prompt: string, complete: Completer): Promise<LineReading> {
    this.#flushOutput();
    const waiting = this.#typedAhead.shift();
    if (waiting !== undefined) {
      this.#write(Deno.stderr, `${prompt}${waiting}\n`);
      return this.#remembered({ kind: "line", text: waiting });
    }
    const editor: Interface = createInterface({
      input: process.stdin,
      output: process.stderr,
      terminal: true,
      history: [...this.#history],
      historySize: HISTORY_LENGTH,
      removeHistoryDuplicates: true,
      completer: oneAtATime(complete, () => this.#editor === editor),
    });
    this.#editor = editor;
    const typedAhead = this.#typedAhead;
    editor.on("line", (text: string) => void typedAhead.push(text));
    try {
      const reading = firstReading(editor, prompt);
      editor.write(this.#begun);
      this.#begun = "";
      const first = await reading;
      if (first.kind !== "line") {
        this.dropTypedAhead();
        return first;
      }
      typedAhead.shift();
      this.#begun = editor.line;
      if (this.#begun !== "") this.#write(Deno.stderr, this.#isDumb ? "\n" : CLEAR_LINE);
      return this.#remembered(first);
    } finally {
      this.#editor = null;
      editor.close();
    }
  }

  dropTypedAhead(): void {
    this.#typedAhead.length = 0;
    this.#begun = "";
  }

  async readSecret(prompt: string): Promise<LineReading> {
    this.#flushOutput();
    // Editing works, but every character that would be drawn goes nowhere.
    const editor = createInterface({
      input: process.stdin,
      output: nowhere(),
      terminal: true,
      historySize: 0,
    });
    const showPrompt = () => this.#write(Deno.stderr, prompt);
    // After Ctrl-Z and `fg` nothing else says what is waited for.
    editor.on("SIGCONT", showPrompt);
    showPrompt();
    try {
      return await firstReading(editor, "");
    } finally {
      editor.close();
      this.#write(Deno.stderr, "\n");
    }
  }

  async *inputLines(): AsyncIterable<string> {
    let rest = "";
    for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.replace(/\r$/, "");
    }
    if (rest !== "") yield rest;
  }

  #remembered(reading: LineReading): LineReading {
    if (reading.kind === "line" && reading.text.trim() !== "") this.#remember(reading.text);
    return reading;
  }

  #remember(line: string): void {
    const others = this.#history.filter((known) => known !== line);
    this.#history = [line, ...others].slice(0, HISTORY_LENGTH);
  }

  #write(stream: OutputStream, text: string): void {
    writeWhole(stream, this.#encoder.encode(text), { isLineBuffered: stream === Deno.stdout });
  }
}

function firstReading(editor: Interface, prompt: string): Promise<LineReading> {
  const { promise, resolve } = Promise.withResolvers<LineReading>();
  editor.on("line", (text: string) => resolve({ kind: "line", text }));
  editor.on("SIGINT", () => resolve({ kind: "interrupt" }));
  editor.on("close", () => resolve({ kind: "end" }));
  // After Ctrl-Z and `fg` readline has paused its input.
  editor.on("SIGCONT", () => editor.prompt(KEEP_CURSOR));
  editor.setPrompt(prompt);
  editor.prompt();
  return promise;
}

/** An output that shows nothing. */
function nowhere(): NodeJS.WritableStream {
  const output: Record<string, unknown> = { columns: DEFAULT_COLUMNS, isTTY: true };
  for (const name of ["on", "once", "off", "removeListener", "emit"]) output[name] = () => output;
  output["write"] = () => true;
  return output as unknown as NodeJS.WritableStream;
}

type ReadlineCompleter = (
  line: string,
  answer: (error: Error | null, result: [string[], string]) => void,
) => Promise<void> | void;

/**
 * Two quick Tabs would both insert the rest of the word: the second waits for a look at the first. An answer
 * that comes after the line was entered is of no use any more.
 */
function oneAtATime(complete: Completer, isOpen: () => boolean): ReadlineCompleter {
  let isBusy = false;
  return async (line, answer) => {
    if (isBusy) return answer(null, [[], line]);
    isBusy = true;
    const { words, replaces } = await complete(line);
    isBusy = false;
    if (isOpen()) answer(null, [[...words], replaces]);
  };
}
