/**
 * What a command is, and how its words and options are found in a line.
 *
 * @module
 */

import type { ExistsPolicy } from "../operations/mod.ts";
import type { LocalFolders } from "./local_folders.ts";
import type { Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import type { Word } from "./parse_line.ts";
import { UnknownCommandError, UsageError } from "./shell_error.ts";
import { nearestWords } from "./nearest_words.ts";

/** What the arguments of a command are, for completion. */
export type Completion =
  | "remote"
  | "remote-folder"
  | "local"
  | "local-folder"
  /** A folder here, or one on the server behind {@linkcode SERVER_PREFIX}. */
  | "either-folder"
  | "command"
  | "none";

/** What a folder on the server begins with where one here could be meant too, in any case. */
export const SERVER_PREFIX = "server:";

/** An option of a command. */
export interface Flag {
  /** The letter after the dash. */
  readonly letter: string;
  /** The word after two dashes, when it has one. */
  readonly long?: string;
  /** Name of its value when it takes one. */
  readonly value?: string;
  /** What it does. */
  readonly meaning: string;
}

/** Habits from `ls` that a listing fulfils without being asked. */
export const LISTING_FLAGS: readonly Flag[] = [
  { letter: "l", meaning: "with size and time, as always" },
  { letter: "a", meaning: "names that begin with a dot too, as always" },
];

/** Another word for a command, with the arguments it stands for. */
export interface Alias {
  /** The word; two words with one space are matched before any argument. */
  readonly word: string;
  /** Arguments put before the user's. */
  readonly stands?: readonly string[];
}

/** What the user asked of a command. */
export interface Invocation {
  /** Arguments without options. */
  readonly words: readonly Word[];
  /** Whether an option was given. */
  has(letter: string): boolean;
  /** The value of an option. */
  value(letter: string): Word | null;
}

/** What a command works with. */
export interface CommandContext {
  /** Folders and the connection. */
  readonly session: Session;
  /** Local folders, closed after the command. */
  readonly local: LocalFolders;
  /** Where answers go. */
  readonly terminal: Terminal;
  /** Every command there is. */
  readonly commands: readonly Command[];
  /** What get and put do with a target that exists. */
  readonly exists: ExistsPolicy;
  /** Fires when the user stops the command. */
  readonly signal: AbortSignal;
}

/** Whether the shell goes on after a command. */
export type Next = "go-on" | "leave";

/** One command: everything the shell, `help` and completion know of it. */
export interface Command {
  /** Canonical name, lower case. */
  readonly name: string;
  /** Other words for it. */
  readonly aliases: readonly Alias[];
  /** Its arguments and options, as `help` shows them. */
  readonly usage: string;
  /** What it does, one line. */
  readonly summary: string;
  /** Further lines for `help COMMAND`. */
  readonly details?: readonly string[];
  /** Its options. */
  readonly flags?: readonly Flag[];
  /** How many arguments it takes. */
  readonly arguments: { readonly least: number; readonly most: number };
  /** What its arguments are. */
  readonly completes: Completion;
  /** Does it. */
  run(invocation: Invocation, context: CommandContext): Promise<Next>;
}

/** A command found in a line. */
export interface FoundCommand {
  /** The command. */
  readonly command: Command;
  /** The words after it, options among them. */
  readonly rest: readonly Word[];
}

/**
 * Finds the command that a line begins with; two-word names first, upper and lower case alike.
 *
 * @throws {UnknownCommandError}
 */
export function findCommand(commands: readonly Command[], words: readonly Word[]): FoundCommand {
  const [first, second] = words;
  if (first === undefined) throw new UsageError("A command is missing");
  if (first.text === "") throw new UsageError("The command is an empty word");
  const single = first.text.toLowerCase();
  if (second !== undefined && !second.isQuoted) {
    const found = lookUp(commands, `${single} ${second.text.toLowerCase()}`);
    if (found !== null) return withArguments(found, words.slice(2));
  }
  const found = lookUp(commands, single);
  if (found !== null) return withArguments(found, words.slice(1));
  const names = commands.flatMap((command) => commandWords(command));
  throw new UnknownCommandError(
    first.text,
    nearestWords(single, names),
    commands.map((command) => command.name),
  );
}

/** Every word that starts a command. */
export function commandWords(command: Command): string[] {
  return [command.name, ...command.aliases.map((alias) => alias.word)];
}

/**
 * Sorts the words after a command into options and arguments and counts them.
 *
 * `-rf` is `-r -f`; `-oNAME` is `-o NAME`; `--` ends the options; quoted words and negative numbers are never options.
 *
 * @throws {UsageError}
 */
export function readInvocation(command: Command, rest: readonly Word[]): Invocation {
  const words: Word[] = [];
  const given = new Map<string, Word | null>();
  let optionsEnded = false;
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]!;
    const isOption = !optionsEnded && !word.isQuoted && /^-\D/.test(word.text);
    if (!isOption) {
      words.push(word);
    } else if (word.text === "--") {
      optionsEnded = true;
    } else if (word.text.startsWith("--")) {
      readLongFlag(command, word, given);
    } else {
      index += readFlags(command, word, rest[index + 1], given);
    }
  }
  // No path, host or word is empty: it is a variable of a script that was not set.
  if ([...words, ...given.values()].some((word) => word?.text === "")) {
    throw new UsageError(`${command.name}: an argument is empty. Usage: ${command.usage}`);
  }
  const { least, most } = command.arguments;
  if (words.length < least || words.length > most) {
    const problem = words.length < least ? "something is missing" : "too many words";
    throw new UsageError(`${command.name}: ${problem}. Usage: ${command.usage}`);
  }
  return {
    words,
    has: (letter) => given.has(letter),
    value: (letter) => given.get(letter) ?? null,
  };
}

