import {
  type DirectoryEntry,
  type FileStatus,
  fileStatus,
  listDirectory,
} from "./directory_listing.ts";
import { DirectorySync } from "./directory_sync.ts";
import {
  type Disk,
  type DiskDirectory,
  type DiskFile,
  type NodeStatus,
  systemDisk,
} from "./disk.ts";
import { DiskFlushes } from "./disk_flushes.ts";
import { type ExistingFile, type FileLooks, looksLike } from "./existing_file.ts";
import { renameExclusively } from "./exclusive_rename.ts";
import { FileError, fileErrorFrom, osCode } from "./file_error.ts";
import { forEachOf } from "./for_each_of.ts";
import { LeafMemory } from "./leaf_memory.ts";
import { NEW_FOLDER_MODE, openMadeRoot } from "./made_root.ts";
import { OpenPartsLimit } from "./open_parts_limit.ts";
import {
  type Durability,
  openPartialFile,
  type PartialFile,
  type PartialFileContext,
  type PartialOptions,
} from "./partial_file.ts";
import {
  formatRemotePath,
  isBelow,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
  STAGING_PREFIX,
} from "./remote_path.ts";
import { SharedDirectories, type SharedDirectory } from "./shared_directories.ts";
import { STAGING_DIRECTORY } from "./staging.ts";
import { dropNote, keepNote, type NoteOptions, readNotes } from "./staging_notes.ts";
import { cleanStaging, type CleanupOptions, type CleanupResult } from "./staging_cleanup.ts";
import { type SourceFile, sourceFile } from "./source_file.ts";

/** Made at the same time by {@linkcode FileRoot.makeDirectories}. */
const PARALLEL_DIRECTORIES = 32;

/** How a {@linkcode FileRoot} is opened. */
export interface FileRootOptions {
  /** The disk to use; the real one by default. */
  readonly disk?: Disk;
  /** Whether the directory, and those above it, are made when missing. */
  readonly create?: boolean;
  /** Permission bits that the directory gets when it is made, less the umask; all by default. */
  readonly mode?: number | undefined;
  /** A clock for flushing unfinished transfers every 5 s too, not only every 256 MiB. */
  readonly nowMs?: () => number;
  /** False to do without native code, which flushes many small files at once; true by default. */
  readonly hasNativeCode?: boolean;
  /** What transfers wait for that say nothing else; `"full"` by default. */
  readonly durability?: Durability;
  /** Where hashes of its files are remembered, to share that with other folders; otherwise its own. */
  readonly leafMemory?: LeafMemory;
}

/** A folder that {@linkcode FileRoot.makeDirectories} makes. */
export interface NewFolder {
  /** Where. */
  readonly path: RemotePath;
  /** Permission bits that it gets, less the umask, if it is not there yet. */
  readonly mode: number;
}

/** One step of {@linkcode FileRoot.walk}. */
export interface WalkStep {
  /** Where it is. */
  readonly path: RemotePath;
  /** What it is. */
  readonly status: FileStatus;
}

/**
 * A folder as a sandbox: the one place where a {@linkcode RemotePath} becomes a file on the disk.
 *
 * No symbolic link below the folder is ever followed, wherever it points: in the middle of a path
 * it is no folder, at the end it is neither file nor folder. Links can be removed and renamed.
 * Every method throws {@linkcode FileError} and nothing else.
 */
