import { type LeafHashing, plainLeafHashing } from "../crypto/mod.ts";
import { type DirectoryEntry, type FileStatus, fileStatus } from "./directory_listing.ts";
import type { Disk, DiskDirectory, NodeStatus } from "./disk.ts";
import { DiskGuard } from "./disk_guard.ts";
import type { ExistingFile, FileLooks } from "./existing_file.ts";
import { FileError, fileErrorFrom } from "./file_error.ts";
import { readFolder } from "./folder_reader.ts";
import { LeafMemory } from "./leaf_memory.ts";
import { ListingMemory } from "./listing_memory.ts";
import { mayKeepPart, removeKeptPart } from "./kept_part.ts";
import { openMadeRoot } from "./made_root.ts";
import { NameChanges, type NewFolder } from "./name_changes.ts";
import { OpenFolders } from "./open_folders.ts";
import type { Durability, PartialFile, PartialOptions } from "./partial_file.ts";
import { cleanNotedPlaces } from "./place_cleanup.ts";
import { PlaceNotes } from "./place_notes.ts";
import { Reading } from "./reading.ts";
import { Receiving } from "./receiving.ts";
import { formatRemotePath, REMOTE_ROOT, type RemotePath } from "./remote_path.ts";
import { RootFlushes } from "./root_flushes.ts";
import type { SourceFile } from "./source_file.ts";
import { STAGING_DIRECTORY } from "./staging.ts";
import { cleanStaging, type CleanupOptions, type CleanupResult } from "./staging_cleanup.ts";
import { dropNote, keepNote, type NoteOptions, readNotes } from "./staging_notes.ts";
import { systemDisk } from "./system_disk/system_disk.ts";
import { measureDirectory, walkContents, type WalkStep } from "./tree_walk.ts";

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
  /** Makes the hashers of what is received, and knows those of what is unfinished; plain ones by default. */
  readonly leafHashing?: LeafHashing;
  /** Where hashes of its files are remembered, to share that with other folders; otherwise its own. */
  readonly leafMemory?: LeafMemory;
  /**
   * Whether others than the owner of the disk fill it: then a part of it stays free, and what each of them leaves
   * unfinished is bounded. False by default.
   */
  readonly guardsDisk?: boolean;
  /** What all its listings may hold together, bytes; beyond it they read folders more than once. */
  readonly listingBytes?: number;
  /**
   * Path of the folder where {@linkcode FileRoot.cleanStaging} is called when a program starts: it keeps notes of
   * unfinished files that are elsewhere. By default the folder itself.
   */
  readonly home?: string;
}

/**
 * A folder as a sandbox: whatever a {@linkcode RemotePath} names is in it.
 *
 * No symbolic link below the folder is ever followed, wherever it points: in the middle of a path
 * it is no folder, at the end it is neither file nor folder. Links can be removed and renamed.
 * Every method throws {@linkcode FileError} and nothing else.
 */
export class FileRoot {
  /** The absolute path of the folder on this machine. */
  readonly directory: string;
  /** Makes hashers for the leaves of its files. */
  readonly leafHashing: LeafHashing;
  readonly #disk: Disk;
  readonly #root: DiskDirectory;
  readonly #places: PlaceNotes;
  readonly #folders: OpenFolders;
  readonly #guard: DiskGuard;
  readonly #reading: Reading;
  readonly #receiving: Receiving;
  readonly #names: NameChanges;
  readonly #listings: ListingMemory;
  #mayHaveStaged = false;

