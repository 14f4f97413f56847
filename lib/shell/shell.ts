/**
 * One line in, one command done: finds the command, runs it, tells its error.
 *
 * @module
 */

import { controlCommands } from "./commands/control.ts";
import { localCommands } from "./commands/local.ts";
import { remoteCommands } from "./commands/remote.ts";
import { resumeCommands } from "./commands/resume.ts";
import { syncCommands } from "./commands/sync.ts";
import { transferCommands } from "./commands/transfers.ts";
import { type Command, commandWords, findCommand, type Next, readInvocation } from "./command.ts";
import { type Disk, type Durability, type FileRoot, LeafMemory } from "../files/mod.ts";
import type { ExistsPolicy } from "../operations/mod.ts";
import { LocalFolders } from "./local_folders.ts";
import { ignoresFailure, parseLine, type Word } from "./parse_line.ts";
import type { Session } from "./session.ts";
import { CancelledError } from "./shell_error.ts";
import type { Terminal } from "./terminal.ts";

/** Every command, in the order of `help`. */
export const allCommands: readonly Command[] = [
  ...remoteCommands.slice(0, 1),
  ...transferCommands,
  ...syncCommands,
  ...resumeCommands,
  ...remoteCommands.slice(1),
  ...localCommands,
  ...controlCommands,
];

/** Whether a word begins a command, in upper or lower case. */
export function isCommandWord(word: string): boolean {
  return allCommands.some((command) => commandWords(command).includes(word.toLowerCase()));
}

/** What a shell is made of. */
export interface ShellOptions {
  /** Folders and connection. */
  readonly session: Session;
  /** Where answers go. */
  readonly terminal: Terminal;
  /** What get and put do with a target that exists. */
  readonly exists: ExistsPolicy;
  /** The disk of the local folders; the real one when absent. */
  readonly disk?: Disk;
  /** What a fetched file waits for before it counts as saved; `full` when absent. */
  readonly durability?: Durability;
  /** False to do without native code; true by default. */
  readonly hasNativeCode?: boolean;
  /** Makes the hashers of what is received; plain ones when absent. */
  readonly leafHashing?: FileRoot["leafHashing"];
  /** The commands; all of them when absent. */
  readonly commands?: readonly Command[];
}

/** What became of a line. */
export interface LineOutcome {
  /** 0, or the exit code of its error; 0 too when the line ignores failures. */
  readonly exitCode: number;
  /** Whether the shell goes on. */
  readonly next: Next;
}

/** Runs commands one after the other. */
export class Shell {
  readonly #options: ShellOptions;
  readonly #commands: readonly Command[];
  /** What one command hashed, the next need not. */
  readonly #leafMemory = new LeafMemory();

  /** Makes a shell; nothing happens before the first line. */
  constructor(options: ShellOptions) {
    this.#options = options;
    this.#commands = options.commands ?? allCommands;
  }

  /** The commands it knows. */
  get commands(): readonly Command[] {
    return this.#commands;
  }

  /** Runs a line as typed. Never rejects for what the user, the disk or the server does. */
  async runLine(line: string, signal: AbortSignal): Promise<LineOutcome> {
    const outcome = await this.#runParsed(line, signal);
    // Ctrl-C is no failure of the command: nothing ignores it.
    const isIgnored = ignoresFailure(line) && !signal.aborted;
    return isIgnored ? { ...outcome, exitCode: 0 } : outcome;
  }

  async #runParsed(line: string, signal: AbortSignal): Promise<LineOutcome> {
    try {
      const words = parseLine(line);
      if (words.length === 0) return { exitCode: 0, next: "go-on" };
      return await this.runWords(words, signal);
    } catch (error) {
      return { exitCode: this.#options.terminal.failure("", error), next: "go-on" };
    }
  }

  /** Runs words that are already split: those of a line or of the program's arguments. */
  async runWords(words: readonly Word[], signal: AbortSignal): Promise<LineOutcome> {
    const { terminal, session, exists, disk, durability, hasNativeCode = true, leafHashing } =
      this.#options;
    let name = words[0]?.text ?? "";
    const local = new LocalFolders(session.localFolder, {
      nowMs: () => session.nowMs(),
      ...(disk === undefined ? {} : { disk }),
      ...(durability === undefined ? {} : { durability }),
      ...(leafHashing === undefined ? {} : { leafHashing }),
      hasNativeCode,
      leafMemory: this.#leafMemory,
      home: session.homeFolder,
    });
    try {
      const { command, rest } = findCommand(this.#commands, words);
      name = command.name;
      const next = await command.run(readInvocation(command, rest), {
        session,
        local,
        terminal,
        commands: this.#commands,
        exists,
        signal,
      });
      return { exitCode: 0, next };
    } catch (error) {
      return { exitCode: terminal.failure(name, cancelledOr(error, signal)), next: "go-on" };
    } finally {
      await local.close();
    }
  }
}

function cancelledOr(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || error instanceof CancelledError) return error;
  return new CancelledError("Cancelled", { cause: error });
}