export class FileRoot {
  /** The absolute path of the folder on this machine. */
  readonly directory: string;
  readonly #disk: Disk;
  readonly #root: DiskDirectory;
  readonly #durability: Durability;
  readonly #leafMemory: LeafMemory;
  readonly #syncs = new DirectorySync(async (directory) => {
    const flushes = await this.#flushesFor(directory);
    await flushes.flush(() => directory.sync());
  });
  readonly #flushes: DiskFlushes;
  /** For what is on other disks than the folder. */
  readonly #flushesElsewhere = new DiskFlushes();
  readonly #partialContext: PartialFileContext;
  #mayHaveStaged = false;
  /** Paths to which a transfer is under way. */
  readonly #receiving = new Set<string>();

  private constructor(directory: string, root: DiskDirectory, options: FileRootOptions) {
    this.directory = directory;
    this.#root = root;
    this.#disk = options.disk ?? systemDisk;
    this.#durability = options.durability ?? "full";
    this.#leafMemory = options.leafMemory ?? new LeafMemory();
    const { nowMs, hasNativeCode = true } = options;
    const together = () => hasNativeCode ? root.syncFileSystem() : null;
    this.#flushes = new DiskFlushes({ together, nowMs });
    this.#partialContext = {
      root,
      directories: new SharedDirectories(root),
      numbers: countUp(),
      openParts: new OpenPartsLimit(),
      nowMs: options.nowMs,
    };
  }

  /**
   * Opens any directory of this machine; links in its own path are followed.
   *
   * @throws {FileError} `not-found` or `not-a-directory`, among others.
   */
  static async open(directory: string, options: FileRootOptions = {}): Promise<FileRoot> {
    const disk = options.disk ?? systemDisk;
    const path = disk.absolutePath(directory);
    try {
      const root = await (options.create ?? false
        ? openMadeRoot(disk, path, options.mode)
        : disk.openRoot(path, { create: false }));
      return new FileRoot(path, root, options);
    } catch (error) {
      throw fileErrorFrom(error, directory);
    }
  }

  /** What a path is. */
  async status(path: RemotePath): Promise<FileStatus> {
    return fileStatus(await this.#nodeStatus(path));
  }

  /** The entries of a folder: folders first, then by name; unfinished transfers are hidden. */
  async list(path: RemotePath): Promise<DirectoryEntry[]> {
    return await this.#inside(path, path.components, listDirectory);
  }

  /** Opens a regular file for reading; the caller closes it. */
  async openSource(path: RemotePath): Promise<SourceFile> {
    const shown = formatRemotePath(path);
    try {
      const name = lastName(path);
      const { directory, release } = await this.#share(path.components.slice(0, -1));
      try {
        const file = await directory.openFile(name, { access: "read" });
        const { nowMs } = this.#disk;
        return await sourceFile(file, { path: shown, memory: this.#leafMemory, nowMs });
      } finally {
        release();
      }
    } catch (error) {
      throw fileErrorFrom(error, shown);
    }
  }

  /** Whether something has this name. */
  async exists(path: RemotePath): Promise<boolean> {
    try {
      await this.status(path);
      return true;
    } catch (error) {
      if (error instanceof FileError && error.kind === "not-found") return false;
      throw error;
    }
  }

  /**
   * Opens the file of this name when it looks as one with these looks does that was just received, else
   * null: also when it cannot be told. The caller closes it. One that came a moment ago may be overlooked,
   * unless `isRecent` makes sure, which costs a look-up.
   */
  async openLike(
    path: RemotePath,
    looks: FileLooks,
    { isRecent }: { isRecent: boolean },
  ): Promise<ExistingFile | null> {
    const { umask } = this.#disk;
    return await this.#openIf((node) => looksLike(node, looks, umask), path, { isRecent });
  }

  /** Opens the file of this name when it has no more bytes than that; as {@linkcode openLike} otherwise. */
  async openExisting(
    path: RemotePath,
    { maxBytes }: { maxBytes: number },
  ): Promise<ExistingFile | null> {
    const isSmall = ({ kind, sizeBytes }: LookedAt) => kind === "file" && sizeBytes <= maxBytes;
    return await this.#openIf(isSmall, path, { isRecent: false });
  }

  async #openIf(
    isRight: (node: LookedAt) => boolean,
    path: RemotePath,
    { isRecent }: { isRecent: boolean },
  ): Promise<ExistingFile | null> {
    const shown = formatRemotePath(path);
    let folder: SharedDirectory | null = null;
    try {
      folder = await this.#share(path.components.slice(0, -1));
      const { directory: parent, release } = folder;
      const name = lastName(path);
      const found = !isRecent && await folder.wasAbsent(name) ? null : await parent.lookUp(name);
      const { umask, nowMs } = this.#disk;
      if (found === null || !isRight(found)) return release(), null;
      const file = await parent.openFile(name, { access: "read" });
      const source = await sourceFile(file, { path: shown, memory: this.#leafMemory, nowMs });
      const settle = () => this.#settle(file, parent, shown);
      const close = async () => {
        await source.close();
        release();
      };
      if (isRight(source.status)) return { source, modeBits: 0o777 & ~umask, settle, close };
      await close();
      return null;
    } catch {
      folder?.release();
      return null;
    }
  }

  /**
   * Keeps a folder open for whoever opens files in it one after the other, until the function that it
   * returns is called. Files opened meanwhile are those of this folder, whatever becomes of its name.
   */
  async holdFolder(folder: RemotePath): Promise<() => void> {
    try {
      return (await this.#share(folder.components)).release;
    } catch (error) {
      throw fileErrorFrom(error, formatRemotePath(folder));
    }
  }

  /**
   * Starts receiving a file under a name, or resumes what the same sender parked for it.
   *
   * @throws {FileError} `busy` while another transfer to the name is under way, `exists`,
   * `is-a-directory` or `not-a-file` when the name cannot be given, and others.
   */
  async openPartial(path: RemotePath, options: PartialOptions): Promise<PartialFile> {
    const shown = formatRemotePath(path);
    if (this.#receiving.has(shown)) throw new FileError("busy", shown);
    this.#receiving.add(shown);
    let folder: SharedDirectory | null = null;
    const release = () => {
      if (!this.#receiving.delete(shown)) return; // a part that ended has done it
      folder?.release();
    };
    try {
      const name = lastName(path);
      folder = await this.#share(path.components.slice(0, -1));
      const parent = folder.directory;
      const mayReplace = options.exists === "overwrite";
      const taken = mayReplace && await folder.wasAbsent(name) ? null : await parent.lookUp(name);
      assertReceivable(taken, shown, options);
      const isNew = taken === null;
      const { umask } = this.#disk;
      const syncs = this.#syncs;
      const flushes = await this.#flushesFor(parent);
      const destination = { parent, name, path: shown, isNew, syncs, flushes, umask, release };
      this.#mayHaveStaged = true;
      const complete = { ...options, durability: options.durability ?? this.#durability };
      return await openPartialFile(this.#partialContext, destination, complete);
    } catch (error) {
      release();
      throw fileErrorFrom(error, shown);
    }
  }

  /**
   * Whether something unfinished may be kept for this path: false only when that is certain, and cheap
   * to tell.
   */
  async mayHoldPart(path: RemotePath): Promise<boolean> {
    // A folder below may be on another file system and keep its parts itself.
    if (path.components.length !== 1) return true;
    try {
      return await this.#root.lookUp(STAGING_DIRECTORY) !== null;
    } catch {
      return true;
    }
  }

  /**
   * Gives a file or folder another name.
   *
   * With `replace` a file that has the new name is replaced at once; a folder never is. Without it
   * files are never replaced, whatever happens meanwhile; for folders there is a short gap between
   * the look and the act.
   */
  async rename(from: RemotePath, to: RemotePath, options: { replace: boolean }): Promise<void> {
    if (from.components.length > 0 && isBelow(to, from)) {
      const reason = "a folder cannot be moved into itself";
      throw new FileError("unsupported", formatRemotePath(from), { reason });
    }
    await this.#inParent(from, async (parent, name) => {
      const moved = await parent.lookUp(name);
      if (moved === null) throw new FileError("not-found", formatRemotePath(from));
      await this.#inParent(to, async (target, targetName) => {
        const taken = await target.lookUp(targetName);
        // On a disk that ignores case, a change of case finds the file itself.
        const isItself = taken?.nodeId === moved.nodeId && isSameIgnoringCase(from, to);
        if (taken !== null && !isItself) assertReplaceable(taken, to, options);
        const isGuarded = !options.replace && !isItself && moved.kind === "file";
        const source = { directory: parent, name };
        if (isGuarded) await renameExclusively(source, { directory: target, name: targetName });
        else await parent.rename(name, target, targetName);
        this.#partialContext.directories.forget();
        await this.#syncs.sync(target);
      });
      await this.#syncs.sync(parent);
    });
  }

  /** Makes a folder; with `parents` also those above it, and one that is there is fine. */
  async makeDirectory(path: RemotePath, options: { parents: boolean }): Promise<void> {
    if (options.parents) return await this.#makeWithParents(path, () => NEW_FOLDER_MODE);
    await this.#inParent(path, (parent, name) => this.#makeOne(parent, name, NEW_FOLDER_MODE));
  }

  /**
   * Makes many folders with those above them, some at a time: they share flushes. Those that are there are fine
   * and stay as they are. With those above before those below, a failure is about the topmost one.
   */
  async makeDirectories(folders: Iterable<NewFolder>): Promise<void> {
    const all = [...folders];
    // Whoever comes first makes those above: each gets its own mode whatever the order.
    const modes = new Map(all.map(({ path, mode }) => [path.components.join("/"), mode]));
    const modeOf = (components: readonly string[]) =>
      modes.get(components.join("/")) ?? NEW_FOLDER_MODE;
    await forEachOf(all, PARALLEL_DIRECTORIES, ({ path }) => this.#makeWithParents(path, modeOf));
  }

  async #makeWithParents(
    path: RemotePath,
    modeOf: (components: readonly string[]) => number,
  ): Promise<void> {
    const { components } = path;
    for (let depth = 1; depth <= components.length; depth++) {
      await this.#inside(path, components.slice(0, depth - 1), async (parent) => {
        const name = components[depth - 1]!;
        const found = await parent.lookUp(name);
        if (found === null) {
          const mode = modeOf(components.slice(0, depth));
          await this.#makeOne(parent, name, mode).catch(ignoreExisting);
        } else if (found.kind !== "directory") {
          throw new FileError("not-a-directory", formatRemotePath(path));
        }
      });
    }
  }

  /** Removes a file or a link (never what it points to); `is-a-directory` for a folder. */
  async removeFile(path: RemotePath): Promise<void> {
    await this.#inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found?.kind === "directory") {
        throw new FileError("is-a-directory", formatRemotePath(path));
      }
      await parent.removeFile(name);
      await this.#syncs.sync(parent);
    });
  }

  /** Removes an empty folder. */
  async removeDirectory(path: RemotePath): Promise<void> {
    await this.#inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found !== null && found.kind !== "directory") {
        throw new FileError("not-a-directory", formatRemotePath(path));
      }
      await parent.removeDirectory(name);
      this.#partialContext.directories.forget();
      await this.#syncs.sync(parent);
    });
  }

  /** Removes a file, or a folder with everything in it; links in it are removed, not followed. */
  async removeTree(path: RemotePath): Promise<{ removed: number }> {
    return await this.#inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found === null) throw new FileError("not-found", formatRemotePath(path));
      const removed = await removeNode(parent, name, found);
      this.#partialContext.directories.forget();
      await this.#syncs.sync(parent);
      return { removed };
    });
  }

  /**
   * Visits a path and everything below it, folders before their contents, by name.
   *
   * Links are reported as `"other"` and not followed. What cannot be visited (no permission, a name
   * that no path can hold) goes to `onSkipped`; without that it throws.
   */
  async *walk(
    path: RemotePath,
    options: { onSkipped?: (error: FileError) => void } = {},
  ): AsyncIterable<WalkStep> {
    const status = await this.status(path);
    yield { path, status };
    if (status.kind === "directory") yield* this.#walkContents(path, options.onSkipped ?? rethrow);
  }

  /** Counts files and their bytes, unfinished transfers left out. */
  async measure(): Promise<{ files: number; bytes: number }> {
    return await this.#inside(REMOTE_ROOT, [], measureDirectory);
  }

  /**
   * Removes unfinished transfers that nobody writes and that are too old, or the oldest ones when
   * together they take too much space.
   */
  async cleanStaging(options: CleanupOptions): Promise<CleanupResult> {
    this.#mayHaveStaged = true;
    return await this.#inside(REMOTE_ROOT, [], (root) => cleanStaging(root, options));
  }

  /** Keeps a short text until it is dropped or a week has passed; the same text is kept once. */
  async keepNote(text: string, options: NoteOptions = { isDurable: false }): Promise<void> {
    this.#mayHaveStaged = true;
    await this.#inside(REMOTE_ROOT, [], (root) => keepNote(root, text, options));
  }

  /** Drops a note; it is fine when there is none. */
  async dropNote(text: string): Promise<void> {
    this.#mayHaveStaged = true;
    await this.#inside(REMOTE_ROOT, [], (root) => dropNote(root, text));
  }

  /** The notes kept here, oldest first. */
  async notes(): Promise<string[]> {
    return await this.#inside(REMOTE_ROOT, [], readNotes);
  }

  /** Releases the folder. Every file opened through it must have ended before. */
  async close(): Promise<void> {
    // Nothing of Ferry stays in a folder where nothing is unfinished.
    if (this.#mayHaveStaged) await this.#root.removeDirectory(STAGING_DIRECTORY).catch(() => {});
    this.#root.close();
  }

  async *#walkContents(
    folder: RemotePath,
    skip: (error: FileError) => void,
  ): AsyncIterable<WalkStep> {
    for (const { name, readable, ...status } of await this.#listOr(folder, skip)) {
      const path = readable ? childOr(folder, name, skip) : null;
      if (!readable) skip(new FileError("invalid-name", shownChild(folder, name)));
      if (path === null) continue;
      yield { path, status };
      if (status.kind === "directory") yield* this.#walkContents(path, skip);
    }
  }

  async #listOr(
    folder: RemotePath,
    skip: (error: FileError) => void,
  ): Promise<DirectoryEntry[]> {
    try {
      return await this.list(folder);
    } catch (error) {
      skip(fileErrorFrom(error, formatRemotePath(folder)));
      return [];
    }
  }

  /** Who flushes a directory and what is in it. */
  async #flushesFor(directory: DiskDirectory): Promise<DiskFlushes> {
    if (directory === this.#root) return this.#flushes;
    const isHere = (await directory.identity()).device === (await this.#root.identity()).device;
    return isHere ? this.#flushes : this.#flushesElsewhere;
  }

  async #nodeStatus(path: RemotePath): Promise<NodeStatus> {
    if (path.components.length === 0) return await this.#inside(path, [], (root) => root.status());
    return await this.#inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found === null) throw new FileError("not-found", formatRemotePath(path));
      return found;
    });
  }

  async #settle(file: DiskFile, parent: DiskDirectory, shown: string): Promise<void> {
    if (this.#durability === "none") return;
    try {
      const flushes = await this.#flushesFor(parent);
      await flushes.flush(() => this.#durability === "data" ? file.syncData() : file.sync());
      if (this.#durability === "full") await this.#syncs.sync(parent);
    } catch (error) {
      throw fileErrorFrom(error, shown);
    }
  }

  async #makeOne(parent: DiskDirectory, name: string, mode: number): Promise<void> {
    await parent.makeDirectory(name, mode);
    await this.#syncs.sync(parent);
  }

  /** Runs `use` on the folder that holds the path's last name. */
  async #inParent<Result>(
    path: RemotePath,
    use: (parent: DiskDirectory, name: string) => Promise<Result>,
  ): Promise<Result> {
    const name = lastName(path);
    return await this.#inside(path, path.components.slice(0, -1), (parent) => use(parent, name));
  }

  /** Runs `use` on the folder at `components`, which is closed afterwards; errors name `path`. */
  async #inside<Result>(
    path: RemotePath,
    components: readonly string[],
    use: (directory: DiskDirectory) => Promise<Result>,
  ): Promise<Result> {
    const shown = formatRemotePath(path);
    try {
      const directory = await this.#enter(components);
      try {
        return await use(directory);
      } finally {
        if (directory !== this.#root) directory.close();
      }
    } catch (error) {
      throw fileErrorFrom(error, shown);
    }
  }

  /** As {@linkcode #enter}, together with other transfers to the same folder. */
  async #share(components: readonly string[]): Promise<SharedDirectory> {
    const { directories } = this.#partialContext;
    return await directories.use(components.join("/"), () => this.#enter(components));
  }

  /** Walks down from the root; what it returns is to be closed, unless it is the root. */
  async #enter(components: readonly string[]): Promise<DiskDirectory> {
    let directory = this.#root;
    for (const name of components) {
      const above = directory;
      try {
        directory = await above.openDirectory(name);
      } finally {
        if (above !== this.#root) above.close();
      }
    }
    return directory;
  }
}

