/** Commands about files on the server. */

import {
  type DirectoryEntry,
  formatRemotePath,
  type RemotePath,
  resolveRemotePath,
} from "../../files/mod.ts";
import { hashFile, makeDirectory, removeDirectory, removePath } from "../../operations/mod.ts";
import { type Caller, RemoteError } from "../../request/mod.ts";
import {
  type Command,
  type CommandContext,
  type Invocation,
  LISTING_FLAGS,
  type Next,
} from "../command.ts";
import { Failures } from "../failures.ts";
import {
  expandEachRemote,
  expandRemote,
  listRemote,
  type RemotePlace,
  remoteStatus,
} from "../remote_place.ts";
import { about, rootCause, UsageError } from "../shell_error.ts";
import { aboutTarget } from "../shown_path.ts";
import { renameCommands } from "./rename.ts";

/** Listing, walking, renaming, removing, looking at. */
export const remoteCommands: readonly Command[] = [
  {
    name: "list",
    aliases: [{ word: "ls" }, { word: "dir" }, { word: "list server" }],
    usage: "list [PATH]",
    summary: "show files on the server, folders first",
    flags: LISTING_FLAGS,
    details: ["PATH may hold * ? [a-z]."],
    arguments: { least: 0, most: 1 },
    completes: "remote",
    run: list,
  },
  {
    name: "cd",
    aliases: [{ word: "chdir" }, { word: "cd..", stands: [".."] }],
    usage: "cd [PATH]",
    summary: "change the folder on the server; alone, to the top",
    arguments: { least: 0, most: 1 },
    completes: "remote-folder",
    run: changeFolder,
  },
  {
    name: "pwd",
    aliases: [],
    usage: "pwd",
    summary: "show the folder on the server",
    arguments: { least: 0, most: 0 },
    completes: "none",
    run(_invocation, { session, terminal }) {
      const path = formatRemotePath(session.remoteFolder);
      terminal.result(path, { command: "pwd", path });
      return Promise.resolve("go-on");
    },
  },
  {
    name: "mkdir",
    aliases: [{ word: "md" }],
    usage: "mkdir PATH… [-p]",
    summary: "make a folder on the server",
    flags: [{ letter: "p", meaning: "the folders above it too; no error when it exists" }],
    arguments: { least: 1, most: Infinity },
    completes: "remote-folder",
    run: makeFolders,
  },
  {
    name: "rmdir",
    aliases: [{ word: "rd" }],
    usage: "rmdir PATH…",
    summary: "remove an empty folder on the server",
    arguments: { least: 1, most: Infinity },
    completes: "remote-folder",
    run: removeFolders,
  },
  {
    name: "rm",
    aliases: [{ word: "delete" }, { word: "del" }],
    usage: "rm PATH… [-r] [-f]",
    summary: "remove files on the server",
    flags: [
      { letter: "r", meaning: "folders too, with everything in them" },
      { letter: "f", meaning: "no error when there is nothing to remove" },
    ],
    arguments: { least: 1, most: Infinity },
    completes: "remote",
    run: remove,
  },
  ...renameCommands,
  {
    name: "stat",
    aliases: [],
    usage: "stat PATH",
    summary: "show kind, size, time and mode on the server",
    arguments: { least: 1, most: 1 },
    completes: "remote",
    run: showStatus,
  },
  {
    name: "hash",
    aliases: [{ word: "sum" }],
    usage: "hash PATH…",
    summary: "show the SHA-256 of files on the server",
    details: ["One line each, as sha256sum writes them."],
    arguments: { least: 1, most: Infinity },
    completes: "remote",
    run: showHash,
  },
];

async function list({ words }: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  const [word] = words;
  if (word === undefined) {
    terminal.entries(await listRemote(session, session.remoteFolder, signal));
    return "go-on";
  }
  await about(word.text, async () => {
    const places = await expandRemote(session, word, signal);
    const [only] = places;
    if (places.length === 1 && only!.kind !== "file") {
      terminal.entries(await listOne(only!.path, context));
      return;
    }
    const entries: DirectoryEntry[] = [];
    for (const { path, text, entry } of places) {
      const status = entry ?? await remoteStatus(session, path, signal);
      entries.push({ ...status, name: text, readable: true });
    }
    terminal.entries(entries);
  });
  return "go-on";
}

/** What a folder holds, or the one line of a file. */
async function listOne(path: RemotePath, { session, signal }: CommandContext) {
  try {
    return await listRemote(session, path, signal);
  } catch (error) {
    if (!(error instanceof RemoteError && error.status === "not-a-directory")) throw error;
    const status = await remoteStatus(session, path, signal);
    return [{ ...status, name: path.components.at(-1) ?? "/", readable: true }];
  }
}

