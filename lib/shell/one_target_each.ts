/**
 * Sources of one command that would end under one name: only the first can have it.
 *
 * @module
 */

import type { Failures } from "./failures.ts";
import { UsageError } from "./shell_error.ts";
import type { TargetNames } from "./target_names.ts";
import type { TransferCommand } from "./terminal.ts";
import { targetFolderPath, type TransferItem } from "./transfer_item.ts";

/**
 * The files that can be moved, each to a target of its own; of the others each is told. One that was named twice
 * is moved once. Where only the disk can say whether two targets are one, the second item gets a rival.
 *
 * @param names Those that the command has given so far, to folders.
 */
export function oneTargetEach(
  command: TransferCommand,
  items: readonly TransferItem[],
  failures: Failures,
  names: TargetNames,
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
  return withRivals(command, [...firsts.values()], names);
}

/** The same items; those whose target may turn out to be that of another thing know which. */
function withRivals(
  command: TransferCommand,
  items: readonly TransferItem[],
  names: TargetNames,
): TransferItem[] {
  return items.map((item) => {
    const { components } = targetFolderPath(command, item);
    const folder = command === "get"
      ? localKey(item.ends.local.root.directory, components)
      : remoteKey(components);
    const rival = names.claim(folder, { shown: item.name, name: item.targetName });
    return rival === null ? item : { ...item, rival };
  });
}

/** What tells the two ends of an item from those of others. */
function keysOf({ ends: { local, remote } }: TransferItem): { local: string; remote: string } {
  return {
    local: localKey(local.root.directory, local.path.components),
    remote: remoteKey(remote.components),
  };
}

/** What tells a path here from others. */
export function localKey(directory: string, components: readonly string[]): string {
  return [directory, ...components].join("/");
}

/** What tells a path on the server from others. */
export function remoteKey(components: readonly string[]): string {
  return components.join("/");
}

function collision(command: TransferCommand, first: TransferItem, other: TransferItem): string {
  const [where, done] = command === "get" ? ["here", "fetched"] : ["on the server", "sent"];
  return `Both ${first.name} and ${other.name} would become ${other.targetName} ${where}: ` +
    `only ${first.name} is ${done}`;
}
