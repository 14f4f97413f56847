/** `resume`: goes on with what was begun. */

import { join } from "@std/path";
import {
  FileError,
  NEW_FOLDER_MODE,
  type NewFolder,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
  resolveRemotePath,
} from "../../files/mod.ts";
import type { Command, CommandContext, Invocation, Next } from "../command.ts";
import { downloadItem } from "../download_plan.ts";
import { Failures } from "../failures.ts";
import type { Target } from "../link.ts";
import { SomeFailedError } from "../shell_error.ts";
import { shownLocalPath } from "../shown_path.ts";
import { moveAll } from "../transfer_batch.ts";
import { isWorthResuming, type TransferItem } from "../transfer_item.ts";
import { TransferNote, type UnfinishedTransfer, unfinishedTransfers } from "../unfinished.ts";
import { uploadItem } from "../upload_plan.ts";

/** `resume`. */
export const resumeCommands: readonly Command[] = [
  {
    name: "resume",
    aliases: [{ word: "continue" }],
    usage: "resume [-n]",
    summary: "list what is unfinished, and go on with it",
    details: [
      "Those with another server are listed only.",
      "The same get or put again goes on as well.",
    ],
    flags: [{ letter: "n", long: "dry-run", meaning: "only list" }],
    arguments: { least: 0, most: 0 },
    completes: "none",
    run: resume,
  },
];

async function resume(invocation: Invocation, context: CommandContext): Promise<Next> {
  const { terminal, session, local } = context;
  const home = await local.folder(session.homeFolder);
  const transfers = await unfinishedTransfers(home);
  if (transfers.length === 0) terminal.note("Nothing is unfinished.");
  const mine: UnfinishedTransfer[] = [];
  for (const transfer of transfers) {
    const isHere = isSameServer(transfer.server, session.target);
    if (isHere) mine.push(transfer);
    const { command, remote, server } = transfer;
    const path = localPathOf(transfer);
    const where = isHere ? "" : `  (server ${server.host} port ${server.port})`;
    const line = command === "get" ? `get  ${remote} → ${path}` : `put  ${path} → ${remote}`;
    terminal.result(`${line}${where}`, {
      command: "resume",
      transfer: command,
      remote,
      local: path,
      host: server.host,
      port: server.port,
    });
  }
  if (invocation.has("n")) return "go-on";
  await goOnWith(mine, context);
  return "go-on";
}

/** What is fetched and what is sent, whatever becomes of either. */
async function goOnWith(
  transfers: readonly UnfinishedTransfer[],
  context: CommandContext,
): Promise<void> {
  const failed: SomeFailedError[] = [];
  for (const command of ["get", "put"] as const) {
    const noted = transfers.filter((transfer) => transfer.command === command);
    const failures = new Failures(command, context.terminal);
    const items = await itemsOf(noted, context, failures);
    try {
      if (noted.length > 0) await moveAll(command, items, context, failures);
    } catch (error) {
      if (!(error instanceof SomeFailedError)) throw error;
      failed.push(error);
    }
  }
  if (failed.length > 0) throw SomeFailedError.together(failed, transfers.length);
}

/** What can be gone on with. A folder that is not there any more must not hold up the rest. */
async function itemsOf(
  transfers: readonly UnfinishedTransfer[],
  context: CommandContext,
  failures: Failures,
): Promise<TransferItem[]> {
  const items: TransferItem[] = [];
  for (const transfer of transfers) {
    try {
      items.push(await itemOf(transfer, context));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      failures.tell(localPathOf(transfer), error);
      if (!isWorthResuming(error)) await forget(transfer, context);
    }
  }
  return items;
}

async function itemOf(
  transfer: UnfinishedTransfer,
  { local, session }: CommandContext,
): Promise<TransferItem> {
  const { command, remote: text, folder, exists } = transfer;
  const remote = resolveRemotePath(REMOTE_ROOT, text);
  const place = {
    root: await local.folder(folder, { create: command === "get" }),
    path: resolveRemotePath(REMOTE_ROOT, transfer.path),
  };
  if (command === "get") await place.root.makeDirectories(foldersOf(place.path));
  const shown = shownLocalPath(localPathOf(transfer), session.localFolder);
  const item = command === "get"
    ? downloadItem(text.slice(1), UNKNOWN_BYTES, remote, place)
    : uploadItem(shown, UNKNOWN_BYTES, place, remote);
  // Only big files are noted.
  return { ...item, isPackable: false, exists };
}

/** The file here, absolute. */
function localPathOf({ folder, path }: UnfinishedTransfer): string {
  return join(folder, path);
}

/** The folder of a path, which may be gone by now; those above it are made with it. */
function foldersOf({ components }: RemotePath): NewFolder[] {
  if (components.length < 2) return [];
  return [{ path: remotePathFromComponents(components.slice(0, -1)), mode: NEW_FOLDER_MODE }];
}

async function forget(
  transfer: UnfinishedTransfer,
  { local, session }: CommandContext,
): Promise<void> {
  await new TransferNote(() => local.folder(session.homeFolder), transfer).end();
}

const UNKNOWN_BYTES = null;

function isSameServer(a: Target, b: Target): boolean {
  return a.host === b.host && a.port === b.port;
}
