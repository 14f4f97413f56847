/**
 * Names that a command gives at its target and that may be one name there: many disks take `Readme` and `README`
 * for the same.
 *
 * Whether two names are one is for that disk to say: nothing here knows its rules. A cheap guess tells which names
 * any disk might take for one, and only those are asked about, once the first of them is there. In nearly every
 * command that is none.
 *
 * @module
 */

import {
  type FileRoot,
  isBelow,
  type NewFolder,
  type RemotePath,
  remotePathFromComponents,
} from "../files/mod.ts";
import type { CommandContext } from "./command.ts";
import type { Failures } from "./failures.ts";
import { childPath, listRemote, remoteStatusOrNull } from "./remote_place.ts";
import { OneNameError } from "./shell_error.ts";
import type { TransferCommand } from "./terminal.ts";

/** Something that gets a name at the target. */
export interface NamedThing {
  /** What the user calls it. */
  readonly shown: string;
  /** Its name at the target. */
  readonly name: string;
}

/** The names that one command gives. */
export class TargetNames {
  readonly #firsts = new Map<string, NamedThing>();

  /**
   * Notes that a thing gets a name in a folder. Names have to be in NFC, as those of remote paths are.
   *
   * @param folder Names the folder, exactly as spelled: two that turn out to be one are told apart before.
   * @returns The first thing whose name may be the same one on the disk although it is spelled otherwise; null when
   * there is none.
   */
  claim(folder: string, thing: NamedThing): NamedThing | null {
    const key = `${folder}/${foldedName(thing.name)}`;
    const first = this.#firsts.get(key);
    if (first === undefined) this.#firsts.set(key, thing);
    return first === undefined || first.name === thing.name ? null : first;
  }
}

// deno-lint-ignore no-control-regex
const ASCII = /^[\u0000-\u007F]*$/;

/** Equal for all names that any disk takes for one, and perhaps for some more. */
export function foldedName(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  // By way of upper case, where "ß" is "SS"; but "ẞ" becomes "ß" first.
  return name.toLowerCase().toUpperCase().toLowerCase().normalize("NFC");
}

/** A folder at the target, as far as it tells which names it knows. */
export interface TargetFolder {
  /** Whether the disk finds something under a name. */
  has(name: string): Promise<boolean>;
  /** The names as they are listed. */
  names(): Promise<readonly string[]>;
}

/**
 * Whether the disk takes two names for one: it finds both, and does not list both. The numbers of files would not
 * tell, because some disks make up another one for each spelling.
 */
export async function areOneName(folder: TargetFolder, a: string, b: string): Promise<boolean> {
  if (!await folder.has(a) || !await folder.has(b)) return false;
  // Some disks list the decomposed form of what they were given.
  const listed = new Set((await folder.names()).map((name) => name.normalize("NFC")));
  return !(listed.has(a) && listed.has(b));
}

/** A folder of this machine. */
export function localTargetFolder(root: FileRoot, folder: RemotePath): TargetFolder {
  return {
    has: (name) => root.exists(childPath(folder, name)),
    names: async () => (await root.list(folder)).map(({ name }) => name),
  };
}

/** A folder on the server. */
export function remoteTargetFolder(
  folder: RemotePath,
  { session, signal }: Pick<CommandContext, "session" | "signal">,
): TargetFolder {
  return {
    has: async (name) =>
      await remoteStatusOrNull(session, childPath(folder, name), signal) !== null,
    names: async () => (await listRemote(session, folder, signal)).map(({ name }) => name),
  };
}

/** What a user is told of two things that are one at the target: the second one stays where it is. */
export function oneNameError(command: TransferCommand, first: string, other: string): OneNameError {
  const [where, done] = command === "get" ? ["here", "fetched"] : ["on the server", "sent"];
  return new OneNameError(`${first} and ${other} are one name ${where}: ${other} is not ${done}`);
}

/** What {@linkcode makeOwnFolders} works with. */
export interface FolderMaking {
  /** The command that it is done for. */
  readonly command: TransferCommand;
  /** The names that the command has given so far. */
  readonly names: TargetNames;
  /** Hears of folders that are not made. */
  readonly failures: Failures;
  /** Names the folder with this path for {@linkcode TargetNames.claim}. */
  keyOf(folder: RemotePath): string;
  /** What the user calls a folder. */
  shown(folder: RemotePath): string;
  /** A folder of the target that is there. */
  at(folder: RemotePath): TargetFolder | Promise<TargetFolder>;
  /** Makes folders, those above before those below. */
  make(folders: readonly NewFolder[]): Promise<void>;
}

/**
 * Makes folders, unless one of them would be the same as an earlier one: mixing what two folders hold could not be
 * undone, so the second one is told and left out with all that is in it.
 *
 * @param folders Those above before those below.
 * @returns Whether a path is not in a folder that was left out.
 */
export async function makeOwnFolders(
  folders: readonly NewFolder[],
  { command, names, failures, keyOf, shown, at, make }: FolderMaking,
): Promise<(path: RemotePath) => boolean> {
  const leftOut: RemotePath[] = [];
  const isFree = (path: RemotePath) => !leftOut.some((folder) => isBelow(path, folder));
  let next: NewFolder[] = [];
  for (const folder of folders) {
    if (!isFree(folder.path)) continue;
    const rival = claimFor(folder.path);
    if (rival !== null) {
      await make(next);
      next = [];
      const { above, name } = split(folder.path);
      if (await areOneName(await at(above), rival.name, name)) {
        const text = shown(folder.path);
        failures.tell(text, oneNameError(command, rival.shown, text));
        leftOut.push(folder.path);
        continue;
      }
    }
    next.push(folder);
  }
  await make(next);
  return isFree;

  function claimFor(path: RemotePath): NamedThing | null {
    if (path.components.length === 0) return null;
    const { above, name } = split(path);
    return names.claim(keyOf(above), { shown: shown(path), name });
  }
}

function split({ components }: RemotePath): { above: RemotePath; name: string } {
  return {
    above: remotePathFromComponents(components.slice(0, -1)),
    name: components.at(-1) ?? "",
  };
}