type LookedAt = Pick<NodeStatus, "kind" | "sizeBytes" | "modifiedMs" | "mode"> | FileStatus;

function lastName(path: RemotePath): string {
  const name = path.components.at(-1);
  if (name !== undefined) return name;
  const reason = "that cannot be done to the shared folder itself";
  throw new FileError("is-a-directory", formatRemotePath(path), { reason });
}

function assertReceivable(
  taken: NodeStatus | null,
  path: string,
  { exists }: PartialOptions,
): void {
  if (taken === null) return;
  if (taken.kind === "directory") throw new FileError("is-a-directory", path);
  if (exists === "fail") throw new FileError("exists", path);
  if (taken.kind !== "file") throw new FileError("not-a-file", path);
}

function* countUp(): Generator<number, never> {
  for (let number = 0;; number++) yield number;
}

function assertReplaceable(
  taken: NodeStatus,
  path: RemotePath,
  options: { replace: boolean },
): void {
  if (!options.replace) throw new FileError("exists", formatRemotePath(path));
  if (taken.kind === "directory") throw new FileError("is-a-directory", formatRemotePath(path));
}

async function removeNode(
  parent: DiskDirectory,
  name: string,
  { kind }: NodeStatus,
): Promise<number> {
  if (kind !== "directory") {
    await parent.removeFile(name);
    return 1;
  }
  const removed = await removeContents(parent, name);
  await parent.removeDirectory(name);
  return removed + 1;
}

