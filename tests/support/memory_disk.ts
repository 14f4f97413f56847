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
import type { Disk, DiskDirectory, NodeKind, NodeStatus } from "../../lib/files/mod.ts";
import { type DiskFaults, fail, FaultyCalls } from "./faulty_calls.ts";
import { MemoryDirectory, type MemoryHost } from "./memory_handles.ts";
import { MemoryNode, mixed, usedBelow } from "./memory_node.ts";

/** See the module. All paths of its own methods are absolute, `/` being where it begins. */
export class MemoryDisk implements Disk, MemoryHost {
  readonly umask = 0o022;
  /** Bytes that all files on its first file system together may have. */
  capacityBytes = Infinity;
  /** The same for each other one. */
  mountedCapacityBytes = Infinity;
  /** It has a call that flushes everything. */
  canFlushAll = false;
  /** The time that changes get. */
  nowMs = 1_000_000;
  /** Handles not yet closed. */
  openHandles = 0;
  readonly #calls = new FaultyCalls();
  #nextInode = 2;
  #root: MemoryNode;

  constructor() {
    this.#root = new MemoryNode("directory", 1, 1, 0o755, this.nowMs);
  }

  // ---- what tests do

  /** Says what is to go wrong; calls are counted from now on. */
  set faults(faults: DiskFaults) {
    this.#calls.expect(faults);
  }

  /** Names of the calls so far. */
  get calls(): string[] {
    return this.#calls.names;
  }

  /** Told of every call before it does anything: what other programs do in between. */
  get onCall(): (name: string) => void {
    return this.#calls.onCall;
  }

  set onCall(listener: (name: string) => void) {
    this.#calls.onCall = listener;
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
      const entries = new Map<string, MemoryNode>();
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
    const seen = new Set<MemoryNode>();
    const each = (node: MemoryNode, act: (node: MemoryNode) => void) => {
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
    this.#calls.on(name, half);
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
  newNode(kind: NodeKind, device: number, mode: number): MemoryNode {
    return this.#newNode(kind, device, mode);
  }

  #newNode(kind: NodeKind, device: number, mode: number): MemoryNode {
    return new MemoryNode(kind, device, this.#nextInode++, mode, this.nowMs);
  }

  #find(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.#root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      node = node?.entries.get(name);
    }
    return node;
  }

  #makeParents(
    path: string,
    duration: "durably" | "until the power fails" = "durably",
  ): { parent: MemoryNode; name: string } {
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
    choose: (node: MemoryNode) => { content: Uint8Array; entries: Map<string, MemoryNode> },
  ): MemoryDisk {
    const next = new MemoryDisk();
    next.nowMs = this.nowMs;
    next.#nextInode = this.#nextInode;
    const copies = new Map<MemoryNode, MemoryNode>();
    const copy = (node: MemoryNode): MemoryNode => {
      const known = copies.get(node);
      if (known !== undefined) {
        known.linkCount++;
        return known;
      }
      const twin = new MemoryNode(node.kind, node.device, node.inode, node.mode, node.modifiedMs);
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
