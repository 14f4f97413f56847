/** `rename`: a new name, or another folder, on the server. */

import { formatRemotePath, isBelow, type RemotePath, resolveRemotePath } from "../../files/mod.ts";
import { renamePath } from "../../operations/mod.ts";
import { RemoteError } from "../../request/mod.ts";
import type { Command, CommandContext, Invocation, Next } from "../command.ts";
import { childPath, remoteStatusOrNull } from "../remote_place.ts";
import type { Session } from "../session.ts";
import { about, SubjectError, UsageError } from "../shell_error.ts";
import { shownRemotePath, targetSubject } from "../shown_path.ts";

/** `rename`. */
export const renameCommands: readonly Command[] = [
  {
    name: "rename",
    aliases: [{ word: "change" }, { word: "mv" }, { word: "ren" }],
    usage: "rename OLD NEW [-f]",
    summary: "rename or move on the server",
    details: ["NEW may be a folder: OLD keeps its name in it."],
    flags: [{ letter: "f", meaning: "replace NEW when it exists" }],
    arguments: { least: 2, most: 2 },
    completes: "remote",
    run: rename,
  },
];

async function rename(invocation: Invocation, context: CommandContext): Promise<Next> {
  const { session, terminal } = context;
  const [oldText, newText] = invocation.words.map(({ text }) => text) as [string, string];
  const from = await about(oldText, () => resolveRemotePath(session.remoteFolder, oldText));
  const to = await about(newText, () => renameTarget(from, newText, session));
  if (isBelow(to.path, from)) {
    throw new UsageError(`A folder cannot be moved into itself: ${oldText} to ${newText}`);
  }
  const shown = await renameAs(from, to, { oldText, replace: invocation.has("f") }, context);
  const done = { command: "rename", name: oldText, newName: shown };
  terminal.done(done, `Renamed ${oldText} to ${shown}`);
  return "go-on";
}

/** Where something is to go. */
interface RenameTarget {
  readonly path: RemotePath;
  /** How the user would write that. */
  readonly shown: string;
  /** The same in the folder that this may be. */
  readonly inFolder?: RenameTarget;
}

/** A folder as the new name means: into that folder. Most are none, so nobody asks before the server says so. */
function renameTarget(from: RemotePath, text: string, { remoteFolder }: Session): RenameTarget {
  const path = resolveRemotePath(remoteFolder, text);
  const name = from.components.at(-1);
  if (name === undefined) throw new UsageError("The served folder itself cannot be renamed");
  const plain = { path, shown: text };
  if (formatRemotePath(path) === formatRemotePath(from)) return plain;
  const child = childPath(path, name);
  const inFolder = { path: child, shown: shownRemotePath(child, remoteFolder) };
  const isFolder = text.endsWith("/") || path.components.length === 0;
  return isFolder ? inFolder : { ...plain, inFolder };
}

/** Renames, and returns how the user would write what it is called now. */
async function renameAs(
  from: RemotePath,
  to: RenameTarget,
  { oldText, replace }: { readonly oldText: string; readonly replace: boolean },
  context: CommandContext,
): Promise<string> {
  const { session, signal } = context;
  try {
    await session.request(
      signal,
      (caller) => renamePath(caller, from, to.path, { replace, signal }),
      { onLoss: "never" },
    );
    return to.shown;
  } catch (error) {
    const isAboutNew = error instanceof RemoteError && error.path === formatRemotePath(to.path);
    if (isAboutNew && to.inFolder !== undefined && TAKEN.has(error.status)) {
      const status = await remoteStatusOrNull(session, to.path, signal);
      if (status?.kind === "directory") {
        return await renameAs(from, to.inFolder, { oldText, replace }, context);
      }
    }
    throw new SubjectError(isAboutNew ? targetSubject(to.shown, error) : oldText, error);
  }
}

/** How a server says that something has the new name: a folder is never replaced. */
const TAKEN: ReadonlySet<string> = new Set(["exists", "is-a-directory"]);
