import type { DiskDirectory } from "./disk.ts";
import { FileError, fileErrorFrom } from "./file_error.ts";
import { formatRemotePath, type RemotePath } from "./remote_path.ts";
import { SharedDirectories, type SharedDirectory } from "./shared_directories.ts";

/** From a path to the directory that it leads to: one component at a time, links never followed. */
export class OpenFolders {
  /** The folder that paths start from. */
  readonly root: DiskDirectory;
  /** Directories that are held open together. */
  readonly shared: SharedDirectories;

  /** Starts with nothing open but `root`, which its opener closes. */
  constructor(root: DiskDirectory) {
    this.root = root;
    this.shared = new SharedDirectories(root);
  }

  /** Runs `use` on the folder at `components`, which is closed afterwards; errors name `path`. */
  async inside<Result>(
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
        if (directory !== this.root) directory.close();
      }
    } catch (error) {
      throw fileErrorFrom(error, shown);
    }
  }

  /** Runs `use` on the folder that holds the path's last name. */
  async inParent<Result>(
    path: RemotePath,
    use: (parent: DiskDirectory, name: string) => Promise<Result>,
  ): Promise<Result> {
    const name = lastName(path);
    return await this.inside(path, path.components.slice(0, -1), (parent) => use(parent, name));
  }

  /** Opens the folder at `components`, together with whoever else uses it; errors are the disk's. */
  async share(components: readonly string[]): Promise<SharedDirectory> {
    return await this.shared.use(components.join("/"), () => this.#enter(components));
  }

  /** Walks down from the root; what it returns is to be closed, unless it is the root. */
  async #enter(components: readonly string[]): Promise<DiskDirectory> {
    let directory = this.root;
    for (const name of components) {
      const above = directory;
      try {
        directory = await above.openDirectory(name);
      } finally {
        if (above !== this.root) above.close();
      }
    }
    return directory;
  }
}

/**
 * The name that a path ends with.
 *
 * @throws {FileError} `is-a-directory` for the root, which has none.
 */
export function lastName(path: RemotePath): string {
  const name = path.components.at(-1);
  if (name !== undefined) return name;
  const reason = "that cannot be done to the shared folder itself";
  throw new FileError("is-a-directory", formatRemotePath(path), { reason });
}
