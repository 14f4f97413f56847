/**
 * Throwing away what transfers left behind and nobody goes on with.
 *
 * @module
 */

import { systemClock } from "../driver/mod.ts";
import { FileError, type FileRoot } from "../files/mod.ts";
import { formatBytes, formatCount } from "./units.ts";

const HOUR_MS = 3600 * 1000;

/**
 * Removes old leftovers now. Returns a sentence when there were any, else null. A folder in which nothing
 * can be removed is left as it is.
 */
export async function cleanLeftovers(root: FileRoot): Promise<string | null> {
  try {
    // The dates of files are those of the wall clock.
    const { removed, bytes } = await root.cleanStaging({ nowMs: Date.now() });
    if (removed === 0) return null;
    return `Removed ${formatCount(removed, "old unfinished transfer")}, ${formatBytes(bytes)}.`;
  } catch (error) {
    if (error instanceof FileError) return null;
    throw error;
  }
}

/** Does so now and every hour, until `signal` fires. */
export async function cleanHourly(
  root: FileRoot,
  onCleaned: (sentence: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const sentence = await cleanLeftovers(root);
    if (sentence !== null) onCleaned(sentence);
    const wait = systemClock.sleep(HOUR_MS);
    const stop = () => wait.cancel();
    signal.addEventListener("abort", stop);
    if (signal.aborted) wait.cancel();
    await wait.done;
    signal.removeEventListener("abort", stop);
  }
}
