/**
 * Says what to do when this Deno was started without UDP.
 *
 * Without the configuration file the bare names that other files import do not resolve either, so nothing
 * that imports one may be imported here.
 *
 * @module
 */

import { systemTty } from "./tty.ts";

/** Leaves the process with a clear sentence unless UDP sockets can be opened. */
export function requireUdp(script: string): void {
  if ("listenDatagram" in Deno) return;
  const lines = [
    "Ferry needs Deno's UDP sockets, and they are switched off.",
    "They are switched on by the deno.json beside the program: start it without --no-config,",
    `from the repository, with: deno run -A ${script}`,
  ];
  systemTty().writeError(`${lines.join("\n")}\n`);
  Deno.exit(2);
}
