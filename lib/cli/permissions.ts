/**
 * Permissions that a server lacks, and those that it gives back.
 *
 * @module
 */

import { isLoopback } from "../driver/mod.ts";
import { needsEveryPermission } from "../files/mod.ts";

/** What a server lacks that starts all the same; otherwise only its clients would notice. */
export function lackedPermissions(
  { host, root, isReadOnly }: { host: string; root: string; isReadOnly: boolean },
): string[] {
  const lines: string[] = [];
  if (!isGranted({ name: "net", host: someClient(host) })) {
    lines.push(
      "Warning: Deno was started with --allow-net for some addresses only: " +
        "clients at others get no answer.",
    );
  }
  if (!isReadOnly && !isGranted({ name: "write", path: root })) {
    lines.push(
      "Warning: Deno was started without permission to write to the folder: " +
        "nothing in it can be changed. Add --allow-write or --read-only.",
    );
  }
  return lines;
}

function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** An address that a client might have: one of this machine, or one that is kept for documentation. */
function someClient(host: string): string {
  const hostname = isLoopback(host) ? host : host.includes(":") ? "2001:db8::9" : "203.0.113.9";
  return hostname.includes(":") ? `[${hostname}]:49152` : `${hostname}:49152`;
}

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
