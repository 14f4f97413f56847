/**
 * Open files and folders of a disk in memory. They heed the permission bits of the owner.
 *
 * @module
 */
import type {
  DiskDirectory,
  DiskFile,
  DiskSpace,
  ListedNode,
  ListedStatus,
  NameVisitor,
  NodeKind,
  NodeStatus,
  OpenFileOptions,
  OpenFileStatus,
} from "../../lib/files/mod.ts";
import { fail, StoppedError } from "./faulty_calls.ts";
import type { MemoryNode } from "./memory_node.ts";

/** What handles need of their disk. */
export interface MemoryHost {
  /** Permission bits that new files should not have. */
  readonly umask: number;
  /** The time that changes get. */
  readonly nowMs: number;
  /** Handles not yet closed. */
  openHandles: number;
  /** Counts a call and lets it fail; `half` is what a killed program still did. */
  called(name: string, half?: () => void): void;
  /** A node that nobody has yet. */
  newNode(kind: NodeKind, device: number, mode: number): MemoryNode;
  /** Bytes left on a file system. */
  freeBytesOn(device: number): number;
  /** Bytes of all of a file system. */
  capacityOf(device: number): number;
  /** Flushes everything; null where there is no such call. */
  flushAll(): Promise<void> | null;
}

/** An open folder. */
export class MemoryDirectory implements DiskDirectory {
  readonly #disk: MemoryHost;
  readonly #node: MemoryNode;
  #isClosed = false;

  constructor(disk: MemoryHost, node: MemoryNode) {
    this.#disk = disk;
    this.#node = node;
    disk.openHandles++;
  }

  // deno-lint-ignore require-await
  async status(): Promise<NodeStatus> {
    this.#called("status");
    return this.#node.status();
  }

  identity(): Promise<NodeStatus> {
    return this.status();
  }

