/**
 * The one file that asks the operating system for its disk.
 *
 * With all permissions on Linux a {@linkcode Disk} is exactly what `openat` gives: the walk goes through
 * `/proc/self/fd/N/name` with O_NOFOLLOW, which no swapped link can escape. Elsewhere every component is
 * looked at (`lstat`) and compared around each step; there somebody with write access on the same machine
 * can win a race.
 *
 * @module
 */
import { constants } from "node:fs";
import * as fs from "node:fs";
import { join, resolve } from "@std/path";
import type {
  Disk,
  DiskDirectory,
  DiskFile,
  DiskSpace,
  ListedNode,
  NodeIdentity,
  NodeStatus,
  OpenFileOptions,
  OpenFileStatus,
} from "./disk.ts";
import { type FileSystemFlush, fileSystemFlush } from "./file_system_flush.ts";

/** The file system of this machine. */
export const systemDisk: Disk = {
  get umask() {
    return currentUmask();
  },

  get nowMs() {
    return Date.now();
  },

  absolutePath: (path) => resolve(path),

  async openRoot(path, { create, mode }) {
    if (create) await makeDirectories(path, mode);
    const realPath = await Deno.realPath(path);
    if (!canWalkDescriptors()) return SystemDirectory.at(realPath, null);
    const fd = fs.openSync(realPath, OPEN_DIRECTORY);
    return new SystemDirectory(procPath(fd), fd, null);
  },
};

/**
 * Reads a file that the user of this program names, links and pipes included.
 *
 * @throws {RangeError} when it holds more than `limitBytes`.
 */
export async function readUserFile(path: string, limitBytes: number): Promise<Uint8Array> {
  const file = await Deno.open(path);
  try {
    const content = new Uint8Array(limitBytes + 1);
    let length = 0;
    while (length < content.length) {
      const count = await file.read(content.subarray(length));
      if (count === null) return content.subarray(0, length);
      length += count;
    }
    throw new RangeError(`Expected at most ${limitBytes} bytes in ${path}`);
  } finally {
    file.close();
  }
}

/** Where a path that the user of this program names leads once its links are followed, absolute. */
export async function followUserLinks(path: string): Promise<string> {
  return await Deno.realPath(path);
}

/**
 * Whether directories of a {@linkcode FileRoot} are walked by descriptor, which Deno allows only as long as
 * the program has every permission.
 */
export function needsEveryPermission(): boolean {
  return canWalkDescriptors();
}

/** Up to here a call into the page cache costs less than handing it to another thread (5 against 45 µs). */
const INLINE_BYTES = 64 * 1024;

/** Releasing the blocks of a bigger file may take milliseconds: not on the thread of the network. */
const INLINE_UNLINK_BYTES = 16 * 1024 * 1024;

/** Entries looked up without letting anything else run: about a millisecond. */
const LOOK_UPS_PER_TURN = 128;
/** In whatever directories: a tree of short ones is long too. */
let lookUpsThisTurn = 0;

/** A directory this long is read at once, in a millisecond: some 500 names, on most file systems. */
const INLINE_DIRECTORY_BYTES = 16 * 1024;

const EXCLUSIVE = true;

const NO_FOLLOW = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const OPEN_DIRECTORY = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);

class SystemDirectory implements DiskDirectory {
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

