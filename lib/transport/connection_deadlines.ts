/**
 * What one connection waits for.
 *
 * @module
 */
import { DeadlineTable } from "../collections/deadline_table.ts";

const NAMES = [
  "ack",
  "loss",
  "pacing",
  "tail",
  "idle",
  "keepalive",
  "close",
  "path",
  "progress",
] as const;

/** One thing that a connection waits for. */
export type DeadlineName = typeof NAMES[number];
/** The deadlines of one connection. */
export type ConnectionDeadlines = DeadlineTable<DeadlineName>;

/** How many deadlines a connection has. */
export const DEADLINE_COUNT: number = NAMES.length;

/** Makes the deadlines of a new connection, all unset. */
export function createDeadlines(): ConnectionDeadlines {
  return new DeadlineTable<DeadlineName>(NAMES);
}
