/**
 * Calls of Node as promises, and failures found here in the form of those that the system reports.
 *
 * @module
 */
import { fsync } from "node:fs";

/** Brings what a descriptor stands for to stable storage (fsync). */
export async function syncDescriptor(fd: number): Promise<void> {
  await asPromise((done) => fsync(fd, done));
}

/** A call with a callback, as a promise. */
export function asPromise(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((done, failed) => call((error) => error ? failed(error) : done()));
}

/** An error as the system reports it, with its code. */
export function osError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
