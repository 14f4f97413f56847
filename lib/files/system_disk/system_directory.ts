/**
 * One open directory of this machine, by its descriptor or by a path that is checked at each step.
 *
 * @module
 */
import { constants } from "node:fs";
import * as fs from "node:fs";
import { join } from "@std/path";
import type {
  DiskDirectory,
  DiskFile,
  DiskSpace,
  ListedNode,
  ListedStatus,
  NameVisitor,
  NodeIdentity,
  NodeStatus,
  OpenFileOptions,
} from "../disk.ts";
import { type FileSystemFlush, fileSystemFlush } from "../file_system_flush.ts";
import { NO_FOLLOW, OPEN_DIRECTORY, procPath } from "./descriptor_walk.ts";
import { asPromise, osError, syncDescriptor } from "./system_call.ts";
import { SystemFile } from "./system_file.ts";
import { lookUpPath, openFileStatus } from "./system_status.ts";

/** An open directory. What is in it is named one component at a time, and no link is followed. */
export class SystemDirectory implements DiskDirectory {
  /** `/proc/self/fd/N`, or the real path. */
  readonly #path: string;
  /** The same with a separator behind it: what names are appended to. */
  readonly #prefix: string;
  /** `null` when directories cannot be held open and are checked by path instead. */
  readonly #fd: number | null;
  /** For the check by path: what this must still be, and what is above it. */
  readonly #expected: { nodeId: string; parent: SystemDirectory | null } | null;
  #identity: NodeIdentity | null = null;
  /** Undefined before it was asked for, null where there is none. */
  #flush: FileSystemFlush | null | undefined = undefined;

  private constructor(
    path: string,
    fd: number | null,
    expected: { nodeId: string; parent: SystemDirectory | null } | null,
  ) {
    this.#path = path;
    this.#prefix = join(path, "x").slice(0, -1);
    this.#fd = fd;
    this.#expected = expected;
  }

  /** A directory held open by this descriptor, which {@linkcode close} closes. */
  static of(fd: number): SystemDirectory {
    return new SystemDirectory(procPath(fd), fd, null);
  }

  /** A directory checked by path. Throws ENOTDIR for anything else, links included. */
  static at(path: string, parent: SystemDirectory | null): SystemDirectory {
    const status = lookUpPath(path);
    if (status === null) throw osError("ENOENT", path);
    if (status.kind !== "directory") throw osError("ENOTDIR", path);
    return new SystemDirectory(path, null, { nodeId: status.nodeId, parent });
  }

