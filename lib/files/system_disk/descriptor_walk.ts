/**
 * Whether open directories can stand for paths here, and how: `/proc/self/fd/N/name`.
 *
 * @module
 */
import { closeSync, constants, openSync } from "node:fs";

/** Flags that open a directory. */
export const OPEN_DIRECTORY = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);

/** Flags that refuse a link at the end of a path and never wait for the other end of a pipe. */
export const NO_FOLLOW = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Whether directories of a {@linkcode FileRoot} are walked by descriptor, which Deno allows only as long as
 * the program has every permission.
 */
export function needsEveryPermission(): boolean {
  return canWalkDescriptors();
}

let descriptorWalk: boolean | undefined;

/**
 * Whether `/proc/self/fd/N/name` works and O_NOFOLLOW is honoured. Deno does both under all
 * permissions only; with less it resolves links itself before opening.
 */
export function canWalkDescriptors(): boolean {
  descriptorWalk ??= Deno.build.os === "linux" && hasUnlimitedAccess() && refusesLinks();
  return descriptorWalk;
}

function hasUnlimitedAccess(): boolean {
  const names = ["read", "write", "run", "ffi", "env", "sys", "net"] as const;
  return names.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}

function refusesLinks(): boolean {
  try {
    closeSync(openSync("/proc/self", OPEN_DIRECTORY | NO_FOLLOW)); // a link on every Linux
    return false;
  } catch (error) {
    const { code } = error as { code?: unknown };
    return code === "ENOTDIR" || code === "ELOOP";
  }
}

/** What stands for an open directory or file in a path. */
export function procPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
