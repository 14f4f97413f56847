/**
 * A buffer for one leaf of a file, hashed by the system's threads instead of the one that moves packets.
 *
 * SHA-256 takes 0.6 s of every GiB. WebCrypto does it elsewhere, and the data lies behind room for the
 * leaf's prefix, so that both are hashed as one piece without another copy of ours.
 *
 * @module
 */
import { LEAF_BYTES, LEAF_PREFIX_BYTES, leafHash, writeLeafPrefix } from "../crypto/mod.ts";

/** Less than this is hashed before another thread would have begun. */
const SHORT_BYTES = 64 * 1024;

/** Room for one leaf. */
export class LeafBlock {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** The leaf's data, 1 MiB or as much as was asked for. */
  readonly data: Uint8Array<ArrayBuffer>;

  /** Allocates `capacityBytes` for data; no more than a leaf. */
  constructor(capacityBytes: number = LEAF_BYTES) {
    this.#bytes = new Uint8Array(LEAF_PREFIX_BYTES + Math.min(capacityBytes, LEAF_BYTES));
    this.data = this.#bytes.subarray(LEAF_PREFIX_BYTES);
  }

  /**
   * Hash of leaf `index` whose data are the first `length` bytes. The data is copied before this returns
   * its promise, so the block may be filled again at once.
   */
  async digest(index: number, length: number): Promise<Uint8Array> {
    if (length <= SHORT_BYTES) return leafHash(index, this.data.subarray(0, length));
    writeLeafPrefix(this.#bytes, index);
    const hashed = this.#bytes.subarray(0, LEAF_PREFIX_BYTES + length);
    return new Uint8Array(await crypto.subtle.digest("SHA-256", hashed));
  }
}
