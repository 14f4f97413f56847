/** `sync`: makes one folder like another. */

import { forEachOf, REMOTE_ROOT, type RemotePath, resolveRemotePath } from "../../files/mod.ts";
import {
  type Command,
  type CommandContext,
  type Invocation,
  type Next,
  SERVER_PREFIX,
} from "../command.ts";
import { downloadItem } from "../download_plan.ts";
import { Failures } from "../failures.ts";
import { oneTargetEach } from "../one_target_each.ts";
import { about, SomeFailedError, SubjectError, UsageError } from "../shell_error.ts";
import { isSameMoment, planSync, type SyncPlan, type Tree } from "../sync_plan.ts";
import { LocalSide, RemoteSide, type SyncSide } from "../sync_sides.ts";
import { settleSpelling } from "../sync_spelling.ts";
import { makeOwnFolders, oneNameError, TargetNames } from "../target_names.ts";
import type { TransferCommand } from "../terminal.ts";
import { moveAll } from "../transfer_batch.ts";
import type { TransferItem } from "../transfer_item.ts";
import { uploadItem } from "../upload_plan.ts";

/** `sync`. */
export const syncCommands: readonly Command[] = [
  {
    name: "sync",
    aliases: [{ word: "mirror" }],
    usage: "sync SRC DST [-n] [-d] [-c]",
    summary: "make folder DST like SRC, moving what differs",
    details: [
      "One of the two is on the server and begins with server:",
      "`sync photos server:photos` sends, `sync server:photos photos` fetches.",
      "A folder here of such a name is written ./server:…",
      "Files of the same size and time are taken for the same.",
    ],
    flags: [
      { letter: "n", long: "dry-run", meaning: "only show what would be done" },
      { letter: "d", long: "delete", meaning: "delete in DST what SRC does not have" },
      { letter: "c", long: "checksum", meaning: "compare content, not times" },
    ],
    arguments: { least: 2, most: 2 },
    completes: "either-folder",
    run: sync,
  },
];

/** The two ends, and which way files go. */
interface Direction {
  readonly command: TransferCommand;
  readonly source: SyncSide;
  readonly target: SyncSide;
  itemOf(path: string, sizeBytes: number): Promise<TransferItem>;
}

async function sync(invocation: Invocation, context: CommandContext): Promise<Next> {
  const [from, to] = invocation.words.map((word) => word.text);
  const direction = chooseDirection(from!, to!, context);
  const { source, target, command } = direction;
  const failures = new Failures(command, context.terminal);
  const onSkipped = (error: unknown, path: string) =>
    failures.tell(path, new SubjectError(path, error));
  const sourceTree = await about(source.name, () => source.tree(onSkipped));
  if (sourceTree === null) throw source.missing();
  const targetTree = await about(target.name, () => target.tree(() => {}));
  const trees = await settleTrees(sourceTree, targetTree ?? new Map(), direction, failures);
  const plan = await planSync(
    trees.source,
    trees.target,
    invocation.has("c")
      ? async (path) => await source.hash(path) === await target.hash(path)
      : isSameMoment,
  );
  for (const path of plan.others) {
    context.terminal.note(`Skipped ${path}: it is neither a file nor a folder`);
  }
  const mayDelete = invocation.has("d");
  const feasible = without(plan, await findBlocked(plan, direction, { mayDelete, failures }));
  if (invocation.has("n")) {
    // What cannot all be moved is a reason to delete nothing, then as now.
    showPlan(feasible, mayDelete && failures.names.length === 0, context);
    failures.throwIfAny(feasible.files.length + failures.names.length);
    return "go-on";
  }
  if (targetTree === null) await target.makeFolders([{ path: "", mode: source.mode }]);
  await carryOut(feasible, direction, context, { mayDelete, failures });
  return "go-on";
}

function chooseDirection(from: string, to: string, context: CommandContext): Direction {
  const isUpload = isOnServer(to);
  if (isUpload === isOnServer(from)) {
    throw new UsageError(
      "sync: one of the two folders is on the server and begins with server:, the other one is here",
    );
  }
  const remoteText = isUpload ? to : from;
  const remotePath = resolveRemoteFolder(remoteText.slice(SERVER_PREFIX.length), context);
  const remote = new RemoteSide(context, remoteText, remotePath);
  const local = new LocalSide(context, isUpload ? from : to);
  const place = async (path: string) => ({
    root: await local.root({ create: true }),
    path: resolveRemotePath(REMOTE_ROOT, path),
  });
  return isUpload
    ? {
      command: "put",
      source: local,
      target: remote,
      itemOf: async (path, size) => uploadItem(path, size, await place(path), remote.path(path)),
    }
    : {
      command: "get",
      source: remote,
      target: local,
      itemOf: async (path, size) => downloadItem(path, size, remote.path(path), await place(path)),
    };
}

/** The trees as they are to be compared. What has no place of its own at the target is told. */
async function settleTrees(
  source: Tree,
  target: Tree,
  direction: Direction,
  failures: Failures,
): Promise<{ source: Tree; target: Tree }> {
  const has = async (path: string) => {
    const end = path.lastIndexOf("/");
    const folder = await direction.target.folderAt(path.slice(0, Math.max(0, end)));
    return await folder.has(path.slice(end + 1));
  };
  const settled = await settleSpelling(source, target, has);
  for (const { path, first } of settled.leftOut) {
    failures.tell(path, oneNameError(direction.command, first, path));
  }
  return settled;
}

