/**
 * What the Tab key offers: commands, then whatever the command says its arguments are.
 *
 * @module
 */

import { REMOTE_ROOT, resolveRemotePath } from "../files/mod.ts";
import {
  type Command,
  commandWords,
  type Completion,
  findCommand,
  SERVER_PREFIX,
} from "./command.ts";
import { LocalFolders } from "./local_folders.ts";
import { parsePartialLine, quoteWord } from "./parse_line.ts";
import { listRemote } from "./remote_place.ts";
import type { Session } from "./session.ts";

/** Candidates, and the part of the line they would replace (always its end). */
export interface Candidates {
  /** Complete words, quoted as needed; folders end with `/`, and anything else with a blank if it is the only one. */
  readonly words: readonly string[];
  /** The text they stand for. */
  readonly replaces: string;
}

/** Finds candidates for the end of a line. Errors give none: completion never disturbs. */
export async function complete(
  line: string,
  commands: readonly Command[],
  session: Session,
  signal: AbortSignal,
): Promise<Candidates> {
  const { words, current, currentStart } = parsePartialLine(line);
  const replaces = line.slice(currentStart);
  const known = commands.flatMap(commandWords);
  if (words.length === 0) {
    const single = known.filter((word) => !word.includes(" "));
    return { words: finished(startingWith(single, current.toLowerCase())), replaces };
  }
  try {
    const { command, rest } = findCommand(commands, words);
    const completes = rest.at(-1)?.text === "-o" ? otherSide(command.completes) : command.completes;
    const found = await candidates(completes, current, { commands, session, signal });
    const second = words.length === 1 ? secondWords(known, words[0]!.text, current) : [];
    return { words: finished([...second, ...found]), replaces };
  } catch {
    return { words: [], replaces };
  }
}

/** The word is done where there is no other: the next one can be typed. */
function finished(words: string[]): string[] {
  const [only] = words;
  return words.length === 1 && !/[/:]$/.test(only!) ? [`${only} `] : words;
}

/** What makes a command of two words of the first one: `client` of `list`. */
function secondWords(known: readonly string[], first: string, current: string): string[] {
  const beginning = `${first.toLowerCase()} `;
  return startingWith(known, beginning + current.toLowerCase())
    .map((word) => word.slice(beginning.length));
}

interface Surroundings {
  readonly commands: readonly Command[];
  readonly session: Session;
  readonly signal: AbortSignal;
}

async function candidates(
  completes: Completion,
  current: string,
  surroundings: Surroundings,
): Promise<string[]> {
  if (completes === "none") return [];
  if (completes === "command") {
    const names = surroundings.commands.map((command) => command.name);
    return startingWith(names, current.toLowerCase());
  }
  if (completes !== "either-folder") return await paths(completes, current, surroundings);
  const prefix = current.slice(0, SERVER_PREFIX.length);
  if (prefix.toLowerCase() === SERVER_PREFIX) {
    const below = await paths("remote-folder", current.slice(prefix.length), surroundings);
    return below.map((path) => prefix + path);
  }
  return [
    ...startingWith([SERVER_PREFIX], prefix.toLowerCase()),
    ...await paths("local-folder", current, surroundings),
  ];
}

async function paths(
  completes: Exclude<Completion, "none" | "command" | "either-folder">,
  current: string,
  { session, signal }: Surroundings,
): Promise<string[]> {
  const slash = current.lastIndexOf("/") + 1;
  const folder = current.slice(0, slash);
  const start = current.slice(slash);
  const entries = completes.startsWith("remote")
    ? await remoteEntries(folder, session, signal)
    : await localEntries(folder, session);
  return entries
    .filter((entry) => entry.readable && entry.name.startsWith(start))
    .filter((entry) => !completes.endsWith("folder") || entry.kind === "directory")
    .filter((entry) => start !== "" || !entry.name.startsWith("."))
    .map((entry) => quoteWord(folder + entry.name) + (entry.kind === "directory" ? "/" : ""));
}

async function remoteEntries(folder: string, session: Session, signal: AbortSignal) {
  if (session.link === null) return [];
  return await listRemote(session, resolveRemotePath(session.remoteFolder, folder), signal);
}

async function localEntries(folder: string, session: Session) {
  const local = new LocalFolders(session.localFolder);
  try {
    const root = await local.folder(folder === "" ? "." : folder);
    return await root.list(REMOTE_ROOT);
  } finally {
    await local.close();
  }
}

function startingWith(words: readonly string[], start: string): string[] {
  return words.filter((word) => word.startsWith(start)).sort();
}

/** The value of `-o` is on the other side than the arguments. */
function otherSide(completes: Completion): Completion {
  if (completes === "remote") return "local";
  return completes === "local" ? "remote" : "none";
}
