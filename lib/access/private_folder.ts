/**
 * A folder that belongs to one user: small files, each readable by that user alone.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { type Disk, type DiskDirectory, type DiskFile, openLocked, osCode } from "../files/mod.ts";

/** What a private folder needs. */
export interface PrivateFolderOptions {
  /** The disk it is on. */
  readonly disk: Disk;
  /** For names of temporary files. */
  readonly entropy: Entropy;
  /** Whether the permission bits say who may read and write. */
  readonly hasModes: boolean;
  /** Resolves after a while: another program changes the same file. */
  readonly pause: (delayMs: number) => Promise<void>;
}

const FOLDER_MODE = 0o700;
/** Others may change what is in the folder. */
const OTHERS_WRITE = 0o022;
/** Others may read or change the file. */
const OTHERS = 0o077;
/** No file here is larger. */
const MAX_FILE_BYTES = 1 << 20;
/** A change takes two flushes. Somebody who needs longer was stopped, and must not stop everybody. */
const LOCK_TRIES = 200;
const LOCK_PAUSE_MS = 10;

/** Small files of one user. Errors are those of the operating system. */
export class PrivateFolder {
  /** Where it is. */
  readonly path: string;
  readonly #options: PrivateFolderOptions;

  private constructor(path: string, options: PrivateFolderOptions) {
    this.path = path;
    this.#options = options;
  }

  /**
   * The folder at this path; made when it is missing.
   *
   * @throws {Error} when it cannot be had, or when others may change what is in it.
   */
  static async open(path: string, options: PrivateFolderOptions): Promise<PrivateFolder> {
    const folder = new PrivateFolder(path, options);
    try {
      await folder.#within((directory) => folder.#checkFolder(directory));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await folder.#make();
      await folder.#within((directory) => folder.#checkFolder(directory));
    }
    return folder;
  }

  /** The folder at this path when there is one that can be trusted, otherwise null. Makes nothing. */
  static async find(path: string, options: PrivateFolderOptions): Promise<PrivateFolder | null> {
    const folder = new PrivateFolder(path, options);
    try {
      await folder.#within((directory) => folder.#checkFolder(directory));
      return folder;
    } catch {
      return null;
    }
  }

  /** The content of a file; null when there is none. */
  async read(name: string): Promise<Uint8Array | null> {
    return await this.#within((directory) => this.#readIn(directory, name));
  }

  /** Whether a file is there that others may read or change. */
  async isExposed(name: string): Promise<boolean> {
    if (!this.#options.hasModes) return false;
    const status = await this.#within((directory) => directory.lookUp(name));
    return status !== null && (status.mode & OTHERS) !== 0;
  }

  /** Writes a file, in place of the one that is there: nobody ever sees half of it. */
  async write(name: string, content: Uint8Array): Promise<void> {
    await this.#within((directory) => this.#replace(directory, name, content));
  }

  /** Writes a file in place of the one that is there: no change of another program comes in between. */
  async update(
    name: string,
    change: (present: Uint8Array | null) => Uint8Array,
  ): Promise<void> {
    await this.#within(async (directory) => {
      const lockName = `.${name}.lock`;
      const lock = await this.#lock(directory, lockName);
      try {
        await this.#replace(directory, name, change(await this.#readIn(directory, name)));
      } finally {
        if (lock !== null) await removeIfThere(directory, lockName);
        lock?.close();
      }
    });
  }

  /**
   * Writes a file when there is none, and returns the content that is there then: of several programs
   * that start together, one wins.
   */
  async create(name: string, content: Uint8Array): Promise<Uint8Array> {
    return await this.#within(async (directory) => {
      const temporary = await this.#writeTemporary(directory, name, content);
      try {
        await directory.link(temporary, directory, name);
        return content;
      } catch (error) {
        if (osCode(error) === "EEXIST") return (await this.#readIn(directory, name)) ?? content;
        // A file system without links: the last one wins.
        await directory.rename(temporary, directory, name);
        return content;
      } finally {
        await removeIfThere(directory, temporary);
      }
    });
  }

  /** Removes a file if it still holds this. */
  async removeIf(name: string, content: Uint8Array): Promise<void> {
    await this.#within(async (directory) => {
      const present = await this.#readIn(directory, name);
      if (present?.toHex() === content.toHex()) await removeIfThere(directory, name);
    });
  }

  async #within<Result>(work: (directory: DiskDirectory) => Promise<Result>): Promise<Result> {
    const directory = await this.#options.disk.openRoot(this.path, { create: false });
    try {
      return await work(directory);
    } finally {
      directory.close();
    }
  }

  async #replace(directory: DiskDirectory, name: string, content: Uint8Array): Promise<void> {
    const temporary = await this.#writeTemporary(directory, name, content);
    await directory.rename(temporary, directory, name);
  }

  /** Null when it cannot be had: then the file is changed without. */
  async #lock(directory: DiskDirectory, name: string): Promise<DiskFile | null> {
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      try {
        const lock = await openLocked(directory, name, { create: "if-missing" });
        if (lock !== null) return lock;
      } catch {
        return null;
      }
      await this.#options.pause(LOCK_PAUSE_MS);
    }
    return null;
  }

  async #make(): Promise<void> {
    const { disk } = this.#options;
    (await disk.openRoot(this.path, { create: true, mode: FOLDER_MODE })).close();
  }

  async #checkFolder(directory: DiskDirectory): Promise<void> {
    if (!this.#options.hasModes) return;
    const { mode } = await directory.status();
    if ((mode & OTHERS_WRITE) !== 0) {
      throw new Error(`Cannot trust ${this.path}: others may change what is in it (chmod 700)`);
    }
  }

  async #readIn(directory: DiskDirectory, name: string): Promise<Uint8Array | null> {
    const status = await directory.lookUp(name);
    if (status === null) return null;
    if (status.kind !== "file") throw new Error(`${this.path}/${name} is not a regular file`);
    const file = await directory.openFile(name, { access: "read" });
    try {
      const { sizeBytes } = await file.status();
      if (sizeBytes > MAX_FILE_BYTES) throw new Error(`${this.path}/${name} is far too large`);
      const content = new Uint8Array(sizeBytes);
      let filled = 0;
      while (filled < content.length) {
        const count = await file.read(content.subarray(filled), filled);
        if (count === 0) break;
        filled += count;
      }
      return content.subarray(0, filled);
    } finally {
      file.close();
    }
  }

  async #writeTemporary(
    directory: DiskDirectory,
    name: string,
    content: Uint8Array,
  ): Promise<string> {
    const random = new Uint8Array(8);
    this.#options.entropy.fill(random);
    const temporary = `.${name}.${random.toHex()}`;
    const file = await directory.openFile(temporary, { access: "write", create: "new" });
    try {
      await file.write(content, 0);
      await file.sync();
    } catch (error) {
      file.close();
      await removeIfThere(directory, temporary);
      throw error;
    }
    file.close();
    return temporary;
  }
}

async function removeIfThere(directory: DiskDirectory, name: string): Promise<void> {
  try {
    await directory.removeFile(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return osCode(error) === "ENOENT" || (error instanceof Error && error.name === "NotFound");
}
