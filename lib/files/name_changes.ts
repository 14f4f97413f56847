/**
 * Changing names below one root: folders made, files and folders renamed and removed.
 *
 * @module
 */
import type { DiskDirectory, NodeStatus } from "./disk.ts";
import type { DirectorySync } from "./directory_sync.ts";
import { renameExclusively } from "./exclusive_rename.ts";
import { FileError, osCode } from "./file_error.ts";
import { forEachOf } from "./for_each_of.ts";
import { NEW_FOLDER_MODE } from "./made_root.ts";
import type { OpenFolders } from "./open_folders.ts";
import { formatRemotePath, isBelow, type RemotePath } from "./remote_path.ts";

/** Made at the same time by {@linkcode NameChanges.makeDirectories}. */
const PARALLEL_DIRECTORIES = 32;

/** A folder to be made. */
export interface NewFolder {
  /** Where. */
  readonly path: RemotePath;
  /** Permission bits that it gets, less the umask, if it is not there yet. */
  readonly mode: number;
}

/** Changes names, and resolves when the change is on stable storage. */
export class NameChanges {
  readonly #folders: OpenFolders;
  readonly #syncs: DirectorySync;

  /** Changes nothing yet. */
  constructor(folders: OpenFolders, syncs: DirectorySync) {
    this.#folders = folders;
    this.#syncs = syncs;
  }

  /** As `FileRoot.rename`. */
  async rename(from: RemotePath, to: RemotePath, options: { replace: boolean }): Promise<void> {
    if (from.components.length > 0 && isBelow(to, from)) {
      const reason = "a folder cannot be moved into itself";
      throw new FileError("unsupported", formatRemotePath(from), { reason });
    }
    await this.#folders.inParent(from, async (parent, name) => {
      const moved = await parent.lookUp(name);
      if (moved === null) throw new FileError("not-found", formatRemotePath(from));
      await this.#folders.inParent(to, async (target, targetName) => {
        const taken = await target.lookUp(targetName);
        // On a disk that ignores case, a change of case finds the file itself.
        const isItself = taken?.nodeId === moved.nodeId && isSameIgnoringCase(from, to);
        if (taken !== null && !isItself) assertReplaceable(taken, to, options);
        const isGuarded = !options.replace && !isItself && moved.kind === "file";
        const source = { directory: parent, name };
        if (isGuarded) await renameExclusively(source, { directory: target, name: targetName });
        else await parent.rename(name, target, targetName);
        this.#folders.shared.forget();
        await this.#syncs.sync(target);
      });
      await this.#syncs.sync(parent);
    });
  }

  /** As `FileRoot.makeDirectory`. */
  async makeDirectory(path: RemotePath, options: { parents: boolean }): Promise<void> {
    if (options.parents) return await this.#makeWithParents(path, () => NEW_FOLDER_MODE);
    await this.#folders.inParent(
      path,
      (parent, name) => this.#makeOne(parent, name, NEW_FOLDER_MODE),
    );
  }

  /** As `FileRoot.makeDirectories`. */
  async makeDirectories(folders: Iterable<NewFolder>): Promise<void> {
    const all = [...folders];
    // Whoever comes first makes those above: each gets its own mode whatever the order.
    const modes = new Map(all.map(({ path, mode }) => [path.components.join("/"), mode]));
    const modeOf = (components: readonly string[]) =>
      modes.get(components.join("/")) ?? NEW_FOLDER_MODE;
    await forEachOf(all, PARALLEL_DIRECTORIES, ({ path }) => this.#makeWithParents(path, modeOf));
  }

  /** As `FileRoot.removeFile`. */
  async removeFile(path: RemotePath): Promise<void> {
    await this.#folders.inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found?.kind === "directory") {
        throw new FileError("is-a-directory", formatRemotePath(path));
      }
      await parent.removeFile(name);
      await this.#syncs.sync(parent);
    });
  }

  /** As `FileRoot.removeDirectory`. */
  async removeDirectory(path: RemotePath): Promise<void> {
    await this.#folders.inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found !== null && found.kind !== "directory") {
        throw new FileError("not-a-directory", formatRemotePath(path));
      }
      await parent.removeDirectory(name);
      this.#folders.shared.forget();
      await this.#syncs.sync(parent);
    });
  }

  /** As `FileRoot.removeTree`. */
  async removeTree(path: RemotePath): Promise<{ removed: number }> {
    return await this.#folders.inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found === null) throw new FileError("not-found", formatRemotePath(path));
      const removed = await removeNode(parent, name, found);
      this.#folders.shared.forget();
      await this.#syncs.sync(parent);
      return { removed };
    });
  }

  async #makeWithParents(
    path: RemotePath,
    modeOf: (components: readonly string[]) => number,
  ): Promise<void> {
    const { components } = path;
    for (let depth = 1; depth <= components.length; depth++) {
      await this.#folders.inside(path, components.slice(0, depth - 1), async (parent) => {
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

  async #makeOne(parent: DiskDirectory, name: string, mode: number): Promise<void> {
    await parent.makeDirectory(name, mode);
    await this.#syncs.sync(parent);
  }
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

function isSameIgnoringCase(a: RemotePath, b: RemotePath): boolean {
  return formatRemotePath(a).toLowerCase() === formatRemotePath(b).toLowerCase();
}

function ignoreExisting(error: unknown): void {
  if (osCode(error) !== "EEXIST") throw error;
}