  // deno-lint-ignore require-await
  async status(): Promise<NodeStatus> {
    if (this.#fd !== null) return openFileStatus(this.#fd);
    this.#check();
    return lookUpPath(this.#path) ?? fail("ENOENT", this.#path);
  }

  async identity(): Promise<NodeIdentity> {
    if (this.#identity === null) {
      const { device, nodeId } = await this.status();
      // By path every look checks that it is still the same one.
      if (this.#fd === null) return { device, nodeId };
      this.#identity = { device, nodeId };
    }
    return this.#identity;
  }

  // deno-lint-ignore require-await
  async lookUp(name: string): Promise<NodeStatus | null> {
    return lookUpPath(this.#child(name));
  }

  async lookUpEach(names: readonly string[]): Promise<ListedStatus[]> {
    this.#check();
    const statuses: ListedStatus[] = [];
    for (const name of names) {
      if (++lookUpsThisTurn >= LOOK_UPS_PER_TURN) {
        lookUpsThisTurn = 0;
        await Deno.lstat(this.#path);
      }
      statuses.push(lookUpListed(this.#prefix + name));
    }
    return statuses;
  }

  async list(): Promise<ListedNode[]> {
    const names = await this.names();
    const statuses = await this.lookUpEach(names);
    return names.map((name, index) => {
      const status = statuses[index]!;
      return { name, status: status === "unknown" ? null : status };
    });
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    await this.read((name) => names.push(name));
    return names;
  }

  /**
   * A thread of the system takes 0.3 ms before it has read the first name. Windows does not tell how long a
   * directory is.
   */
  async read(visit: NameVisitor): Promise<void> {
    this.#check();
    const size = Deno.build.os === "windows" ? Infinity : Deno.statSync(this.#path).size;
    if (size <= INLINE_DIRECTORY_BYTES) {
      for (const { name, isDirectory } of Deno.readDirSync(this.#path)) visit(name, isDirectory);
      return;
    }
    const reading = lastLongReading.then(() => this.#readLong(visit));
    lastLongReading = reading.catch(() => {});
    await reading;
  }

  async #readLong(visit: NameVisitor): Promise<void> {
    let count = 0;
    for await (const { name, isDirectory } of Deno.readDir(this.#path)) {
      visit(name, isDirectory);
      if (++count % NAMES_PER_TURN === 0) await Deno.lstat(this.#path);
    }
  }

  // deno-lint-ignore require-await
  async openDirectory(name: string): Promise<DiskDirectory> {
    const path = this.#child(name);
    if (this.#fd === null) return SystemDirectory.at(path, this);
    return SystemDirectory.of(fs.openSync(path, OPEN_DIRECTORY | NO_FOLLOW));
  }

  // deno-lint-ignore require-await
  async openFile(name: string, { access, create }: OpenFileOptions): Promise<DiskFile> {
    const path = this.#child(name);
    const before = this.#fd === null ? lookUpPath(path) : null;
    // Without O_NOFOLLOW opening anything but a file may block for ever or lead elsewhere.
    if (before !== null) assertRegular(before, path);
    const flags = (access === "read" ? constants.O_RDONLY : constants.O_RDWR) | NO_FOLLOW |
      (create === undefined ? 0 : constants.O_CREAT) | (create === "new" ? constants.O_EXCL : 0);
    const fd = fs.openSync(path, flags, 0o600);
    // What O_EXCL has just made in a directory held open is a file, and ours.
    if (create === "new" && this.#fd !== null) return new SystemFile(fd, procPath(fd), access);
    try {
      const status = openFileStatus(fd);
      assertRegular(status, path);
      if (this.#fd === null) {
        this.#check();
        if (lookUpPath(path)?.nodeId !== status.nodeId) throw osError("ELOOP", path);
        if (before !== null && before.nodeId !== status.nodeId) throw osError("ELOOP", path);
      }
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    return new SystemFile(fd, this.#fd === null ? path : procPath(fd), access);
  }

  // deno-lint-ignore require-await
  async makeDirectory(name: string, mode: number): Promise<void> {
    fs.mkdirSync(this.#child(name), mode);
  }

  async removeFile(name: string): Promise<void> {
    const path = this.#child(name);
    if (isQuickToRelease(path)) fs.unlinkSync(path);
    else await asPromise((done) => fs.unlink(path, done));
  }

  // deno-lint-ignore require-await
  async removeDirectory(name: string): Promise<void> {
    fs.rmdirSync(this.#child(name));
  }

  async rename(
    name: string,
    target: DiskDirectory,
    targetName: string,
    hint: { readonly isNew: boolean } = { isNew: false },
  ): Promise<void> {
    const from = this.#child(name);
    const to = systemDirectory(target).#child(targetName);
    if (hint.isNew || isQuickToRelease(to)) fs.renameSync(from, to);
    else await asPromise((done) => fs.rename(from, to, done));
  }

  // deno-lint-ignore require-await
  async link(name: string, target: DiskDirectory, targetName: string): Promise<void> {
    fs.linkSync(this.#child(name), systemDirectory(target).#child(targetName));
  }

  space(): Promise<DiskSpace | null> {
    return new Promise((done) => {
      try {
        fs.statfs(this.#path, (error, status) => {
          if (error || status.blocks === 0) return done(null);
          const { blocks, bavail, bsize } = status;
          done({ freeBytes: bavail * bsize, totalBytes: blocks * bsize });
        });
      } catch {
        done(null);
      }
    });
  }

  async sync(): Promise<void> {
    if (Deno.build.os === "windows") return; // a directory cannot be flushed there
    if (this.#fd !== null) return await syncDescriptor(this.#fd);
    this.#check();
    const file = await Deno.open(this.#path);
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  syncFileSystem(): Promise<void> | null {
    if (this.#fd === null) return null;
    if (this.#flush === undefined) this.#flush = fileSystemFlush(fileSystemType(this.#path));
    return this.#flush === null ? null : this.#flush.run(this.#fd);
  }

  close(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
    this.#flush?.close();
    this.#flush = null;
  }

  #child(name: string): string {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw osError("EINVAL", name);
    }
    this.#check();
    // Both are normal already; making sure of it again took a tenth of what saving a small file allocates.
    return this.#prefix + name;
  }

  /** By path: everything above must still be what it was. By descriptor there is nothing to check. */
  #check(): void {
    if (this.#expected === null) return;
    const { nodeId, parent } = this.#expected;
    if (parent !== null) parent.#check();
    const status = lookUpPath(this.#path);
    if (status?.kind !== "directory" || status.nodeId !== nodeId) {
      throw osError("ENOTDIR", this.#path);
    }
  }
}

/** Releasing the blocks of a bigger file may take milliseconds: not on the thread of the network. */
const INLINE_UNLINK_BYTES = 16 * 1024 * 1024;

/** Entries looked up without letting anything else run: about a millisecond. */
const LOOK_UPS_PER_TURN = 128;
/** In whatever directories: a tree of short ones is long too. */
let lookUpsThisTurn = 0;

/** A directory this long is read at once, in a millisecond: some 500 names, on most file systems. */
const INLINE_DIRECTORY_BYTES = 16 * 1024;

/** Names visited without letting anything else run: about a millisecond. */
const NAMES_PER_TURN = 512;
/** The runtime itself holds all names of a directory: long ones are read one after the other. */
let lastLongReading: Promise<void> = Promise.resolve();

/** Listing goes on whatever one of the names does. */
function lookUpListed(path: string): ListedStatus {
  try {
    return lookUpPath(path);
  } catch {
    return "unknown";
  }
}

function isQuickToRelease(path: string): boolean {
  // Asked first because a failing look-up makes an error object, which costs 15 µs; a link to
  // nothing counts as nothing here, rightly.
  if (!fs.existsSync(path)) return true;
  const status = lookUpPath(path);
  return status === null || status.kind !== "file" || status.sizeBytes < INLINE_UNLINK_BYTES;
}

function assertRegular({ kind }: NodeStatus, path: string): void {
  if (kind === "directory") throw osError("EISDIR", path);
  if (kind !== "file") throw osError(kind === "symlink" ? "ELOOP" : "ENXIO", path);
}

function systemDirectory(directory: DiskDirectory): SystemDirectory {
  if (directory instanceof SystemDirectory) return directory;
  throw new TypeError("Expected a directory of the same disk");
}

/** Zero where the system does not tell. */
function fileSystemType(path: string): number {
  try {
    return fs.statfsSync(path).type;
  } catch {
    return 0;
  }
}

function fail(code: string, path: string): never {
  throw osError(code, path);
}
