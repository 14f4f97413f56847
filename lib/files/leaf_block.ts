/**
 * A buffer for one leaf of a file. Where hashing takes long, the system's threads do it instead of the one
 * that moves packets.
 *
 * SHA-256 takes 0.6 s of every GiB. WebCrypto does it elsewhere, and the data lies behind room for the
 * leaf's prefix, so that both are hashed as one piece without another copy of ours.
 *
 * @module
 */
import {
  hashOfLeafTag,
  LEAF_BYTES,
  LEAF_PREFIX_BYTES,
  type LeafHasher,
  leafNonce,
  writeLeafPrefix,
} from "../crypto/mod.ts";

/** Less than this is hashed before another thread would have begun. */
const SHORT_BYTES = 64 * 1024;

const IS_EXTRACTABLE = false;
const NOTHING = new Uint8Array(0);

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
   * Hash of leaf `index` whose data are the first `length` bytes. The data is read or copied before this
   * returns its promise, so the block may be filled again at once.
   */
  async digest(hasher: LeafHasher, index: number, length: number): Promise<Uint8Array> {
    const data = this.data.subarray(0, length);
    if (hasher.isQuick || length <= SHORT_BYTES) return hasher.hash(index, data);
    if (hasher.key !== null) return hashOfLeafTag(await gmac(hasher.key, leafNonce(index), data));
    writeLeafPrefix(this.#bytes, index);
    const hashed = this.#bytes.subarray(0, LEAF_PREFIX_BYTES + length);
    return new Uint8Array(await crypto.subtle.digest("SHA-256", hashed));
  }
}

/** AES-128-GMAC by WebCrypto. */
async function gmac(
  key: Uint8Array,
  nonce: Uint8Array,
  data: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const additionalData = data.slice(); // importing the key takes a turn, and the block may change in it
  const { subtle } = crypto;
  const imported = await subtle.importKey("raw", key.slice(), "AES-GCM", IS_EXTRACTABLE, [
    "encrypt",
  ]);
  const cipher = { name: "AES-GCM", iv: nonce.slice(), additionalData };
  return new Uint8Array(await subtle.encrypt(cipher, imported, NOTHING));
}
