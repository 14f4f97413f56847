import { failureStatus } from "./error_status.ts";

/**
 * Tries again when a source changed while it was read, from what it is then. One that changes once more is being
 * written, and no version of it can be had.
 */
export async function onceMoreIfChanged<Result>(attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (failureStatus(error)?.status !== "changed") throw error;
  }
  return await attempt();
}
