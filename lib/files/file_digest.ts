/**
 * Hashes of files that are on the disk.
 *
 * @module
 */
import { LEAF_BYTES, leafHash, Sha256 } from "../crypto/mod.ts";
import type { SourceFile } from "./source_file.ts";

/** How {@linkcode digestFile} reports and stops. */
export interface DigestOptions {
  /** Ends the work; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Told after each MiB. */
  readonly onProgress?: (hashedBytes: number) => void;
}

/** The plain SHA-256 of a file, 32 bytes: what `sha256sum` prints in hexadecimal. */
export async function digestFile(
  source: SourceFile,
  options: DigestOptions = {},
): Promise<Uint8Array> {
  const hash = new Sha256();
  const buffer = new Uint8Array(bufferLength(source));
  let offset = 0;
  while (offset < source.status.sizeBytes) {
    options.signal?.throwIfAborted();
    const count = await source.readInto(buffer, offset);
    hash.update(buffer.subarray(0, count));
    offset += count;
    options.onProgress?.(offset);
  }
  return hash.digest();
}

/**
 * Hashes of the leaves `from` (included) to `to` (not included), a short last one too; fewer when
 * the file ends before.
 */
export async function digestLeaves(
  source: SourceFile,
  range: { readonly from: number; readonly to: number },
  options: DigestOptions = {},
): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  const buffer = new Uint8Array(bufferLength(source));
  for (let index = range.from; index < range.to; index++) {
    options.signal?.throwIfAborted();
    const count = await source.readInto(buffer, index * LEAF_BYTES);
    if (count === 0) break;
    leaves.push(leafHash(index, buffer.subarray(0, count)));
    options.onProgress?.(leaves.length * LEAF_BYTES);
  }
  return leaves;
}

/** One leaf at a time: reading happens on another thread, hashing one takes 0.6 ms on this one. */
function bufferLength(source: SourceFile): number {
  return Math.min(LEAF_BYTES, source.status.sizeBytes);
}
