/** `rename`: a new name, or another folder, on the server. */

import {
  formatRemotePath,
  isBelow,
  REMOTE_ROOT,
  type RemotePath,
  resolveRemotePath,
} from "../../files/mod.ts";
import { renamePath } from "../../operations/mod.ts";
import { RemoteError } from "../../request/mod.ts";
import type { Command, CommandContext, Invocation, Next } from "../command.ts";
import { childPath, remoteStatusOrNull } from "../remote_place.ts";
import { about, SubjectError, UsageError } from "../shell_error.ts";
import { aboutTarget, shownRemotePath, targetSubject } from "../shown_path.ts";

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
  const { session, signal, terminal } = context;
  const [oldWord, newWord] = invocation.words;
  const from = await about(
    oldWord!.text,
    () => resolveRemotePath(session.remoteFolder, oldWord!.text),
  );
  const { path: to, shown } = await aboutTarget(
    newWord!.text,
    () => renameTarget(from, newWord!.text, context),
  );
  if (isBelow(to, from)) {
    throw new UsageError(
      `A folder cannot be moved into itself: ${oldWord!.text} to ${newWord!.text}`,
    );
  }
  try {
    await session.request(
      signal,
      (caller) => renamePath(caller, from, to, { replace: invocation.has("f"), signal }),
      { onLoss: "never" },
    );
  } catch (error) {
    const isAboutNew = error instanceof RemoteError && error.path === formatRemotePath(to);
    const subject = isAboutNew ? targetSubject(shown, error) : oldWord!.text;
    throw new SubjectError(subject, error);
  }
  terminal.done(
    { command: "rename", name: oldWord!.text, newName: shown },
    `Renamed ${oldWord!.text} to ${shown}`,
  );
  return "go-on";
}

/** Where something goes, and how the user would write that. A folder as the new name means: into that folder. */
async function renameTarget(
  from: RemotePath,
  text: string,
  { session, signal }: CommandContext,
): Promise<{ readonly path: RemotePath; readonly shown: string }> {
  const path = resolveRemotePath(session.remoteFolder, text);
  const name = from.components.at(-1);
  if (name === undefined) throw new UsageError("The served folder itself cannot be renamed");
  if (formatRemotePath(path) === formatRemotePath(from)) return { path, shown: text };
  const status = path === REMOTE_ROOT || path.components.length === 0
    ? { kind: "directory" }
    : await remoteStatusOrNull(session, path, signal);
  if (status?.kind === "directory") {
    const child = childPath(path, name);
    return { path: child, shown: shownRemotePath(child, session.remoteFolder) };
  }
  if (text.endsWith("/")) throw new SubjectError(text, new RemoteError("not-found", text));
  return { path, shown: text };
}
