/**
 * A disk in memory that fails on purpose.
 *
 * It forgets what a real disk may forget: after {@linkcode MemoryDisk.afterPowerLoss} every block
 * that was not flushed, every length and every name is, independently, the old or the new one. It
 * counts its calls, fails or stops at a chosen one, and knows how many handles are open. It heeds the
 * permission bits of the owner.
 *
 * @module
 */
import type {
  Disk,
  DiskDirectory,
  DiskFile,
  DiskSpace,
  ListedNode,
  NodeKind,
  NodeStatus,
  OpenFileOptions,
  OpenFileStatus,
} from "../../lib/files/mod.ts";

const BLOCK_BYTES = 4096;

/** Thrown by every call from the one at which the simulated program was stopped. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

class Node {
  readonly kind: NodeKind;
  readonly device: number;
  readonly inode: number;
  mode: number;
  modifiedMs: number;
  changedMs: number;
  content = new Uint8Array(0);
  durableContent = new Uint8Array(0);
  readonly dirtyBlocks = new Set<number>();
  entries = new Map<string, Node>();
  durableEntries = new Map<string, Node>();
  linkCount = 1;
  /** A folder without a name: nothing can be made in it any more. */
  isRemoved = false;
  isLocked = false;

  constructor(kind: NodeKind, device: number, inode: number, mode: number, nowMs: number) {
    this.kind = kind;
    this.device = device;
    this.inode = inode;
    this.mode = mode;
    this.modifiedMs = this.changedMs = nowMs;
  }

  status(): OpenFileStatus {
    const { kind, mode, device, modifiedMs, changedMs, linkCount } = this;
    const nodeId = `${device}:${this.inode}`;
    const contentVersion = `${nodeId}:${this.content.length}:${modifiedMs}`;
    return {
      kind,
      sizeBytes: this.content.length,
      modifiedMs,
      changedMs,
      mode,
      device,
      nodeId,
      linkCount,
      contentVersion,
      version: `${contentVersion}:${changedMs}`,
    };
  }

  resize(sizeBytes: number): void {
    const content = new Uint8Array(sizeBytes);
    content.set(this.content.subarray(0, sizeBytes));
    this.content = content;
  }

  /** What a flush does. */
  flush(): void {
    const { length } = this.content;
    this.durableContent = mixed(this, length, (block) => this.dirtyBlocks.has(block));
    this.durableEntries = new Map(this.entries);
    this.dirtyBlocks.clear();
  }

  /** What a flush that fails does on Linux: the blocks count as written and are not. */
  failToFlush(): void {
    this.dirtyBlocks.clear();
  }
}

/** Content of a length whose blocks are the new ones where `isNew` says so, else the durable ones. */
function mixed(
  { content, durableContent }: Node,
  length: number,
  isNew: (block: number) => boolean,
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length);
  result.set(durableContent.subarray(0, length));
  for (let block = 0; block * BLOCK_BYTES < length; block++) {
    if (!isNew(block)) continue;
    const start = block * BLOCK_BYTES;
    result.set(content.subarray(start, Math.min(start + BLOCK_BYTES, length)), start);
  }
  return result;
}

/** What goes wrong, and when; calls are counted from 1. */
export interface DiskFaults {
  /** The call that fails. */
  failAt?: number;
  /** The code it fails with, EIO by default. */
  failCode?: string;
  /** Only calls of these names fail, and only they are counted for `failAt`. */
  failOnly?: readonly string[];
  /** The call at which the program is killed: a write is half done, anything else is not. */
  stopAt?: number;
}

/** See the module. All paths of its own methods are absolute, `/` being where it begins. */
export class MemoryDisk implements Disk {
  readonly umask = 0o022;
  /** Bytes that all files on its first file system together may have. */
  capacityBytes = Infinity;
  /** The same for each other one. */
  mountedCapacityBytes = Infinity;
  /** It has a call that flushes everything. */
  canFlushAll = false;
  /** The time that changes get. */
  nowMs = 1_000_000;
  /** Names of the calls so far. */
  readonly calls: string[] = [];
  /** Told of every call before it does anything: what other programs do in between. */
  onCall: (name: string) => void = () => {};
  /** Handles not yet closed. */
  openHandles = 0;
  #faults: DiskFaults = {};
  #counted = 0;
  #failable = 0;
  #isStopped = false;
  #nextInode = 2;
  #root: Node;

  constructor() {
    this.#root = new Node("directory", 1, 1, 0o755, this.nowMs);
  }

  // ---- what tests do