  constructor(
    path: string,
    fd: number | null,
    expected: { nodeId: string; parent: SystemDirectory | null } | null,
  ) {
    this.#path = path;
    this.#prefix = join(path, "x").slice(0, -1);
    this.#fd = fd;
    this.#expected = expected;
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

  async list(): Promise<ListedNode[]> {
    this.#check();
    const nodes: ListedNode[] = [];
    for await (const { name } of this.#read()) {
      if (++lookUpsThisTurn >= LOOK_UPS_PER_TURN) {
        lookUpsThisTurn = 0;
        await Deno.lstat(this.#path);
      }
      nodes.push({ name, status: lookUpListed(this.#prefix + name) });
    }
    return nodes;
  }

  async names(): Promise<string[]> {
    this.#check();
    return await Array.fromAsync(this.#read(), ({ name }) => name);
  }

  /**
   * A thread of the system takes 0.3 ms before it has read the first name. Windows does not tell how long a
   * directory is.
   */
  #read(): Iterable<Deno.DirEntry> | AsyncIterable<Deno.DirEntry> {
    const size = Deno.build.os === "windows" ? Infinity : Deno.statSync(this.#path).size;
    return size <= INLINE_DIRECTORY_BYTES ? Deno.readDirSync(this.#path) : Deno.readDir(this.#path);
  }

  // deno-lint-ignore require-await
  async openDirectory(name: string): Promise<DiskDirectory> {
    const path = this.#child(name);
    if (this.#fd === null) return SystemDirectory.at(path, this);
    const fd = fs.openSync(path, OPEN_DIRECTORY | NO_FOLLOW);
    return new SystemDirectory(procPath(fd), fd, null);
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

class SystemFile implements DiskFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #access: OpenFileOptions["access"];
  #lock: Deno.FsFile | null = null;
  /** For large transfers; undefined before the first, null when it cannot be had. */
  #far: Deno.FsFile | null | undefined = undefined;
  #lastTransfer: Promise<void> = Promise.resolve();

  constructor(fd: number, path: string, access: OpenFileOptions["access"]) {
    this.#fd = fd;
    this.#path = path;
    this.#access = access;
  }

  // deno-lint-ignore require-await
  async status(): Promise<OpenFileStatus> {
    return openFileStatus(this.#fd);
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const { length } = buffer;
    if (length <= INLINE_BYTES) return fs.readSync(this.#fd, buffer, 0, length, position);
    return await this.#elsewhere(position, {
      far: async (file) => await file.read(buffer) ?? 0,
      near: () => fs.readSync(this.#fd, buffer, 0, length, position),
    });
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      // A nearly full disk takes a part first and complains at the next call.
      const count = await this.#writeSome(bytes, written, position + written);
      if (count === 0) throw osError("EIO", this.#path);
      written += count;
    }
  }

  #writeSome(bytes: Uint8Array, from: number, position: number): number | Promise<number> {
    const length = bytes.length - from;
    if (length <= INLINE_BYTES) return fs.writeSync(this.#fd, bytes, from, length, position);
    return this.#elsewhere(position, {
      far: (file) => file.write(from === 0 ? bytes : bytes.subarray(from)),
      near: () => fs.writeSync(this.#fd, bytes, from, length, position),
    });
  }

  /**
   * Runs one large transfer on a thread of the system, after those before it: Deno's own file has a
   * cursor that they share. Node's calls, asynchronous or not, copy on the thread that asks, which holds
   * up packets for milliseconds; they remain for a file that cannot be opened once more.
   */
  async #elsewhere(
    position: number,
    transfer: { far: (file: Deno.FsFile) => Promise<number>; near: () => number },
  ): Promise<number> {
    const turn = Promise.withResolvers<void>();
    const before = this.#lastTransfer;
    this.#lastTransfer = turn.promise;
    try {
      await before;
      if (this.#far === undefined) this.#far = await this.#reopen();
      if (this.#far === null) return transfer.near();
      this.#far.seekSync(position, Deno.SeekMode.Start);
      return await transfer.far(this.#far);
    } finally {
      turn.resolve();
    }
  }

  /** The same file as one of Deno's, or null. By descriptor it is the same for certain; by path it is compared. */
  async #reopen(): Promise<Deno.FsFile | null> {
    const isWritable = this.#access === "write";
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.#path, { read: true, write: isWritable });
    } catch {
      return null; // renamed or removed meanwhile, or a limit of the system
    }
    const { dev, ino } = await file.stat();
    if (nodeIdOf(dev, ino ?? 0) === openFileStatus(this.#fd).nodeId) return file;
    file.close();
    return null;
  }

  // deno-lint-ignore require-await
  async truncate(sizeBytes: number): Promise<void> {
    fs.ftruncateSync(this.#fd, sizeBytes);
  }

  // deno-lint-ignore require-await
  async setAttributes({ mode, modifiedMs }: { mode: number; modifiedMs: number }): Promise<void> {
    fs.fchmodSync(this.#fd, mode & 0o777);
    // Half a microsecond more: seconds as a double, cut to whole ones, would lose a millisecond.
    const seconds = (modifiedMs + 0.0005) / 1000;
    fs.futimesSync(this.#fd, seconds, seconds);
  }

  async sync(): Promise<void> {
    await syncDescriptor(this.#fd);
  }

  async syncData(): Promise<void> {
    await asPromise((done) => fs.fdatasync(this.#fd, done));
  }

  async tryLock(): Promise<boolean> {
    // Only Deno's own files lock. By descriptor this is the same file for certain; by path it is compared.
    const lock = await Deno.open(this.#path, { read: true, write: true });
    try {
      const { dev, ino } = await lock.stat();
      const isSame = nodeIdOf(dev, ino ?? 0) === openFileStatus(this.#fd).nodeId;
      if (!isSame || !(await lock.tryLock(EXCLUSIVE))) {
        lock.close();
        return false;
      }
    } catch (error) {
      lock.close();
      throw error;
    }
    this.#lock = lock;
    return true;
  }

  close(): void {
    fs.closeSync(this.#fd);
    this.#lock?.close();
    this.#lock = null;
    this.#far?.close();
    this.#far = null;
  }
}

/** A file in the way is left for the opening to report. */
async function makeDirectories(path: string, mode: number | undefined): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

let descriptorWalk: boolean | undefined;

/**
 * Whether `/proc/self/fd/N/name` works and O_NOFOLLOW is honoured. Deno does both under all
 * permissions only; with less it resolves links itself before opening.
 */
function canWalkDescriptors(): boolean {
  descriptorWalk ??= Deno.build.os === "linux" && hasUnlimitedAccess() && refusesLinks();
  return descriptorWalk;
}

function hasUnlimitedAccess(): boolean {
  const names = ["read", "write", "run", "ffi", "env", "sys", "net"] as const;
  return names.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}

function refusesLinks(): boolean {
  try {
    fs.closeSync(fs.openSync("/proc/self", OPEN_DIRECTORY | NO_FOLLOW)); // a link on every Linux
    return false;
  } catch (error) {
    const { code } = error as { code?: unknown };
    return code === "ENOTDIR" || code === "ELOOP";
  }
}

function procPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

let umask: number | undefined;

/** Read once: reading it sets it for a moment, for the whole process. */
function currentUmask(): number {
  umask ??= Deno.permissions.querySync({ name: "sys" }).state === "granted" ? Deno.umask() : 0o022;
  return umask;
}

function lookUpPath(path: string): NodeStatus | null {
  try {
    return nodeStatus(Deno.lstatSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Listing goes on whatever one of the names does. */
function lookUpListed(path: string): NodeStatus | null {
  try {
    return lookUpPath(path);
  } catch {
    return null;
  }
}

function nodeStatus(info: Deno.FileInfo): NodeStatus {
  return {
    kind: info.isSymlink
      ? "symlink"
      : info.isFile
      ? "file"
      : info.isDirectory
      ? "directory"
      : "other",
    sizeBytes: info.size,
    modifiedMs: info.mtime?.getTime() ?? 0,
    changedMs: (info.ctime ?? info.mtime)?.getTime() ?? 0,
    mode: (info.mode ?? (info.isDirectory ? 0o755 : 0o644)) & 0o777,
    device: info.dev,
    nodeId: nodeIdOf(info.dev, info.ino ?? 0),
    linkCount: info.nlink ?? 1,
  };
}

/** By its link in /proc where that is allowed: Node's fstat takes 10 µs or more, this takes 3. */
function openFileStatus(fd: number): OpenFileStatus {
  const status = canWalkDescriptors() ? nodeStatus(Deno.statSync(procPath(fd))) : statusByFstat(fd);
  const contentVersion = `${status.nodeId}:${status.sizeBytes}:${status.modifiedMs}`;
  return { ...status, contentVersion, version: `${contentVersion}:${status.changedMs}` };
}

function statusByFstat(fd: number): NodeStatus {
  const status = fs.fstatSync(fd, { bigint: true });
  return {
    kind: status.isFile() ? "file" : status.isDirectory() ? "directory" : "other",
    sizeBytes: Number(status.size),
    modifiedMs: Number(status.mtimeMs),
    changedMs: Number(status.ctimeMs),
    mode: Number(status.mode) & 0o777,
    device: Number(status.dev),
    nodeId: nodeIdOf(Number(status.dev), Number(status.ino)),
    linkCount: Number(status.nlink),
  };
}

function nodeIdOf(device: number, inode: number): string {
  return `${device}:${inode}`;
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

async function syncDescriptor(fd: number): Promise<void> {
  await asPromise((done) => fs.fsync(fd, done));
}

function asPromise(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((done, failed) => call((error) => error ? failed(error) : done()));
}

function osError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function fail(code: string, path: string): never {
  throw osError(code, path);
}
