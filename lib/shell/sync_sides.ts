/**
 * The two ends of `sync`: a folder here and one on the server, seen alike.
 *
 * @module
 */

import {
  digestFile,
  FileError,
  type FileRoot,
  type FileStatus,
  isBelow,
  NEW_FOLDER_MODE,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
} from "../files/mod.ts";
import { hashFile, receivedFolderMode, removePath, walkTree } from "../operations/mod.ts";
import { type Caller, RemoteError } from "../request/mod.ts";
import type { CommandContext } from "./command.ts";
import { makeRemoteFolders } from "./remote_place.ts";
import { localKey, remoteKey } from "./one_target_each.ts";
import { SubjectError, UsageError } from "./shell_error.ts";
import type { SyncFolder, Tree } from "./sync_plan.ts";
import { localTargetFolder, remoteTargetFolder, type TargetFolder } from "./target_names.ts";

/** One end. Paths are those of a {@linkcode Tree}. */
export interface SyncSide {
  /** What it is called in what the user reads. */
  readonly name: string;
  /** Everything in it. What could not be looked at goes to `onSkipped`. Null when there is no such folder. */
  tree(onSkipped: (error: unknown, path: string) => void): Promise<Tree | null>;
  /** The error that says so. */
  missing(): SubjectError;
  /** A folder of it that is there, as far as it tells names. */
  folderAt(path: string): Promise<TargetFolder>;
  /** Names a folder of it for {@linkcode TargetNames.claim}. */
  keyOf(path: string): string;
  /** Lower-case hexadecimal SHA-256 of a file. */
  hash(path: string): Promise<string>;
  /** Permission bits of the folder itself, once {@linkcode tree} has found it. */
  readonly mode: number;
  /** Makes folders, those above before those below. The empty path is the whole side. */
  makeFolders(folders: readonly SyncFolder[]): Promise<void>;
  /** Removes a file, or a folder with everything in it. */
  remove(path: string): Promise<void>;
}

/** A folder on this machine. */
export class LocalSide implements SyncSide {
  readonly name: string;
  mode: number = NEW_FOLDER_MODE;
  readonly #context: CommandContext;
  #root: FileRoot | null = null;

  /** Names a folder that may not exist yet. */
  constructor(context: CommandContext, name: string) {
    this.#context = context;
    this.name = name;
  }

  /** The folder, made when `create` is set. */
  async root(options: { create: boolean; mode?: number }): Promise<FileRoot> {
    return this.#root ??= await this.#context.local.folder(this.name, options);
  }

