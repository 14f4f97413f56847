/**
 * Local paths as users type them → a folder opened as a `FileRoot` and a path inside it.
 *
 * The user's own disk needs no sandbox; the one of `files/` is used with the nearest folder as its root.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "@std/path";
import {
  type DirectoryEntry,
  FileError,
  fileErrorFrom,
  FileRoot,
  type FileRootOptions,
  type FileStatus,
  followUserLinks,
  REMOTE_ROOT,
  type RemotePath,
  remotePathFromComponents,
} from "../files/mod.ts";
import { expandGlob } from "./glob.ts";
import type { Word } from "./parse_line.ts";

/** A file or folder here. */
export interface LocalPlace {
  /** The folder it is in. */
  readonly root: FileRoot;
  /** Its path in that folder. */
  readonly path: RemotePath;
}

/** A local path that the user named. */
export interface LocalMatch {
  /** What the user calls it. */
  readonly text: string;
  /** A pattern found it, not its name. */
  readonly isMatch: boolean;
  /** How it was listed, when a pattern found it. */
  readonly entry: DirectoryEntry | null;
}

function asNamed({ text }: Word): LocalMatch {
  return { text, isMatch: false, entry: null };
}

/** How the folders are opened. */
export type LocalRootOptions = Pick<
  FileRootOptions,
  "disk" | "durability" | "nowMs" | "hasNativeCode" | "leafHashing" | "leafMemory" | "home"
>;

/** The folders that one command works in; each is opened once and all are closed together. */
export class LocalFolders {
  readonly #roots = new Map<string, Promise<FileRoot>>();
  /** Absolute path that relative ones start from. */
  readonly base: string;

  readonly #rootOptions: LocalRootOptions;

  /** Starts with nothing open. */
  constructor(base: string, rootOptions: LocalRootOptions = {}) {
    this.base = base;
    this.#rootOptions = rootOptions;
  }

  /**
   * A folder itself.
   *
   * @throws {FileError} When it does not exist and `create` is not set.
   */
  folder(
    text: string,
    options: { create: boolean; mode?: number } = { create: false },
  ): Promise<FileRoot> {
    const path = resolve(this.base, text);
    const known = this.#roots.get(path);
    if (known !== undefined) return known;
    const opening = FileRoot.open(path, { ...this.#rootOptions, ...options });
    this.#roots.set(path, opening);
    opening.catch(() => this.#roots.delete(path));
    return opening;
  }

  /**
   * A path inside the folder that holds it; there may be nothing yet.
   *
   * @throws {FileError} When that folder does not exist and `create` is not set.
   */
  async place(text: string, options: { create: boolean } = { create: false }): Promise<LocalPlace> {
    const full = resolve(this.base, text);
    const name = basename(full);
    const path = name === "" ? REMOTE_ROOT : remotePathFromComponents([name]);
    return { root: await this.folder(dirname(full), options), path };
  }

  /**
   * The same with a link at its end followed.
   *
   * @throws {FileError} `not-found` also when the link leads nowhere.
   */
  async placeBehindLinks(text: string): Promise<LocalPlace> {
    try {
      return await this.place(await followUserLinks(resolve(this.base, text)));
    } catch (error) {
      throw fileErrorFrom(error, text);
    }
  }

  /** What is at a place; null when there is nothing. */
  async status(text: string): Promise<FileStatus | null> {
    try {
      const { root, path } = await this.place(text);
      return await root.status(path);
    } catch (error) {
      if (error instanceof FileError && error.kind === "not-found") return null;
      throw error;
    }
  }

  /** Whether a folder stands there now, links followed. */
  async isFolder(text: string): Promise<boolean> {
    try {
      await this.folder(text);
      return true;
    } catch (error) {
      if (error instanceof FileError) return false;
      throw error;
    }
  }

  /**
   * The local paths a word stands for: itself, or what its pattern matches.
   *
   * @throws {FileError} `not-found` when a pattern matches nothing and no file has that very name.
   */
  async expand(word: Word): Promise<LocalMatch[]> {
    if (word.pattern === null) return [asNamed(word)];
    const matches = await expandGlob(word.pattern, async (folder) => {
      const root = await this.folder(folder === "" ? "." : folder);
      return (await root.list(REMOTE_ROOT)).map((entry) => ({
        ...entry,
        isFolder: entry.kind === "directory",
        isUsable: entry.readable,
      }));
    });
    if (matches.length === 0) {
      if (/[*?]/.test(word.text)) throw new FileError("not-found", word.text);
      return [asNamed(word)];
    }
    return matches.map(({ path, entry }) => ({ text: path, isMatch: true, entry }));
  }

  /** Absolute form of a path. */
  absolute(...parts: readonly string[]): string {
    return resolve(this.base, join(...parts));
  }

  /** Closes everything; waits for what is still being made durable. */
  async close(): Promise<void> {
    const roots = await Promise.allSettled(this.#roots.values());
    this.#roots.clear();
    for (const root of roots) {
      if (root.status === "fulfilled") await root.value.close();
    }
  }
}
