/**
 * Waits that the programs take, by whichever clock they run.
 *
 * @module
 */

/** The clock's `sleep`. */
export type Sleeper = (delayMs: number) => { readonly done: Promise<void>; cancel(): void };

/** Waits so long, or until `signal` fires: false then. */
export async function passes(
  sleep: Sleeper,
  delayMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const wait = sleep(delayMs);
  const stop = () => wait.cancel();
  signal.addEventListener("abort", stop);
  await wait.done;
  signal.removeEventListener("abort", stop);
  return !signal.aborted;
}
