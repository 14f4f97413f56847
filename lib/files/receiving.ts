/**
 * Opening parts: files that are being received below one root.
 *
 * @module
 */
import type { LeafHashing } from "../crypto/mod.ts";
import type { Disk, NodeStatus } from "./disk.ts";
import type { DiskGuard } from "./disk_guard.ts";
import { FileError, fileErrorFrom } from "./file_error.ts";
import { lastName, type OpenFolders } from "./open_folders.ts";
import { OpenPartsLimit } from "./open_parts_limit.ts";
import {
  type Durability,
  openPartialFile,
  type PartialFile,
  type PartialFileContext,
  type PartialOptions,
} from "./partial_file.ts";
import { formatRemotePath, type RemotePath } from "./remote_path.ts";
import type { PlaceNotes } from "./place_notes.ts";
import type { RootFlushes } from "./root_flushes.ts";
import type { SharedDirectory } from "./shared_directories.ts";
import { ThreadPatience } from "./thread_patience.ts";

/** What {@linkcode Receiving} works with. */
export interface ReceivingContext {
  /** Where the umask comes from. */
  readonly disk: Disk;
  /** The folders of the files. */
  readonly folders: OpenFolders;
  /** Flushes files and their names. */
  readonly flushes: RootFlushes;
  /** Remembers where unfinished files are. */
  readonly places: PlaceNotes;
  /** Says whether a disk has room. */
  readonly guard: DiskGuard;
  /** What transfers wait for that say nothing else. */
  readonly durability: Durability;
  /** A clock for checkpoints, if there is one. */
  readonly nowMs: (() => number) | undefined;
  /** Knows the hashes of what was parked. */
  readonly hashing: LeafHashing;
}

/** Opens parts, one at a time for each name. */
export class Receiving {
  readonly #context: ReceivingContext;
  readonly #partialContext: PartialFileContext;
  /** Paths to which a transfer is under way. */
  readonly #receiving = new Set<string>();

  /** Opens nothing yet. */
  constructor(context: ReceivingContext) {
    this.#context = context;
    const { folders: { root, shared }, places, nowMs, hashing } = context;
    this.#partialContext = {
      root,
      directories: shared,
      places,
      numbers: countUp(),
      openParts: new OpenPartsLimit(),
      nowMs,
      patience: new ThreadPatience({ processors: navigator.hardwareConcurrency, nowMs }),
      hashing,
    };
  }

  /** As `FileRoot.openPartial`. */
  async openPartial(path: RemotePath, options: PartialOptions): Promise<PartialFile> {
    const shown = formatRemotePath(path);
    if (this.#receiving.has(shown)) throw new FileError("busy", shown);
    this.#receiving.add(shown);
    let folder: SharedDirectory | null = null;
    const release = () => {
      if (!this.#receiving.delete(shown)) return; // a part that ended has done it
      folder?.release();
    };
    const { folders, flushes: { syncs }, durability, disk, places, guard } = this.#context;
    try {
      const name = lastName(path);
      const below = path.components.slice(0, -1);
      const noteParts = () => places.noteParts(below);
      folder = await folders.share(below);
      const parent = folder.directory;
      const mayReplace = options.exists === "overwrite";
      const taken = mayReplace && await folder.wasAbsent(name) ? null : await parent.lookUp(name);
      assertReceivable(taken, shown, options);
      const isNew = taken === null;
      const { umask } = disk;
      const flushes = await this.#context.flushes.of(parent);
      const destination = {
        ...{ parent, name, path: shown, isNew, noteParts },
        ...{ syncs, flushes, guard, umask, release },
      };
      const complete = { ...options, durability: options.durability ?? durability };
      return await openPartialFile(this.#partialContext, destination, complete);
    } catch (error) {
      release();
      throw fileErrorFrom(error, shown);
    }
  }
}

function assertReceivable(
  taken: NodeStatus | null,
  path: string,
  { exists }: PartialOptions,
): void {
  if (taken === null) return;
  if (taken.kind === "directory") throw new FileError("is-a-directory", path);
  if (exists !== "overwrite") throw new FileError("exists", path);
  if (taken.kind !== "file") throw new FileError("not-a-file", path);
}

function* countUp(): Generator<number, never> {
  for (let number = 0;; number++) yield number;
}
