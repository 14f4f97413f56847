import { DirectorySync } from "./directory_sync.ts";
import type { DiskDirectory } from "./disk.ts";
import { DiskFlushes } from "./disk_flushes.ts";

/** What the flushes of one folder are made with. */
export interface RootFlushesOptions {
  /** A clock to notice that a flush takes long, if there is one. */
  readonly nowMs: (() => number) | undefined;
  /** False to do without native code, which flushes many files at once. */
  readonly hasNativeCode: boolean;
}

/** Flushes what is in a folder and below it: everything on its own disk together. */
export class RootFlushes {
  /** Flushes folders, as {@linkcode DiskFlushes} of the disk that they are on. */
  readonly syncs: DirectorySync = new DirectorySync(async (directory) => {
    const flushes = await this.of(directory);
    await flushes.flush(() => directory.sync());
  });
  readonly #root: DiskDirectory;
  readonly #here: DiskFlushes;
  /** For what is on other disks than the folder. */
  readonly #elsewhere = new DiskFlushes();

  /** Starts with nothing to flush. */
  constructor(root: DiskDirectory, { nowMs, hasNativeCode }: RootFlushesOptions) {
    this.#root = root;
    const together = () => hasNativeCode ? root.syncFileSystem() : null;
    this.#here = new DiskFlushes({ together, nowMs });
  }

  /** Who flushes a directory and what is in it. */
  async of(directory: DiskDirectory): Promise<DiskFlushes> {
    if (directory === this.#root) return this.#here;
    const isHere = (await directory.identity()).device === (await this.#root.identity()).device;
    return isHere ? this.#here : this.#elsewhere;
  }
}