async function removeContents(parent: DiskDirectory, name: string): Promise<number> {
  const directory = await parent.openDirectory(name);
  let removed = 0;
  try {
    for (const child of await directory.list()) {
      // A name that cannot be looked up stays: removing by guess could hit another file.
      if (child.status !== null) removed += await removeNode(directory, child.name, child.status);
    }
  } finally {
    directory.close();
  }
  return removed;
}

async function measureDirectory(
  directory: DiskDirectory,
): Promise<{ files: number; bytes: number }> {
  const total = { files: 0, bytes: 0 };
  for (const { name, status } of await directory.list()) {
    if (status === null || name.startsWith(STAGING_PREFIX)) continue;
    if (status.kind === "file") {
      total.files += 1;
      total.bytes += status.sizeBytes;
    } else if (status.kind === "directory") {
      const below = await measureBelow(directory, name);
      total.files += below.files;
      total.bytes += below.bytes;
    }
  }
  return total;
}

async function measureBelow(
  parent: DiskDirectory,
  name: string,
): Promise<{ files: number; bytes: number }> {
  let directory: DiskDirectory;
  try {
    directory = await parent.openDirectory(name);
  } catch {
    return { files: 0, bytes: 0 }; // vanished, or closed to us: nothing there can be served
  }
  try {
    return await measureDirectory(directory);
  } finally {
    directory.close();
  }
}

function childOr(
  folder: RemotePath,
  name: string,
  skip: (error: FileError) => void,
): RemotePath | null {
  try {
    return remotePathFromComponents([...folder.components, name]);
  } catch (error) {
    skip(fileErrorFrom(error, shownChild(folder, name))); // too deep or too long
    return null;
  }
}

/** A name that may be none of a remote path, as people are told of it. */
function shownChild(folder: RemotePath, name: string): string {
  return `/${[...folder.components, name].join("/")}`;
}

function isSameIgnoringCase(a: RemotePath, b: RemotePath): boolean {
  return formatRemotePath(a).toLowerCase() === formatRemotePath(b).toLowerCase();
}

function ignoreExisting(error: unknown): void {
  if (osCode(error) !== "EEXIST") throw error;
}

function rethrow(error: FileError): never {
  throw error;
}
