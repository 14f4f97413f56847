/**
 * Opening what is there, to be sent or to be compared.
 *
 * @module
 */
import type { FileStatus } from "./directory_listing.ts";
import type { Disk, DiskDirectory, DiskFile, NodeStatus } from "./disk.ts";
import { type ExistingFile, type FileLooks, looksLike } from "./existing_file.ts";
import { fileErrorFrom } from "./file_error.ts";
import type { LeafMemory } from "./leaf_memory.ts";
import { lastName, type OpenFolders } from "./open_folders.ts";
import type { Durability } from "./partial_file.ts";
import { formatRemotePath, type RemotePath } from "./remote_path.ts";
import type { RootFlushes } from "./root_flushes.ts";
import type { SharedDirectory } from "./shared_directories.ts";
import { type SourceFile, sourceFile } from "./source_file.ts";

/** What {@linkcode Reading} works with. */
export interface ReadingContext {
  /** Where umask and clock come from. */
  readonly disk: Disk;
  /** The folders of the files. */
  readonly folders: OpenFolders;
  /** For files that turn out to be there already. */
  readonly flushes: RootFlushes;
  /** What such a file is settled to. */
  readonly durability: Durability;
  /** Where hashes of leaves are remembered. */
  readonly leafMemory: LeafMemory;
}

/** Opens files below one root for reading. */
export class Reading {
  readonly #context: ReadingContext;

  /** Opens nothing yet. */
  constructor(context: ReadingContext) {
    this.#context = context;
  }

  /** As `FileRoot.openSource`. */
  async openSource(path: RemotePath): Promise<SourceFile> {
    const shown = formatRemotePath(path);
    try {
      const name = lastName(path);
      const { directory, release } = await this.#context.folders.share(
        path.components.slice(0, -1),
      );
      try {
        return await this.#asSource(await directory.openFile(name, { access: "read" }), shown);
      } finally {
        release();
      }
    } catch (error) {
      throw fileErrorFrom(error, shown);
    }
  }

  /** As `FileRoot.openLike`. */
  async openLike(
    path: RemotePath,
    looks: FileLooks,
    { isRecent }: { isRecent: boolean },
  ): Promise<ExistingFile | null> {
    const { umask } = this.#context.disk;
    return await this.#openIf((node) => looksLike(node, looks, umask), path, { isRecent });
  }

  /** As `FileRoot.openExisting`. */
  async openExisting(
    path: RemotePath,
    { maxBytes }: { maxBytes: number },
  ): Promise<ExistingFile | null> {
    const isSmall = ({ kind, sizeBytes }: LookedAt) => kind === "file" && sizeBytes <= maxBytes;
    return await this.#openIf(isSmall, path, { isRecent: false });
  }

  async #openIf(
    isRight: (node: LookedAt) => boolean,
    path: RemotePath,
    { isRecent }: { isRecent: boolean },
  ): Promise<ExistingFile | null> {
    const shown = formatRemotePath(path);
    let folder: SharedDirectory | null = null;
    try {
      folder = await this.#context.folders.share(path.components.slice(0, -1));
      const { directory: parent, release } = folder;
      const name = lastName(path);
      const found = !isRecent && await folder.wasAbsent(name) ? null : await parent.lookUp(name);
      if (found === null || !isRight(found)) return release(), null;
      const file = await parent.openFile(name, { access: "read" });
      const source = await this.#asSource(file, shown);
      const settle = () => this.#settle(file, parent, shown);
      const close = async () => {
        await source.close();
        release();
      };
      const modeBits = 0o777 & ~this.#context.disk.umask;
      if (isRight(source.status)) return { source, modeBits, settle, close };
      await close();
      return null;
    } catch {
      folder?.release();
      return null;
    }
  }

  async #asSource(file: DiskFile, path: string): Promise<SourceFile> {
    const { leafMemory: memory, disk: { nowMs } } = this.#context;
    return await sourceFile(file, { path, memory, nowMs });
  }

  async #settle(file: DiskFile, parent: DiskDirectory, shown: string): Promise<void> {
    const { durability, flushes } = this.#context;
    if (durability === "none") return;
    try {
      const flushesOfFile = await flushes.of(parent);
      await flushesOfFile.flush(() => durability === "data" ? file.syncData() : file.sync());
      if (durability === "full") await flushes.syncs.sync(parent);
    } catch (error) {
      throw fileErrorFrom(error, shown);
    }
  }
}

type LookedAt = Pick<NodeStatus, "kind" | "sizeBytes" | "modifiedMs" | "mode"> | FileStatus;
