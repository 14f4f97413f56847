/**
 * What goes wrong with some of several things: told when it happens, and all together at the end.
 *
 * @module
 */

import { FileError } from "../files/mod.ts";
import { RemoteError } from "../request/mod.ts";
import {
  about,
  CancelledError,
  ConnectFailure,
  ConnectionLostError,
  NotConnectedError,
  rootCause,
  SomeFailedError,
  UsageError,
} from "./shell_error.ts";
import type { Terminal } from "./terminal.ts";

/** The failures of one command. */
export class Failures {
  readonly #command: string;
  readonly #terminal: Terminal;
  readonly #forgives: (error: unknown) => boolean;
  readonly #told: {
    readonly name: string;
    readonly exitCode: number;
    readonly isNoFile: boolean;
  }[] = [];

  /** Tells failures of `command` at `terminal`; what is forgiven counts as done. */
  constructor(
    command: string,
    terminal: Terminal,
    { forgives = () => false }: { forgives?: (error: unknown) => boolean } = {},
  ) {
    this.#command = command;
    this.#terminal = terminal;
    this.#forgives = forgives;
  }

  /** What failed so far, as the user knows it. */
  get names(): string[] {
    return this.#told.map(({ name }) => name);
  }

  /** Whether nothing failed but this, because there is no file of that name. */
  isOnlyNoFile(name: string): boolean {
    const [only] = this.#told;
    return this.#told.length === 1 && only!.name === name && only!.isNoFile;
  }

  /**
   * Tells that something failed; the rest can go on.
   *
   * @throws The error itself when it is the end of everything: the rest would end the same way.
   */
  tell(name: string, error: unknown): void {
    if (endsEverything(error)) throw error;
    const exitCode = this.#terminal.failure(this.#command, error);
    this.#told.push({ name, exitCode, isNoFile: isNoFile(error) });
  }

  /**
   * Does something to each of several things, whatever becomes of the others.
   *
   * @throws What went wrong with the only thing there is: it fails as itself.
   */
  async each<Thing extends { readonly text: string }>(
    things: readonly Thing[],
    work: (thing: Thing) => Promise<void>,
  ): Promise<void> {
    const isAlone = things.length === 1 && this.#told.length === 0;
    for (const thing of things) {
      try {
        await about(thing.text, () => work(thing));
      } catch (error) {
        if (this.#forgives(error)) continue;
        if (isAlone) throw error;
        this.tell(thing.text, error);
      }
    }
  }

  /**
   * Ends the command as it has to end after the failures, if there are any.
   *
   * @param totalCount How many things there were, failed ones included.
   * @throws {SomeFailedError}
   */
  throwIfAny(totalCount: number): void {
    const [first] = this.#told;
    if (first === undefined) return;
    const haveAllFailedAlike = this.#told.length === totalCount &&
      this.#told.every(({ exitCode }) => exitCode === first.exitCode);
    throw new SomeFailedError(this.names, totalCount, haveAllFailedAlike ? first.exitCode : null);
  }
}

function isNoFile(error: unknown): boolean {
  const cause = rootCause(error);
  if (cause instanceof RemoteError) return NO_FILE.has(cause.status);
  return cause instanceof FileError ? NO_FILE.has(cause.kind) : cause instanceof UsageError;
}

const NO_FILE: ReadonlySet<string> = new Set(["not-found", "is-a-directory"]);

function endsEverything(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (
      cause instanceof CancelledError || cause instanceof ConnectionLostError ||
      cause instanceof ConnectFailure || cause instanceof NotConnectedError
    ) return true;
  }
  return false;
}