  /** Says what is to go wrong; calls are counted from now on. */
  set faults(faults: DiskFaults) {
    this.#faults = faults;
    this.#counted = this.#failable = 0;
  }

  /** Puts a file there, durably, with the folders above it. */
  putFile(path: string, content: Uint8Array): void {
    const { parent, name } = this.#makeParents(path);
    const node = this.#newNode("file", parent.device, 0o644);
    node.content = content.slice();
    node.durableContent = content.slice();
    parent.entries.set(name, node);
    parent.durableEntries.set(name, node);
  }

  /** Puts anything else there, durably. */
  putNode(path: string, kind: NodeKind, options: { device?: number } = {}): void {
    const { parent, name } = this.#makeParents(path);
    const node = this.#newNode(kind, options.device ?? parent.device, 0o755);
    parent.entries.set(name, node);
    parent.durableEntries.set(name, node);
  }

  /** Changes a file in place, as another program would. */
  rewriteFile(path: string, content: Uint8Array): void {
    const node = this.#find(path)!;
    node.content = content.slice();
    node.modifiedMs = node.changedMs = this.nowMs;
  }

  /** Removes an empty folder, as another program would; does nothing when it is not there or not empty. */
  removeIfEmpty(path: string): void {
    const { parent, name } = this.#makeParents(path);
    const node = parent.entries.get(name);
    if (node === undefined || node.entries.size > 0) return;
    parent.entries.delete(name);
    node.isRemoved = true;
  }

  /** Removes a file, as another program would. */
  removeFile(path: string): void {
    const { parent, name } = this.#makeParents(path);
    parent.entries.delete(name);
  }

  /** The content of a file, or `null`. */
  contentOf(path: string): Uint8Array | null {
    return this.#find(path)?.content ?? null;
  }

  /** What is known of a path, or `null`. */
  statusOf(path: string): NodeStatus | null {
    return this.#find(path)?.status() ?? null;
  }

  /** The names in a folder, sorted; none when there is no folder. */
  namesIn(path: string): string[] {
    return [...this.#find(path)?.entries.keys() ?? []].sort();
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    return usedBelow(this.#root, null, new Set());
  }

  /** The disk as the next program finds it after this one was killed. */
  afterKill(): MemoryDisk {
    return this.#succeed((node) => ({ content: node.content, entries: node.entries }));
  }

  /** The disk as it may be after the power failed; `chance` decides what survived (below ½: lost). */
  afterPowerLoss(chance: () => number): MemoryDisk {
    return this.#succeed((node) => {
      const survives = () => chance() >= 0.5;
      const { length } = survives() ? node.content : node.durableContent;
      const content = mixed(node, length, (block) => node.dirtyBlocks.has(block) && survives());
      const names = new Set([...node.entries.keys(), ...node.durableEntries.keys()]);
      const entries = new Map<string, Node>();
      for (const name of names) {
        const found = (survives() ? node.entries : node.durableEntries).get(name);
        if (found !== undefined) entries.set(name, found);
      }
      return { content, entries };
    });
  }

  // ---- Disk

  absolutePath(path: string): string {
    return path.startsWith("/") ? path : `/${path}`;
  }

  // deno-lint-ignore require-await
  async openRoot(path: string, { create }: { create: boolean }): Promise<DiskDirectory> {
    this.called("openRoot");
    if (create) this.#makeParents(`${path}/x`, "until the power fails");
    const node = this.#find(path) ?? fail("ENOENT");
    if (node.kind !== "directory") fail("ENOTDIR");
    return new MemoryDirectory(this, node);
  }

  /** Flushes everything; null unless {@linkcode canFlushAll}. */
  flushAll(): Promise<void> | null {
    return this.canFlushAll ? this.#flushAll() : null;
  }

  async #flushAll(): Promise<void> {
    await Promise.resolve();
    const seen = new Set<Node>();
    const each = (node: Node, act: (node: Node) => void) => {
      if (seen.has(node)) return;
      seen.add(node);
      act(node);
      for (const child of node.entries.values()) each(child, act);
    };
    this.called("syncFileSystem");
    each(this.#root, (node) => node.flush());
  }

  // ---- what handles need

