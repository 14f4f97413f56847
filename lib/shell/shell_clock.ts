/**
 * Time as the shell needs it.
 *
 * @module
 */

import { CancelledError } from "./shell_error.ts";

/** A clock; the driver's fits. */
export interface ShellClock {
  /** Milliseconds since an arbitrary start. */
  nowMs(): number;
  /** Starts a wait that can be cut short. */
  sleep(delayMs: number): { readonly done: Promise<void>; cancel(): void };
}

/**
 * Waits.
 *
 * @throws {CancelledError} When `signal` fires before the end.
 */
export async function pause(
  clock: ShellClock,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw new CancelledError();
  const sleep = clock.sleep(delayMs);
  const stop = () => sleep.cancel();
  signal.addEventListener("abort", stop);
  await sleep.done;
  signal.removeEventListener("abort", stop);
  if (signal.aborted) throw new CancelledError();
}