function isOnServer(text: string): boolean {
  return text.toLowerCase().startsWith(SERVER_PREFIX);
}

function showPlan(plan: SyncPlan, mayDelete: boolean, { terminal }: CommandContext): void {
  const show = (action: string, path: string, bytes: number) =>
    terminal.result(`${action.padEnd(7)}  ${path}`, { command: "sync", action, path, bytes });
  for (const path of plan.obstacles) show("replace", path, 0);
  for (const { path } of plan.folders) show("folder", `${path}/`, 0);
  for (const { kind, path, sizeBytes } of plan.files) show(kind, path, sizeBytes);
  if (mayDelete) { for (const path of plan.extras) show("delete", path, 0); }
  const bytes = plan.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const extras = plan.extras.length;
  const deleting = mayDelete ? `${extras} to delete` : `${extras} more in DST stay`;
  terminal.note(
    `${plan.files.length} to move (${bytes} bytes), ${plan.sameCount} the same, ${deleting}. ` +
      "Nothing was done.",
  );
}

/**
 * What stands in the way and has to stay: all of it without --delete, and with it what nothing would come in the
 * place of. Each is told.
 */
async function findBlocked(
  plan: SyncPlan,
  { source, target }: Direction,
  { mayDelete, failures }: { mayDelete: boolean; failures: Failures },
): Promise<readonly string[]> {
  const isWholeSource = failures.names.length === 0;
  const files = new Set(plan.files.map(({ path }) => path));
  const blocked: string[] = [];
  for (const path of plan.obstacles) {
    try {
      if (!mayDelete) {
        throw new UsageError(`${path} is of another kind in ${target.name}: --delete replaces it`);
      }
      if (!isWholeSource) {
        throw new UsageError(`${path} stays in ${target.name}: not all of ${source.name} is known`);
      }
      // The only way to know on both sides that it can be read, and what stands there is gone for good.
      if (files.has(path)) await about(path, () => source.hash(path));
    } catch (error) {
      failures.tell(path, error);
      blocked.push(path);
    }
  }
  return blocked;
}

/** The plan for what is not blocked. */
function without(plan: SyncPlan, blocked: readonly string[]): SyncPlan {
  if (blocked.length === 0) return plan;
  const isFree = (path: string) =>
    !blocked.some((obstacle) => path === obstacle || path.startsWith(`${obstacle}/`));
  return {
    ...plan,
    obstacles: plan.obstacles.filter(isFree),
    folders: plan.folders.filter(({ path }) => isFree(path)),
    files: plan.files.filter(({ path }) => isFree(path)),
  };
}

async function carryOut(
  plan: SyncPlan,
  direction: Direction,
  context: CommandContext,
  { mayDelete, failures }: { mayDelete: boolean; failures: Failures },
): Promise<void> {
  const { target, command } = direction;
  const { terminal } = context;
  await removeAll(plan.obstacles, "Replaces", target, context);
  const names = new TargetNames();
  const isFree = await makeFolders(plan, direction, { names, failures });
  const planned: TransferItem[] = [];
  for (const { path, sizeBytes } of plan.files) {
    if (isFree(path)) planned.push(await direction.itemOf(path, sizeBytes));
  }
  const items = oneTargetEach(command, planned, failures, names);
  const extras = mayDelete ? plan.extras : [];
  try {
    if (items.length > 0 || failures.names.length > 0) {
      await moveAll(command, items, { ...context, exists: "overwrite" }, failures);
    } else {
      terminal.note(`Nothing to move: ${plan.sameCount} the same.`);
    }
  } catch (error) {
    if (error instanceof SomeFailedError && extras.length > 0) {
      terminal.note(`${extras.length} more in ${target.name} stay: not everything could be moved.`);
    }
    throw error;
  }
  // Only now: whatever failed above threw, and then nothing may be missing at the source by mistake.
  await removeAll(extras, "Deletes", target, context);
}

/** Makes the folders of a plan; returns whether a path is not in one that could not be had. */
async function makeFolders(
  { folders }: SyncPlan,
  { target, command }: Direction,
  { names, failures }: { names: TargetNames; failures: Failures },
): Promise<(path: string) => boolean> {
  const shown = ({ components }: RemotePath) => components.join("/");
  const named = folders.map(({ path, mode }) => ({
    path: resolveRemotePath(REMOTE_ROOT, path),
    mode,
  }));
  const isFree = await makeOwnFolders(named, {
    ...{ command, names, failures, shown },
    keyOf: (folder) => target.keyOf(shown(folder)),
    at: (folder) => target.folderAt(shown(folder)),
    make: (made) => target.makeFolders(made.map(({ path, mode }) => ({ path: shown(path), mode }))),
  });
  return (path) => isFree(resolveRemotePath(REMOTE_ROOT, path));
}

/** Shows everything that will go before the first of it does. */
async function removeAll(
  paths: readonly string[],
  verb: string,
  target: SyncSide,
  { terminal }: CommandContext,
): Promise<void> {
  for (const path of paths) terminal.note(`${verb} ${path} in ${target.name}`);
  await forEachOf(paths, PARALLEL_REQUESTS, async (path) => {
    await about(path, () => target.remove(path));
    terminal.done({ command: "sync", action: "delete", path });
  });
}

/** Requests under way at the same time. */
const PARALLEL_REQUESTS = 32;

function resolveRemoteFolder(text: string, { session }: CommandContext): RemotePath {
  return resolveRemotePath(session.remoteFolder, text === "" ? "." : text);
}