  // deno-lint-ignore require-await
  async names(): Promise<string[]> {
    this.#called("list");
    return [...this.#node.entries.keys()];
  }

  // deno-lint-ignore require-await
  async lookUp(name: string): Promise<NodeStatus | null> {
    this.#called("lookUp");
    return this.#node.entries.get(name)?.status() ?? null;
  }

  // deno-lint-ignore require-await
  async lookUpEach(names: readonly string[]): Promise<ListedStatus[]> {
    return names.map((name) => this.#node.entries.get(name)?.status() ?? null);
  }

  // deno-lint-ignore require-await
  async read(visit: NameVisitor): Promise<void> {
    this.#called("list");
    for (const [name, { kind }] of this.#node.entries) visit(name, kind === "directory");
  }

  // deno-lint-ignore require-await
  async list(): Promise<ListedNode[]> {
    this.#called("list");
    return [...this.#node.entries].map(([name, node]) => ({ name, status: node.status() }));
  }

  // deno-lint-ignore require-await
  async openDirectory(name: string): Promise<DiskDirectory> {
    this.#called("openDirectory");
    const node = this.#child(name);
    if (node.kind !== "directory") fail("ENOTDIR");
    assertPermits(node, READ);
    return new MemoryDirectory(this.#disk, node);
  }

  // deno-lint-ignore require-await
  async openFile(name: string, { access, create }: OpenFileOptions): Promise<DiskFile> {
    this.#called("openFile");
    let node = this.#node.entries.get(name);
    if (node !== undefined && create === "new") fail("EEXIST");
    if (node === undefined) {
      if (create === undefined) fail("ENOENT");
      node = this.#disk.newNode("file", this.#node.device, 0o600);
      this.#set(name, node);
    } else {
      if (node.kind === "directory") fail("EISDIR");
      if (node.kind !== "file") fail(node.kind === "symlink" ? "ELOOP" : "ENXIO");
      assertPermits(node, access === "read" ? READ : READ | WRITE);
    }
    return new MemoryFile(this.#disk, node);
  }

  // deno-lint-ignore require-await
  async makeDirectory(name: string, mode: number): Promise<void> {
    this.#called("makeDirectory");
    if (this.#node.entries.has(name)) fail("EEXIST");
    const { umask } = this.#disk;
    this.#set(name, this.#disk.newNode("directory", this.#node.device, mode & ~umask));
  }

  // deno-lint-ignore require-await
  async removeFile(name: string): Promise<void> {
    this.#called("removeFile");
    const node = this.#child(name);
    if (node.kind === "directory") fail("EISDIR");
    assertPermits(this.#node, WRITE);
    node.linkCount--;
    this.#node.entries.delete(name);
  }

  // deno-lint-ignore require-await
  async removeDirectory(name: string): Promise<void> {
    this.#called("removeDirectory");
    const node = this.#child(name);
    if (node.kind !== "directory") fail("ENOTDIR");
    if (node.entries.size > 0) fail("ENOTEMPTY");
    assertPermits(this.#node, WRITE);
    this.#node.entries.delete(name);
    node.isRemoved = true;
  }

  // deno-lint-ignore require-await
  async rename(name: string, target: DiskDirectory, targetName: string): Promise<void> {
    this.#called("rename");
    const node = this.#child(name);
    const to = memoryDirectory(target);
    if (to.#node.device !== this.#node.device) fail("EXDEV");
    const taken = to.#node.entries.get(targetName);
    if (taken === node) return;
    if (taken?.kind === "directory" && node.kind !== "directory") fail("EISDIR");
    if (taken !== undefined && taken.kind !== "directory" && node.kind === "directory") {
      fail("ENOTDIR");
    }
    assertPermits(this.#node, WRITE);
    assertPermits(to.#node, WRITE);
    if (taken !== undefined) taken.linkCount--;
    this.#node.entries.delete(name);
    to.#set(targetName, node);
    node.changedMs = this.#disk.nowMs;
  }

  // deno-lint-ignore require-await
  async link(name: string, target: DiskDirectory, targetName: string): Promise<void> {
    this.#called("link");
    const node = this.#child(name);
    const to = memoryDirectory(target);
    if (to.#node.device !== this.#node.device) fail("EXDEV");
    if (to.#node.entries.has(targetName)) fail("EEXIST");
    to.#set(targetName, node);
    node.linkCount++;
  }

  // deno-lint-ignore require-await
  async space(): Promise<DiskSpace | null> {
    const freeBytes = this.#disk.freeBytesOn(this.#node.device);
    const totalBytes = this.#disk.capacityOf(this.#node.device);
    return totalBytes === Infinity ? null : { freeBytes, totalBytes };
  }

  async sync(): Promise<void> {
    await Promise.resolve(); // a flush takes its time: others come in between
    flush(this.#disk, this.#node, "syncDirectory");
  }

  syncFileSystem(): Promise<void> | null {
    return this.#disk.flushAll();
  }

  close(): void {
    if (this.#isClosed) throw new Error("A directory was closed twice");
    this.#isClosed = true;
    this.#disk.openHandles--;
  }

  #called(name: string): void {
    if (this.#isClosed) throw new Error(`${name} on a closed directory`);
    this.#disk.called(name);
  }

  #child(name: string): MemoryNode {
    assertPermits(this.#node, ENTER);
    return this.#node.entries.get(name) ?? fail("ENOENT");
  }

  #set(name: string, node: MemoryNode): void {
    if (this.#node.isRemoved) fail("ENOENT");
    assertPermits(this.#node, WRITE);
    this.#node.entries.set(name, node);
    this.#node.modifiedMs = this.#node.changedMs = this.#disk.nowMs;
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryHost;
  readonly #node: MemoryNode;
  #hasLock = false;
  #isClosed = false;

  constructor(disk: MemoryHost, node: MemoryNode) {
    this.#disk = disk;
    this.#node = node;
    disk.openHandles++;
  }

  // deno-lint-ignore require-await
  async status(): Promise<OpenFileStatus> {
    this.#called("status");
    return this.#node.status();
  }

  // deno-lint-ignore require-await
  async read(buffer: Uint8Array, position: number): Promise<number> {
    this.#called("read");
    const found = this.#node.content.subarray(position, position + buffer.length);
    buffer.set(found);
    return found.length;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#called("write", () => this.#store(bytes.subarray(0, bytes.length / 2), position));
    await Promise.resolve();
    const growth = Math.max(0, position + bytes.length - this.#node.content.length);
    const missing = growth - this.#disk.freeBytesOn(this.#node.device);
    this.#store(bytes.subarray(0, bytes.length - Math.max(0, missing)), position);
    if (missing > 0) fail("ENOSPC");
  }

  // deno-lint-ignore require-await
  async truncate(sizeBytes: number): Promise<void> {
    this.#called("truncate");
    this.#node.resize(sizeBytes);
    this.#node.modifiedMs = this.#disk.nowMs;
  }

  // deno-lint-ignore require-await
  async setAttributes({ mode, modifiedMs }: { mode: number; modifiedMs: number }): Promise<void> {
    this.#called("setAttributes");
    this.#node.mode = mode;
    this.#node.modifiedMs = modifiedMs;
    this.#node.changedMs = this.#disk.nowMs;
  }

  async sync(): Promise<void> {
    await Promise.resolve();
    flush(this.#disk, this.#node, "sync");
  }

  async syncData(): Promise<void> {
    await Promise.resolve();
    flush(this.#disk, this.#node, "syncData");
  }

  // deno-lint-ignore require-await
  async tryLock(): Promise<boolean> {
    this.#called("tryLock");
    if (this.#node.isLocked) return false;
    this.#node.isLocked = this.#hasLock = true;
    return true;
  }

  close(): void {
    if (this.#isClosed) throw new Error("A file was closed twice");
    this.#isClosed = true;
    if (this.#hasLock) this.#node.isLocked = false;
    this.#disk.openHandles--;
  }

  #called(name: string, half?: () => void): void {
    if (this.#isClosed) throw new Error(`${name} on a closed file`);
    this.#disk.called(name, half);
  }

  #store(bytes: Uint8Array, position: number): void {
    this.#node.store(bytes, position);
    this.#node.modifiedMs = this.#node.changedMs = this.#disk.nowMs;
  }
}

function flush(disk: MemoryHost, node: MemoryNode, name: string): void {
  try {
    disk.called(name);
  } catch (error) {
    if (!(error instanceof StoppedError)) node.failToFlush();
    throw error;
  }
  node.flush();
}

const READ = 0o400;
const WRITE = 0o200;
const ENTER = 0o100;

/** The program owns everything and is not the superuser. */
function assertPermits({ mode }: MemoryNode, bits: number): void {
  if ((mode & bits) !== bits) fail("EACCES");
}

function memoryDirectory(directory: DiskDirectory): MemoryDirectory {
  if (directory instanceof MemoryDirectory) return directory;
  throw new TypeError("Expected a directory of the same disk");
}
