import type { DiskDirectory } from "./disk.ts";

/** A directory that several transfers hold open together. */
export interface SharedDirectory {
  /** The directory; not to be closed by its users. */
  readonly directory: DiskDirectory;
  /** Gives this use of it back. */
  release(): void;
}

interface Held {
  readonly opening: Promise<DiskDirectory>;
  useCount: number;
}

/**
 * Directories that are open as long as somebody uses them, so that thousands of small files going to one
 * folder do not walk there thousands of times.
 *
 * Whoever comes while a directory is held gets the same one, even if its name means another by now: such a
 * change has to be told by {@linkcode forget}.
 */
export class SharedDirectories {
  #held = new Map<string, Held>();

  /** The directory known as `key`; opened by `open` when nobody holds it. */
  async use(key: string, open: () => Promise<DiskDirectory>): Promise<SharedDirectory> {
    let held = this.#held.get(key);
    if (held === undefined) {
      held = { opening: open(), useCount: 0 };
      this.#held.set(key, held);
    }
    const shared = held;
    shared.useCount++;
    const release = () => this.#release(key, shared);
    try {
      return { directory: await shared.opening, release };
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
    if (this.#held.get(key) === shared) this.#held.delete(key);
    shared.opening.then((directory) => directory.close(), () => {});
  }
}
