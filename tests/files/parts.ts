/**
 * Files as they are received in these tests, small and big, into a folder in memory.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES, type LeafHashing, plainLeafHashing } from "../../lib/crypto/mod.ts";
import {
  FileError,
  type FileErrorKind,
  FileRoot,
  type PartialFile,
  type PartialOptions,
  REMOTE_ROOT,
  type RemotePath,
  resolveRemotePath,
} from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { rootOf } from "../support/root_of.ts";

export { rootOf } from "../support/root_of.ts";

/** Where the parts of the root are. */
export const STAGING = "/r/.~ft-staging";

/** A file of several leaves. */
export const BIG = pattern(3 * LEAF_BYTES + 1000);

/** A file of one leaf. */
export const SMALL = pattern(4096);

/** An empty folder in memory. */
export async function openMemoryRoot(
  leafHashing: LeafHashing = plainLeafHashing,
): Promise<{ disk: MemoryDisk; root: FileRoot }> {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  const root = await FileRoot.open("/r", { disk, leafHashing });
  return { disk, root };
}

/** Receives a whole file. */
export async function put(
  root: FileRoot,
  name: string,
  content: Uint8Array,
  opened: PartialOptions = options(content),
): Promise<void> {
  if (name.includes("/")) await root.makeDirectory(at(name.split("/")[0]!), { parents: true });
  const part = await root.openPartial(at(name), opened);
  await writeAll(part, content.subarray(part.resumeOffset));
  await part.commit(rootOf(content));
}

/** In pieces of uneven size, from one buffer that is reused: as they come from a stream. */
export async function writeAll(part: PartialFile, content: Uint8Array): Promise<void> {
  const buffer = new Uint8Array(100_003);
  for (let offset = 0; offset < content.length; offset += buffer.length) {
    const piece = content.subarray(offset, offset + buffer.length);
    buffer.set(piece);
    await part.write(buffer.subarray(0, piece.length));
    buffer.fill(0xff);
  }
}

/** What a sender says of some content. */
export function options(content: Uint8Array): PartialOptions {
  return {
    sizeBytes: content.length,
    modifiedMs: 1_700_000_000_000,
    mode: 0o644,
    exists: "overwrite",
    sourceToken: "token",
  };
}

/** Bytes that repeat nowhere soon. */
export function pattern(length: number, seed = 1): Uint8Array {
  const result = new Uint8Array(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fff_ffff;
    result[at] = state >> 16;
  }
  return result;
}

/** A text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A path below the root. */
export function at(text: string): RemotePath {
  return resolveRemotePath(REMOTE_ROOT, text);
}

/** Fails unless the call fails in this way. */
export async function rejectsWith(
  kind: FileErrorKind,
  call: () => Promise<unknown>,
): Promise<FileError> {
  const error = await assertRejects(call, FileError);
  assertEquals(error.kind, kind);
  return error;
}
