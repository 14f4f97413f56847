/**
 * How much of a processor the thread that does everything here has wanted.
 *
 * @module
 */

import process from "node:process";

/** Linux: nanoseconds that the main thread ran, and that it was ready to run and had to wait for a core. */
const SCHEDULER_STATISTICS = "/proc/self/schedstat";

/**
 * Processor time that the main thread has wanted so far, ms: what it got, and on Linux, with permission
 * to look, what it had to wait for behind others. NaN where the system does not tell.
 */
export function wantedCpuMs(): number {
  return scheduledMs() ?? usedMs();
}

function scheduledMs(): number | null {
  const isReadable = Deno.build.os === "linux" && Deno.permissions.querySync({
        name: "read",
        path: SCHEDULER_STATISTICS,
      }).state === "granted";
  if (!isReadable) return null;
  try {
    const [ranNs, waitedNs] = Deno.readTextFileSync(SCHEDULER_STATISTICS).split(" ").map(Number);
    const sumNs = (ranNs ?? NaN) + (waitedNs ?? NaN);
    return Number.isNaN(sumNs) ? null : sumNs / 1e6;
  } catch {
    return null; // a kernel without these statistics, or without /proc
  }
}

function usedMs(): number {
  try {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  } catch {
    return NaN;
  }
}