  async tree(onSkipped: (error: unknown, path: string) => void): Promise<Tree | null> {
    const status = await this.#context.local.status(this.name);
    if (status === null) return null;
    if (!await this.#context.local.isFolder(this.name)) throw notAFolder(this.name);
    const root = await this.root({ create: false });
    this.mode = status.mode;
    const tree = new Map<string, FileStatus>();
    const skip = (error: FileError) => onSkipped(error, error.path.slice(1));
    for await (const { path, status } of root.walk(REMOTE_ROOT, { onSkipped: skip })) {
      this.#context.signal.throwIfAborted();
      if (path.components.length > 0) tree.set(path.components.join("/"), status);
    }
    return tree;
  }

  async folderAt(path: string): Promise<TargetFolder> {
    return localTargetFolder(await this.root({ create: false }), pathBelow([], path));
  }

  keyOf(path: string): string {
    return localKey(this.#context.local.absolute(this.name), pathBelow([], path).components);
  }

  missing(): SubjectError {
    return new SubjectError(this.name, new FileError("not-found", this.name));
  }

  async hash(path: string): Promise<string> {
    const source = await (await this.root({ create: false })).openSource(pathBelow([], path));
    try {
      return (await digestFile(source, { signal: this.#context.signal })).toHex();
    } finally {
      await source.close();
    }
  }

  async makeFolders(folders: readonly SyncFolder[]): Promise<void> {
    const received = folders.map(({ path, mode }) => ({ path, mode: receivedFolderMode(mode) }));
    const whole = received.find(({ path }) => path === "");
    const root = await this.root({ create: true, ...(whole && { mode: whole.mode }) });
    await root.makeDirectories(
      received.map(({ path, mode }) => ({ path: pathBelow([], path), mode })),
    );
  }

  async remove(path: string): Promise<void> {
    await (await this.root({ create: false })).removeTree(pathBelow([], path));
  }
}

/** A folder on the server. */
export class RemoteSide implements SyncSide {
  readonly name: string;
  mode: number = NEW_FOLDER_MODE;
  readonly #context: CommandContext;
  readonly #folder: RemotePath;

  /** Names a folder that may not exist yet. */
  constructor(context: CommandContext, name: string, folder: RemotePath) {
    this.#context = context;
    this.name = name;
    this.#folder = folder;
  }

  /** A path below it, for the server. */
  path(path: string): RemotePath {
    return pathBelow(this.#folder.components, path);
  }

  async tree(onSkipped: (error: unknown, path: string) => void): Promise<Tree | null> {
    try {
      return await this.#request((caller) => this.#walk(caller, onSkipped));
    } catch (error) {
      if (error instanceof RemoteError && error.status === "not-found") return null;
      throw error;
    }
  }

  // deno-lint-ignore require-await
  async folderAt(path: string): Promise<TargetFolder> {
    return remoteTargetFolder(this.path(path), this.#context);
  }

  keyOf(path: string): string {
    return remoteKey(this.path(path).components);
  }

  missing(): SubjectError {
    return new SubjectError(this.name, new RemoteError("not-found", this.name));
  }

  async hash(path: string): Promise<string> {
    const { signal } = this.#context;
    const { sha256 } = await this.#request((caller) =>
      hashFile(caller, this.path(path), { signal })
    );
    return sha256;
  }

  async makeFolders(folders: readonly SyncFolder[]): Promise<void> {
    const { session, signal } = this.#context;
    const named = folders.map(({ path, mode }) => ({ path: this.path(path), mode }));
    await makeRemoteFolders(session, named, signal);
  }

  async remove(path: string): Promise<void> {
    const { session, signal } = this.#context;
    const options = { recursive: true, signal };
    await session.request(
      signal,
      async (caller) => {
        await removePath(caller, this.path(path), options).catch(ignoreMissing);
      },
      // What was removed before the connection was lost is missing the second time, which is fine.
      { onLoss: "again" },
    );
  }

  async #walk(
    caller: Caller,
    onSkipped: (error: unknown, path: string) => void,
  ): Promise<Tree> {
    const tree = new Map<string, FileStatus>();
    const depth = this.#folder.components.length;
    const skipped: { path: string; error: RemoteError }[] = [];
    for await (const page of walkTree(caller, this.#folder, { signal: this.#context.signal })) {
      for (const { path, reason } of page.skipped) {
        skipped.push({ path, error: new RemoteError(reason, path) });
      }
      for (const { path, status } of page.entries) {
        if (path.components.length === depth) {
          assertFolder(status, this.name);
          this.mode = status.mode;
        }
        // A server may say anything; what is not below the folder was not asked for.
        if (isBelow(path, this.#folder)) tree.set(path.components.slice(depth).join("/"), status);
      }
    }
    for (const { path, error } of skipped) onSkipped(error, path);
    return tree;
  }

  #request<Result>(work: (caller: Caller) => Promise<Result>): Promise<Result> {
    const { session, signal } = this.#context;
    return session.request(signal, work, { onLoss: "again" });
  }
}

function pathBelow(folder: readonly string[], path: string): RemotePath {
  return remotePathFromComponents([...folder, ...(path === "" ? [] : path.split("/"))]);
}

function assertFolder(status: FileStatus, name: string): void {
  if (status.kind !== "directory") throw notAFolder(name);
}

function notAFolder(name: string): UsageError {
  return new UsageError(`sync works on folders, and ${name} is none: use get or put`);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof RemoteError && error.status === "not-found")) throw error;
}
