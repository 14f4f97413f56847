/**
 * The SHA-256 of a file's bytes alone, as `sha256sum` prints it.
 *
 * @module
 */
import { LEAF_BYTES, Sha256 } from "../crypto/mod.ts";
import { FileError, type SourceFile } from "../files/mod.ts";

/**
 * Reads a whole source and hashes it. Lower-case hex.
 *
 * @param isStopped Asked between blocks; true ends the work, and the result is null.
 * @throws {FileError}
 */
export async function plainSha256(
  source: SourceFile,
  isStopped: () => boolean = () => false,
): Promise<string | null> {
  const { sizeBytes } = source.status;
  const buffer = new Uint8Array(Math.min(LEAF_BYTES, sizeBytes));
  const hash = new Sha256();
  for (let offset = 0; offset < sizeBytes;) {
    if (isStopped()) return null;
    const length = await source.readInto(buffer, offset);
    if (length === 0) throw new FileError("changed", "");
    hash.update(buffer.subarray(0, length));
    offset += length;
  }
  return hash.digest().toHex();
}