/** Reads `--word`. */
function readLongFlag(command: Command, word: Word, given: Map<string, Word | null>): void {
  const flag = command.flags?.find(({ long }) => long !== undefined && word.text === `--${long}`);
  if (flag === undefined) throw unknownOption(command, word);
  given.set(flag.letter, null);
}

function unknownOption(command: Command, word: Word): UsageError {
  return new UsageError(`${command.name}: unknown option ${word.text}. Usage: ${command.usage}`);
}

/** Reads one word of options; returns how many further words it used. */
function readFlags(
  command: Command,
  word: Word,
  following: Word | undefined,
  given: Map<string, Word | null>,
): number {
  const letters = [...word.text.slice(1)];
  for (const [position, letter] of letters.entries()) {
    const flag = command.flags?.find((candidate) => candidate.letter === letter);
    if (flag === undefined) {
      throw unknownOption(command, word);
    }
    if (flag.value === undefined) {
      given.set(letter, null);
      continue;
    }
    const attached = letters.slice(position + 1).join("");
    if (attached !== "") {
      given.set(letter, { text: attached, pattern: null, isQuoted: false });
      return 0;
    }
    if (following === undefined) {
      throw new UsageError(`${command.name}: -${letter} needs ${flag.value}`);
    }
    given.set(letter, following);
    return 1;
  }
  return 0;
}

function lookUp(
  commands: readonly Command[],
  word: string,
): { command: Command; stands: readonly string[] } | null {
  for (const command of commands) {
    if (command.name === word) return { command, stands: [] };
    const alias = command.aliases.find((candidate) => candidate.word === word);
    if (alias !== undefined) return { command, stands: alias.stands ?? [] };
  }
  return null;
}

function withArguments(
  found: { command: Command; stands: readonly string[] },
  rest: readonly Word[],
): FoundCommand {
  const stands = found.stands.map((text) => ({ text, pattern: null, isQuoted: true }));
  return { command: found.command, rest: [...stands, ...rest] };
}
