/**
 * Makes files to move and tells whether two are equal, without any of the program's own code.
 *
 * @module
 */
import { createHash, randomFillSync } from "node:crypto";

const BLOCK_BYTES = 1 << 20;

/** Writes a file of random bytes: nothing on the way can compress or guess it. */
export async function writeRandomFile(path: string, sizeBytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const block = new Uint8Array(BLOCK_BYTES);
  for (let written = 0; written < sizeBytes;) {
    randomFillSync(block);
    written += await file.write(block.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - written)));
  }
}

/** The SHA-256 of a file in hexadecimal, as `sha256sum` prints it. */
export async function sha256File(path: string): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  const block = new Uint8Array(BLOCK_BYTES);
  for (let length = await file.read(block); length !== null; length = await file.read(block)) {
    hash.update(block.subarray(0, length));
  }
  return hash.digest("hex");
}
