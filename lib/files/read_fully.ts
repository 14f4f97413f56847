import type { DiskFile } from "./disk.ts";

/** Fills `buffer` with what is at a position; returns how many bytes, fewer only at the end of the file. */
export async function readFully(
  file: DiskFile,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const count = await file.read(buffer.subarray(length), position + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}