async function changeFolder({ words }: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  const text = words[0]?.text ?? "/";
  const done = (note: string) =>
    terminal.done({ command: "cd", path: formatRemotePath(session.remoteFolder) }, note);
  if (/^\.\.\/?$/.test(text) && session.remoteFolder.components.length === 0) {
    done("Already at the top: /");
    return "go-on";
  }
  await about(text, async () => {
    const path = resolveRemotePath(session.remoteFolder, text);
    const status = await remoteStatus(session, path, signal);
    if (status.kind !== "directory") throw new RemoteError("not-a-directory", text);
    session.remoteFolder = path;
  });
  done(`Folder on the server: ${formatRemotePath(session.remoteFolder)}`);
  return "go-on";
}

async function makeFolders(invocation: Invocation, context: CommandContext): Promise<Next> {
  const parents = invocation.has("p");
  const { signal } = context;
  return await forEachWord("mkdir", invocation, context, "Made", async (caller, path, text) => {
    await aboutTarget(text, () => makeDirectory(caller, path, { parents, signal }));
  });
}

async function removeFolders(invocation: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  return await forEachWord("rmdir", invocation, context, "Removed", async (caller, path, text) => {
    assertNotServedFolder(path);
    try {
      await removeDirectory(caller, path, { signal });
    } catch (error) {
      const isHeld = error instanceof RemoteError && error.status === "not-empty";
      if (isHeld && (await listRemote(session, path, signal)).length === 0) {
        terminal.note(`${text} holds nothing but unfinished transfers, which no listing shows`);
      }
      throw error;
    }
  });
}

async function forEachWord(
  command: string,
  { words }: Invocation,
  { session, signal, terminal }: CommandContext,
  done: string,
  work: (caller: Caller, path: RemotePath, text: string) => Promise<unknown>,
): Promise<Next> {
  const failures = new Failures(command, terminal);
  await failures.each(words, async ({ text }) => {
    const path = resolveRemotePath(session.remoteFolder, text);
    await session.request(signal, (caller) => work(caller, path, text), { onLoss: "never" });
    terminal.done({ command, name: text }, `${done} ${text}`);
  });
  failures.throwIfAny(words.length);
  return "go-on";
}

async function remove(invocation: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  const recursive = invocation.has("r");
  await forEachPlace("rm", invocation, context, async ({ path, text }) => {
    assertNotServedFolder(path);
    await session.request(
      signal,
      (caller) => removePath(caller, path, { recursive, signal }),
      { onLoss: "never" },
    );
    terminal.done({ command: "rm", name: text }, `Removed ${text}`);
  }, invocation.has("f") ? { forgives: isMissing } : {});
  return "go-on";
}

function assertNotServedFolder({ components }: RemotePath): void {
  if (components.length === 0) throw new UsageError("The served folder itself cannot be removed");
}

function isMissing(error: unknown): boolean {
  const cause = rootCause(error);
  return cause instanceof RemoteError && cause.status === "not-found";
}

/** Does something to everything that the words stand for. */
async function forEachPlace(
  command: string,
  { words }: Invocation,
  { session, signal, terminal }: CommandContext,
  work: (place: RemotePlace) => Promise<void>,
  options: ConstructorParameters<typeof Failures>[2] = {},
): Promise<void> {
  const failures = new Failures(command, terminal, options);
  const places = await expandEachRemote(session, words, signal, failures);
  const totalCount = places.length + failures.names.length;
  await failures.each(places, work);
  failures.throwIfAny(totalCount);
}

async function showStatus({ words }: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  const { text } = words[0]!;
  const path = await about(text, () => resolveRemotePath(session.remoteFolder, text));
  const status = await about(text, () => remoteStatus(session, path, signal));
  terminal.facts("stat", [
    { key: "name", label: "Name", value: formatRemotePath(path) },
    { key: "kind", label: "Kind", value: status.kind },
    { key: "bytes", label: "Size", value: status.sizeBytes, unit: "bytes" },
    { key: "modified", label: "Changed", value: status.modifiedMs, unit: "moment-ms" },
    { key: "mode", label: "Mode", value: status.mode.toString(8).padStart(4, "0") },
  ]);
  return "go-on";
}

async function showHash(invocation: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  await forEachPlace("hash", invocation, context, async ({ path, text }) => {
    const { sha256, sizeBytes } = await session.request(
      signal,
      (caller) => hashFile(caller, path, { signal }),
      { onLoss: "again" },
    );
    const fields = { command: "hash", name: text, sha256, bytes: sizeBytes };
    terminal.result(`${sha256}  ${text}`, fields);
  });
  return "go-on";
}
