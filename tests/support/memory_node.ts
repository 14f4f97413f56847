/**
 * A file or folder in memory, as it is and as it would be after a power loss.
 *
 * @module
 */
import type { NodeKind, OpenFileStatus } from "../../lib/files/mod.ts";

const BLOCK_BYTES = 4096;

/** A file, a folder or anything else. */
export class MemoryNode {
  readonly kind: NodeKind;
  readonly device: number;
  readonly inode: number;
  mode: number;
  modifiedMs: number;
  changedMs: number;
  content = new Uint8Array(0);
  durableContent = new Uint8Array(0);
  readonly dirtyBlocks = new Set<number>();
  entries = new Map<string, MemoryNode>();
  durableEntries = new Map<string, MemoryNode>();
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

  /** Writes bytes, which a power loss may forget block by block. */
  store(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.content.length) this.resize(end);
    this.content.set(bytes, position);
    for (let at = position - position % BLOCK_BYTES; at < end; at += BLOCK_BYTES) {
      this.dirtyBlocks.add(at / BLOCK_BYTES);
    }
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
export function mixed(
  { content, durableContent }: MemoryNode,
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

/** Bytes of all files below a folder, on one file system or on all. */
export function usedBelow(node: MemoryNode, device: number | null, seen: Set<MemoryNode>): number {
  if (seen.has(node)) return 0;
  seen.add(node);
  let used = device === null || node.device === device ? node.content.length : 0;
  for (const child of node.entries.values()) used += usedBelow(child, device, seen);
  return used;
}
