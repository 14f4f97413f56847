/**
 * Giving permissions back that a running server does not need.
 *
 * @module
 */

import { needsEveryPermission } from "../files/mod.ts";

/**
 * Needed only for starting, or never. `ffi` is needed for each new key, `sys` to see how much space is free.
 */
const STARTING_ONLY = ["run", "env", "import"] as const;

/**
 * Gives back what was needed only for starting.
 *
 * Not while folders are walked by descriptor: Deno allows `/proc/self/fd` only to a program that has every
 * permission, and that walk is worth more than the rights which this would end.
 */
export function dropPermissions(): void {
  if (needsEveryPermission()) return;
  for (const name of STARTING_ONLY) Deno.permissions.revokeSync({ name });
}
