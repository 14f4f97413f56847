/**
 * Calls that are counted, and of which a chosen one fails or is the last.
 *
 * @module
 */

/** Thrown by every call from the one at which the simulated program was stopped. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

/** What goes wrong, and when; calls are counted from 1. */
export interface DiskFaults {
  /** The call that fails. */
  failAt?: number;
  /** The code it fails with, EIO by default. */
  failCode?: string;
  /** Only calls of these names fail, and only they are counted for `failAt`. */
  failOnly?: readonly string[];
  /** The call at which the program is killed: a write is half done, anything else is not. */
  stopAt?: number;
}

/** The calls of one program. */
export class FaultyCalls {
  /** Their names so far. */
  readonly names: string[] = [];
  /** Told of every call before it does anything. */
  onCall: (name: string) => void = () => {};
  #faults: DiskFaults = {};
  #counted = 0;
  #failable = 0;
  #isStopped = false;

  /** Says what is to go wrong; calls are counted from now on. */
  expect(faults: DiskFaults): void {
    this.#faults = faults;
    this.#counted = this.#failable = 0;
  }

  /** Counts a call and lets it fail; `half` is what a killed program still did. */
  on(name: string, half?: () => void): void {
    if (this.#isStopped) throw new StoppedError();
    this.names.push(name);
    this.onCall(name);
    const { failAt, failCode = "EIO", failOnly, stopAt } = this.#faults;
    if (++this.#counted === stopAt) {
      half?.();
      this.#isStopped = true;
      throw new StoppedError();
    }
    if (failOnly !== undefined && !failOnly.includes(name)) return;
    if (++this.#failable === failAt) fail(failCode);
  }
}

/** Throws an error as the system would. */
export function fail(code: string): never {
  throw Object.assign(new Error(`${code}: injected or natural`), { code });
}
