/** Commands about this machine; none of them sends anything. */

import { type DirectoryEntry, REMOTE_ROOT } from "../../files/mod.ts";
import {
  type Command,
  type CommandContext,
  type Invocation,
  LISTING_FLAGS,
  type Next,
} from "../command.ts";
import { Failures } from "../failures.ts";
import type { LocalFolders } from "../local_folders.ts";
import type { Word } from "../parse_line.ts";
import { about } from "../shell_error.ts";
import { aboutTarget } from "../shown_path.ts";

/** `list client`, `lcd`, `lpwd`, `lmkdir`. */
export const localCommands: readonly Command[] = [
  {
    name: "lls",
    aliases: [{ word: "list client" }, { word: "ldir" }],
    usage: "list client [PATH]",
    summary: "show files here",
    flags: LISTING_FLAGS,
    details: ["PATH may hold * ? [a-z]."],
    arguments: { least: 0, most: 1 },
    completes: "local-folder",
    run: list,
  },
  {
    name: "lcd",
    aliases: [],
    usage: "lcd [PATH]",
    summary: "change the folder here; alone, to the first one",
    arguments: { least: 0, most: 1 },
    completes: "local-folder",
    async run({ words }, { session, local, terminal }) {
      const text = words[0]?.text ?? session.homeFolder;
      const root = await about(text, () => local.folder(text));
      session.localFolder = root.directory;
      const path = session.localFolder;
      terminal.done({ command: "lcd", path }, `Local folder: ${path}`);
      return "go-on";
    },
  },
  {
    name: "lpwd",
    aliases: [],
    usage: "lpwd",
    summary: "show the folder here",
    arguments: { least: 0, most: 0 },
    completes: "none",
    run(_invocation, { session, terminal }) {
      terminal.result(session.localFolder, { command: "lpwd", path: session.localFolder });
      return Promise.resolve("go-on");
    },
  },
  {
    name: "lmkdir",
    aliases: [],
    usage: "lmkdir PATH…",
    summary: "make a folder here",
    arguments: { least: 1, most: Infinity },
    completes: "local-folder",
    async run({ words }, { local, terminal }) {
      const failures = new Failures("lmkdir", terminal);
      await failures.each(words, async ({ text }) => {
        await aboutTarget(text, async () => {
          const { root, path } = await local.place(text);
          await root.makeDirectory(path, { parents: false });
        });
        terminal.done({ command: "lmkdir", name: text }, `Made ${text} here`);
      });
      failures.throwIfAny(words.length);
      return "go-on";
    },
  },
];

async function list({ words }: Invocation, { local, terminal }: CommandContext): Promise<Next> {
  const word = words[0] ?? CURRENT;
  await about(word.text, async () => {
    const found = await local.expand(word);
    const [only] = found;
    if (found.length === 1 && await local.isFolder(only!.text)) {
      terminal.entries(await (await local.folder(only!.text)).list(REMOTE_ROOT));
      return;
    }
    const entries: DirectoryEntry[] = [];
    for (const { text: name, entry } of found) {
      entries.push(entry === null ? await listOne(name, local) : { ...entry, name });
    }
    terminal.entries(entries);
  });
  return "go-on";
}

const CURRENT: Word = { text: ".", pattern: null, isQuoted: false };

/** The line of something that is no folder. */
async function listOne(name: string, local: LocalFolders): Promise<DirectoryEntry> {
  const { root, path } = await local.place(name);
  return { ...await root.status(path), name, readable: true };
}
