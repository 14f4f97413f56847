/**
 * A short name for the content of a source, under which a receiver finds its unfinished part again.
 *
 * @module
 */
import { sha256 } from "../crypto/mod.ts";
import type { SourceFile } from "../files/mod.ts";

/** Length of a token: 128 bits in hex. */
export const SOURCE_TOKEN_LENGTH = 32;

/**
 * The token of a source: other when the file is another or was changed. Only a hint that resuming is
 * worth a try; the hashes decide. The identity itself stays here, it tells about the disk.
 */
export function sourceToken(source: SourceFile): string {
  return sha256(new TextEncoder().encode(source.identity)).toHex().slice(0, SOURCE_TOKEN_LENGTH);
}
