import type { DiskDirectory } from "./disk.ts";

/** A directory that several transfers hold open together. */
export interface SharedDirectory {
  /** The directory; not to be closed by its users. */
  readonly directory: DiskDirectory;
  /**
   * Whether nothing had this name when the directory was last read. Known after some uses only: until then,
   * and for a name that was there, the answer is no. A look-up of a missing name costs as much as writing
   * a small file, reading the names once costs next to nothing.
   */
  wasAbsent(name: string): Promise<boolean>;
  /** It was removed: who comes from now on opens another one. */
  forget(): void;
  /** Gives this use of it back. */
  release(): void;
}

/** Uses after which the names of a directory are read. */
const USES_BEFORE_READING = 4;

interface Held {
  readonly opening: Promise<DiskDirectory>;
  useCount: number;
  totalUseCount: number;
  names: Promise<ReadonlySet<string>> | null;
}

/**
 * Directories that are open as long as somebody uses them, so that thousands of small files going to one
 * folder do not walk there thousands of times.
 *
 * Whoever comes while a directory is held gets the same one, even if its name means another by now: such a
 * change has to be told by {@linkcode forget}.
 */
export class SharedDirectories {
  readonly #root: DiskDirectory;
  #held = new Map<string, Held>();

  /** Starts with none; `root` may be among those that are shared, and is never closed here. */
  constructor(root: DiskDirectory) {
    this.#root = root;
  }

  /** The directory known as `key`; opened by `open` when nobody holds it. */
  async use(key: string, open: () => Promise<DiskDirectory>): Promise<SharedDirectory> {
    let held = this.#held.get(key);
    if (held === undefined) {
      held = { opening: open(), useCount: 0, totalUseCount: 0, names: null };
      this.#held.set(key, held);
    }
    const shared = held;
    shared.useCount++;
    shared.totalUseCount++;
    const release = () => this.#release(key, shared);
    const forget = () => this.#forget(key, shared);
    try {
      const directory = await shared.opening;
      return {
        directory,
        wasAbsent: (name) => wasAbsent(shared, directory, name),
        forget,
        release,
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Names may have changed: who comes from now on opens directories again. */
  forget(): void {
    this.#held = new Map();
  }

  #release(key: string, shared: Held): void {
    if (--shared.useCount > 0) return;
    this.#forget(key, shared);
    shared.opening.then((directory) => {
      if (directory !== this.#root) directory.close();
    }, () => {});
  }

  /** Not the one that somebody has opened since under the same key. */
  #forget(key: string, shared: Held): void {
    if (this.#held.get(key) === shared) this.#held.delete(key);
  }
}

async function wasAbsent(held: Held, directory: DiskDirectory, name: string): Promise<boolean> {
  if (held.totalUseCount < USES_BEFORE_READING) return false;
  const reading = held.names ??= directory.names().then((names) => new Set(names));
  try {
    return !(await reading).has(name);
  } catch {
    // No descriptor was left, say: it is tried again after some more uses.
    if (held.names === reading) {
      held.names = null;
      held.totalUseCount = 0;
    }
    return false;
  }
}