  private constructor(directory: string, root: DiskDirectory, options: FileRootOptions) {
    this.directory = directory;
    this.#root = root;
    const folders = new OpenFolders(root);
    this.#folders = folders;
    const { nowMs, hasNativeCode = true, disk = systemDisk, durability = "full" } = options;
    const { leafMemory = new LeafMemory(), leafHashing: hashing = plainLeafHashing } = options;
    this.leafHashing = hashing;
    const flushes = new RootFlushes(root, { nowMs, hasNativeCode });
    const home = options.home === undefined ? directory : disk.absolutePath(options.home);
    const places = new PlaceNotes({
      ...{ disk, root, directory },
      home: home === directory ? null : home,
    });
    this.#disk = disk;
    this.#places = places;
    this.#reading = new Reading({ disk, folders, flushes, durability, leafMemory });
    const guard = this.#guard = new DiskGuard({ isStrict: options.guardsDisk ?? false });
    this.#receiving = new Receiving({
      ...{ disk, folders, flushes, places, guard, durability, nowMs, hashing },
    });
    this.#names = new NameChanges(folders, flushes.syncs);
    const { listingBytes: capacityBytes } = options;
    this.#listings = new ListingMemory({
      nowMs: () => disk.nowMs,
      ...(capacityBytes === undefined ? {} : { capacityBytes }),
    });
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
    return await Array.fromAsync(this.entries(path));
  }

  /**
   * The same, one after the other. What is held of the folder meanwhile is bounded: all listings share
   * {@linkcode FileRootOptions.listingBytes}.
   */
  entries(path: RemotePath): AsyncGenerator<DirectoryEntry, void, undefined> {
    return readFolder(
      (use) => this.#folders.inside(path, path.components, use),
      this.#listings,
    );
  }

  /** What its listings hold now, bytes. */
  get heldByListings(): number {
    return this.#listings.heldBytes;
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

  /** Opens a regular file for reading; the caller closes it. */
  async openSource(path: RemotePath): Promise<SourceFile> {
    return await this.#reading.openSource(path);
  }

  /**
   * Opens the file of this name when it looks as one with these looks does that was just received, else
   * null: also when it cannot be told. The caller closes it. One that came a moment ago may be overlooked,
   * unless `isRecent` makes sure, which costs a look-up.
   */
  async openLike(
    path: RemotePath,
    looks: FileLooks,
    options: { isRecent: boolean },
  ): Promise<ExistingFile | null> {
    return await this.#reading.openLike(path, looks, options);
  }

  /** Opens the file of this name when it has no more bytes than that; as {@linkcode openLike} otherwise. */
  async openExisting(
    path: RemotePath,
    options: { maxBytes: number },
  ): Promise<ExistingFile | null> {
    return await this.#reading.openExisting(path, options);
  }

  /**
   * Keeps a folder open for whoever opens files in it one after the other, until the function that it
   * returns is called. Files opened meanwhile are those of this folder, whatever becomes of its name.
   */
  async holdFolder(folder: RemotePath): Promise<() => void> {
    try {
      return (await this.#folders.share(folder.components)).release;
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
    this.#mayHaveStaged = true;
    return await this.#receiving.openPartial(path, options);
  }

  /** Whether something unfinished may be kept for this path, of no sender's name: false only when that is certain. */
  async mayHoldPart(path: RemotePath): Promise<boolean> {
    return await mayKeepPart(this.#folders, path);
  }

  /**
   * Removes what the sender, `""` when it is absent, has left unfinished for this path: the file is there. What
   * somebody is writing stays.
   */
  async dropPart(path: RemotePath, { sender = "" }: { sender?: string } = {}): Promise<void> {
    this.#mayHaveStaged = true;
    await removeKeptPart({ folders: this.#folders, guard: this.#guard, path, sender });
  }

  /**
   * Gives a file or folder another name.
   *
   * With `replace` a file that has the new name is replaced at once; a folder never is. Without it
   * files are never replaced, whatever happens meanwhile; for folders there is a short gap between
   * the look and the act.
   */
  async rename(from: RemotePath, to: RemotePath, options: { replace: boolean }): Promise<void> {
    await this.#names.rename(from, to, options);
  }

  /** Makes a folder; with `parents` also those above it, and one that is there is fine. */
  async makeDirectory(path: RemotePath, options: { parents: boolean }): Promise<void> {
    await this.#names.makeDirectory(path, options);
  }

  /**
   * Makes many folders with those above them, some at a time: they share flushes. Those that are there are fine
   * and stay as they are. With those above before those below, a failure is about the topmost one.
   */
  async makeDirectories(folders: Iterable<NewFolder>): Promise<void> {
    await this.#names.makeDirectories(folders);
  }

  /** Removes a file or a link (never what it points to); `is-a-directory` for a folder. */
  async removeFile(path: RemotePath): Promise<void> {
    await this.#names.removeFile(path);
  }

  /** Removes an empty folder. */
  async removeDirectory(path: RemotePath): Promise<void> {
    await this.#names.removeDirectory(path);
  }

  /** Removes a file, or a folder with everything in it; links in it are removed, not followed. */
  async removeTree(path: RemotePath): Promise<{ removed: number }> {
    return await this.#names.removeTree(path);
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
    if (status.kind !== "directory") return;
    yield* walkContents((folder) => this.entries(folder), path, options.onSkipped ?? rethrow);
  }

  /** Counts files and their bytes, unfinished transfers left out. */
  async measure(): Promise<{ files: number; bytes: number }> {
    return await this.#atRoot(measureDirectory);
  }

  /**
   * Removes unfinished transfers that nobody writes and that are too old, or the oldest ones when
   * together they take too much space: here, and each by itself at the places elsewhere that are noted here.
   */
  async cleanStaging(options: CleanupOptions): Promise<CleanupResult> {
    this.#mayHaveStaged = true;
    return await this.#atRoot(async (root) => {
      const here = await cleanStaging(root, options);
      const elsewhere = await cleanNotedPlaces(this.#disk, root, options);
      return { removed: here.removed + elsewhere.removed, bytes: here.bytes + elsewhere.bytes };
    });
  }

  /** Keeps a short text until it is dropped or a week has passed; the same text is kept once. */
  async keepNote(text: string, options: NoteOptions = { isDurable: false }): Promise<void> {
    this.#mayHaveStaged = true;
    await this.#atRoot((root) => keepNote(root, text, options));
  }

  /** Drops a note; it is fine when there is none. */
  async dropNote(text: string): Promise<void> {
    this.#mayHaveStaged = true;
    await this.#atRoot((root) => dropNote(root, text));
  }

  /** The notes kept here, oldest first. */
  async notes(): Promise<string[]> {
    return await this.#atRoot(readNotes);
  }

  /** Releases the folder. Every file opened through it must have ended before. */
  async close(): Promise<void> {
    // Nothing of Ferry stays in a folder where nothing is unfinished.
    if (this.#mayHaveStaged) await this.#root.removeDirectory(STAGING_DIRECTORY).catch(() => {});
    await this.#places.close();
    this.#root.close();
  }

  async #atRoot<Result>(use: (root: DiskDirectory) => Promise<Result>): Promise<Result> {
    return await this.#folders.inside(REMOTE_ROOT, [], use);
  }

  async #nodeStatus(path: RemotePath): Promise<NodeStatus> {
    if (path.components.length === 0) return await this.#atRoot((root) => root.status());
    return await this.#folders.inParent(path, async (parent, name) => {
      const found = await parent.lookUp(name);
      if (found === null) throw new FileError("not-found", formatRemotePath(path));
      return found;
    });
  }
}

function rethrow(error: FileError): never {
  throw error;
}