  /** Counts a call and lets it fail; `half` is what a killed program still did. */
  called(name: string, half?: () => void): void {
    if (this.#isStopped) throw new StoppedError();
    this.calls.push(name);
    this.onCall(name);
    const { failAt, failCode = "EIO", failOnly, stopAt } = this.#faults;
    if (++this.#counted === stopAt) {
      half?.();
      this.#isStopped = true;
      throw new StoppedError();
    }
    if (failOnly !== undefined && !failOnly.includes(name)) return;
    if (++this.#failable === failAt) fail(failCode);
  }

  /** Bytes left on a file system. */
  freeBytesOn(device: number): number {
    return this.capacityOf(device) - usedBelow(this.#root, device, new Set());
  }

  /** Bytes of all of a file system. */
  capacityOf(device: number): number {
    return device === this.#root.device ? this.capacityBytes : this.mountedCapacityBytes;
  }

  /** A node that nobody has yet. */
  newNode(kind: NodeKind, device: number, mode: number): Node {
    return this.#newNode(kind, device, mode);
  }

  #newNode(kind: NodeKind, device: number, mode: number): Node {
    return new Node(kind, device, this.#nextInode++, mode, this.nowMs);
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      node = node?.entries.get(name);
    }
    return node;
  }

  #makeParents(
    path: string,
    duration: "durably" | "until the power fails" = "durably",
  ): { parent: Node; name: string } {
    const names = path.split("/").filter((part) => part !== "");
    const name = names.pop()!;
    let parent = this.#root;
    for (const step of names) {
      let next = parent.entries.get(step);
      if (next === undefined) {
        next = this.#newNode("directory", parent.device, 0o755);
        parent.entries.set(step, next);
        if (duration === "durably") parent.durableEntries.set(step, next);
      }
      parent = next;
    }
    return { parent, name };
  }

  #succeed(
    choose: (node: Node) => { content: Uint8Array; entries: Map<string, Node> },
  ): MemoryDisk {
    const next = new MemoryDisk();
    next.nowMs = this.nowMs;
    next.#nextInode = this.#nextInode;
    const copies = new Map<Node, Node>();
    const copy = (node: Node): Node => {
      const known = copies.get(node);
      if (known !== undefined) {
        known.linkCount++;
        return known;
      }
      const twin = new Node(node.kind, node.device, node.inode, node.mode, node.modifiedMs);
      copies.set(node, twin);
      twin.changedMs = node.changedMs;
      const { content, entries } = choose(node);
      twin.content = content.slice();
      twin.durableContent = content.slice();
      for (const [name, child] of entries) {
        const childTwin = copy(child);
        twin.entries.set(name, childTwin);
        twin.durableEntries.set(name, childTwin);
      }
      return twin;
    };
    next.#root = copy(this.#root);
    return next;
  }
}

class MemoryDirectory implements DiskDirectory {
  readonly #disk: MemoryDisk;
  readonly #node: Node;
  #isClosed = false;

  constructor(disk: MemoryDisk, node: Node) {
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

  #child(name: string): Node {
    assertPermits(this.#node, ENTER);
    return this.#node.entries.get(name) ?? fail("ENOENT");
  }

  #set(name: string, node: Node): void {
    if (this.#node.isRemoved) fail("ENOENT");
    assertPermits(this.#node, WRITE);
    this.#node.entries.set(name, node);
    this.#node.modifiedMs = this.#node.changedMs = this.#disk.nowMs;
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk;
  readonly #node: Node;
  #hasLock = false;
  #isClosed = false;

  constructor(disk: MemoryDisk, node: Node) {
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
    const node = this.#node;
    const end = position + bytes.length;
    if (end > node.content.length) node.resize(end);
    node.content.set(bytes, position);
    for (let at = position - position % BLOCK_BYTES; at < end; at += BLOCK_BYTES) {
      node.dirtyBlocks.add(at / BLOCK_BYTES);
    }
    node.modifiedMs = node.changedMs = this.#disk.nowMs;
  }
}

function flush(disk: MemoryDisk, node: Node, name: string): void {
  try {
    disk.called(name);
  } catch (error) {
    if (!(error instanceof StoppedError)) node.failToFlush();
    throw error;
  }
  node.flush();
}

/** On one file system, or on all. */
function usedBelow(node: Node, device: number | null, seen: Set<Node>): number {
  if (seen.has(node)) return 0;
  seen.add(node);
  let used = device === null || node.device === device ? node.content.length : 0;
  for (const child of node.entries.values()) used += usedBelow(child, device, seen);
  return used;
}

const READ = 0o400;
const WRITE = 0o200;
const ENTER = 0o100;

/** The program owns everything and is not the superuser. */
function assertPermits({ mode }: Node, bits: number): void {
  if ((mode & bits) !== bits) fail("EACCES");
}

function memoryDirectory(directory: DiskDirectory): MemoryDirectory {
  if (directory instanceof MemoryDirectory) return directory;
  throw new TypeError("Expected a directory of the same disk");
}

function fail(code: string): never {
  throw Object.assign(new Error(`${code}: injected or natural`), { code });
}
