/**
 * Sources of one command that would end under one name: only the first can have it.
 *
 * @module
 */

import { formatRemotePath } from "../files/mod.ts";
import type { Failures } from "./failures.ts";
import { UsageError } from "./shell_error.ts";
import type { TransferCommand } from "./terminal.ts";
import type { TransferItem } from "./transfer_item.ts";

/**
 * The files that can be moved, each to a target of its own; of the others each is told. One that was named twice
 * is moved once.
 */
export function oneTargetEach(
  command: TransferCommand,
  items: readonly TransferItem[],
  failures: Failures,
): TransferItem[] {
  const firsts = new Map<string, TransferItem>();
  for (const item of items) {
    const { local, remote } = keysOf(item);
    const target = command === "get" ? local : remote;
    const first = firsts.get(target);
    if (first === undefined) {
      firsts.set(target, item);
    } else if (keysOf(first).local !== local || keysOf(first).remote !== remote) {
      failures.tell(item.name, new UsageError(collision(command, first, item)));
    }
  }
  return [...firsts.values()];
}

/** What tells the two ends of an item from those of others. */
function keysOf({ ends: { local, remote } }: TransferItem): { local: string; remote: string } {
  return {
    local: [local.root.directory, ...local.path.components].join("/"),
    remote: formatRemotePath(remote),
  };
}

function collision(command: TransferCommand, first: TransferItem, other: TransferItem): string {
  const [where, done] = command === "get" ? ["here", "fetched"] : ["on the server", "sent"];
  return `Both ${first.name} and ${other.name} would become ${other.targetName} ${where}: ` +
    `only ${first.name} is ${done}`;
}
