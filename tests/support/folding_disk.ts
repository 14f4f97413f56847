/**
 * The disk of this machine, below one folder as one that takes `Readme` and `README` for the same name: macOS, Windows
 * and memory sticks do. It keeps a name as it was first spelled, as most of them do.
 *
 * @module
 */
import {
  type Disk,
  type DiskDirectory,
  type DiskFile,
  type DiskSpace,
  type ListedNode,
  type ListedStatus,
  type NameVisitor,
  type NodeIdentity,
  type NodeStatus,
  type OpenFileOptions,
  systemDisk,
} from "../../lib/files/mod.ts";

/** See the module. */
export class FoldingDisk implements Disk {
  readonly umask = systemDisk.umask;
  readonly #base: string;
  readonly #turns = new Turns();

  /** Folds names below this folder, which is there. */
  constructor(base: string) {
    this.#base = base;
  }

  get nowMs(): number {
    return systemDisk.nowMs;
  }

  absolutePath(path: string): string {
    return systemDisk.absolutePath(path);
  }

  async openRoot(
    path: string,
    options: { create: boolean; mode?: number },
  ): Promise<DiskDirectory> {
    if (path !== this.#base && !path.startsWith(`${this.#base}/`)) {
      return await systemDisk.openRoot(path, options);
    }
    const base = await systemDisk.openRoot(this.#base, { create: false });
    let directory: DiskDirectory = new FoldingDirectory(base, this.#turns);
    for (const name of path.slice(this.#base.length).split("/").filter((name) => name !== "")) {
      const above = directory;
      try {
        if (options.create && await above.lookUp(name) === null) {
          await above.makeDirectory(name, options.mode ?? 0o777);
        }
        directory = await above.openDirectory(name);
      } finally {
        above.close();
      }
    }
    return directory;
  }
}

/** One after the other: no name comes between looking for it and using it. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

class FoldingDirectory implements DiskDirectory {
  readonly #inner: DiskDirectory;
  readonly #turns: Turns;

  constructor(inner: DiskDirectory, turns: Turns) {
    this.#inner = inner;
    this.#turns = turns;
  }

  status(): Promise<NodeStatus> {
    return this.#inner.status();
  }

  identity(): Promise<NodeIdentity> {
    return this.#inner.identity();
  }

  lookUp(name: string): Promise<NodeStatus | null> {
    return this.#as(name, (stored) => this.#inner.lookUp(stored));
  }

  async lookUpEach(names: readonly string[]): Promise<ListedStatus[]> {
    return await Promise.all(names.map((name) => this.lookUp(name)));
  }

  read(visit: NameVisitor): Promise<void> {
    return this.#inner.read(visit);
  }

  list(): Promise<ListedNode[]> {
    return this.#inner.list();
  }

  names(): Promise<string[]> {
    return this.#inner.names();
  }

  openDirectory(name: string): Promise<DiskDirectory> {
    return this.#as(
      name,
      async (stored) => new FoldingDirectory(await this.#inner.openDirectory(stored), this.#turns),
    );
  }

  openFile(name: string, options: OpenFileOptions): Promise<DiskFile> {
    return this.#as(name, (stored) => this.#inner.openFile(stored, options));
  }

  makeDirectory(name: string, mode: number): Promise<void> {
    return this.#as(name, (stored) => this.#inner.makeDirectory(stored, mode));
  }

  removeFile(name: string): Promise<void> {
    return this.#as(name, (stored) => this.#inner.removeFile(stored));
  }

  removeDirectory(name: string): Promise<void> {
    return this.#as(name, (stored) => this.#inner.removeDirectory(stored));
  }

  rename(name: string, target: DiskDirectory, targetName: string): Promise<void> {
    return this.#asBoth(
      name,
      target,
      targetName,
      (from, inner, to) => this.#inner.rename(from, inner, to),
    );
  }

  link(name: string, target: DiskDirectory, targetName: string): Promise<void> {
    return this.#asBoth(
      name,
      target,
      targetName,
      (from, inner, to) => this.#inner.link(from, inner, to),
    );
  }

  space(): Promise<DiskSpace | null> {
    return this.#inner.space();
  }

  sync(): Promise<void> {
    return this.#inner.sync();
  }

  syncFileSystem(): Promise<void> | null {
    return this.#inner.syncFileSystem();
  }

  close(): void {
    this.#inner.close();
  }

  #as<Result>(name: string, work: (stored: string) => Promise<Result>): Promise<Result> {
    return this.#turns.take(async () => await work(await this.#stored(name)));
  }

  #asBoth(
    name: string,
    target: DiskDirectory,
    targetName: string,
    work: (from: string, inner: DiskDirectory, to: string) => Promise<void>,
  ): Promise<void> {
    if (!(target instanceof FoldingDirectory)) throw new TypeError("Expected a folding directory");
    return this.#turns.take(async () => {
      await work(await this.#stored(name), target.#inner, await target.#stored(targetName));
    });
  }

  /** The name as it was first spelled. */
  async #stored(name: string): Promise<string> {
    const folded = name.toLowerCase();
    return (await this.#inner.names()).find((other) => other.toLowerCase() === folded) ?? name;
  }
}
