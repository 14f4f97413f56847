/**
 * What goes wrong with some of several things: told when it happens, and all together at the end.
 *
 * @module
 */

import {
  CancelledError,
  ConnectFailure,
  ConnectionLostError,
  NotConnectedError,
  SomeFailedError,
} from "./shell_error.ts";
import type { Terminal } from "./terminal.ts";

/** The failures of one command. */
export class Failures {
  readonly #command: string;
  readonly #terminal: Terminal;
  readonly #told: { readonly name: string; readonly exitCode: number }[] = [];

  /** Tells failures of `command` at `terminal`. */
  constructor(command: string, terminal: Terminal) {
    this.#command = command;
    this.#terminal = terminal;
  }

  /** What failed so far, as the user knows it. */
  get names(): string[] {
    return this.#told.map(({ name }) => name);
  }

  /**
   * Tells that something failed; the rest can go on.
   *
   * @throws The error itself when it is the end of everything: the rest would end the same way.
   */
  tell(name: string, error: unknown): void {
    if (endsEverything(error)) throw error;
    this.#told.push({ name, exitCode: this.#terminal.failure(this.#command, error) });
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

function endsEverything(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (
      cause instanceof CancelledError || cause instanceof ConnectionLostError ||
      cause instanceof ConnectFailure || cause instanceof NotConnectedError
    ) return true;
  }
  return false;
}
