/**
 * Assertions about our own code. What the peer, the disk or the network does is never asserted:
 * that is an error value with a code.
 *
 * @module
 */

/** Ferry did something that it must never do: a bug here, not a fault of the peer. */
export class InternalError extends Error {
  /** Makes the error with what was expected. */
  constructor(message: string) {
    super(message);
    this.name = "InternalError";
  }
}

/**
 * Stops when our own reasoning is wrong.
 *
 * @throws {InternalError} when `condition` is falsy.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}

/**
 * Closes an exhaustive `switch`: the compiler refuses the call while a case is missing.
 *
 * @throws {InternalError} always, if it is reached at run time.
 */
export function assertNever(value: never): never {
  throw new InternalError(`Unexpected value: ${JSON.stringify(value)}`);
}
