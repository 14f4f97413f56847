/**
 * How the leaves of a file are hashed while it is moved, and how one side tells the other.
 *
 * ```text
 * plain leaf = SHA-256(00 ‖ u64 leaf index ‖ up to 1 MiB of data)
 * keyed leaf = SHA-256(03 ‖ GMAC of the data)      AES-128-GMAC (NIST SP 800-38D), nonce: index, 96 bits
 * scheme     = u8 kind ‖ key (16 bytes; zeros for plain leaves)
 * ```
 *
 * SHA-256 takes 0.6 s of processor time for every GiB on either side, as much as everything else that
 * Ferry itself does for it; GMAC takes 0.12 s where the processor multiplies polynomials. It is no hash:
 * who knows the key makes as many files of one tag as he likes. So the key is made for one file by the
 * side that receives it, told to the one that sends it under the connection's encryption, and kept in the
 * journal of the unfinished file only. Whoever wrote what the file holds has never seen it, and for him, as
 * for an accident, the chance of another leaf with the same tag is below 2^-111.
 *
 * The sender knows the key, and may send what he likes anyway; but what he sent must not pass for what another
 * one has. So an unfinished file that goes on with another peer is hashed anew, with a new key. A leaf may come
 * again with other content under the same key and nonce, as GMAC forbids: that tells the key to whoever sees
 * both tags, and only the two who know it see any, as hashes, encrypted.
 *
 * @module
 */
import { ByteWriter } from "../bytes/byte_writer.ts";
import { InternalError } from "../bytes/invariant.ts";
import type { AeadProvider, Gmac } from "./aead.ts";
import type { Entropy } from "./entropy.ts";
import { sha256 } from "./hash.ts";
import { nodeAeadProvider } from "./node_aead.ts";
import { leafHash } from "./tree_hash.ts";

/** Length of a scheme. */
export const LEAF_SCHEME_BYTES = 17;

/** Length of the key of keyed leaves. */
const KEY_BYTES = LEAF_SCHEME_BYTES - 1;

/** Hashes the leaves of one file. */
export interface LeafHasher {
  /** Says how, 17 bytes. Holds the key: for the other side and the own journal, and nobody else. */
  readonly scheme: Uint8Array;
  /** The key of keyed leaves, 16 bytes; null for plain ones. */
  readonly key: Uint8Array | null;
  /** A leaf takes less time than giving it to another thread does. */
  readonly isQuick: boolean;
  /** The hash of leaf `index`, 32 bytes; `data` is at most 1 MiB. */
  hash(index: number, data: Uint8Array): Uint8Array;
  /** Hashes leaves as their bytes pass; null where leaves are better hashed as a whole, elsewhere. */
  passing(): PassingLeaves | null;
}

/** Hashes one leaf after the other, piece by piece: while the bytes are in the processor's caches anyway. */
export interface PassingLeaves {
  /** Takes the next bytes of leaf `index`: the one that was begun, or another one when none is. */
  update(index: number, bytes: Uint8Array): void;
  /** Ends the leaf: its hash, 32 bytes. */
  finish(): Uint8Array;
  /** Frees what it holds outside the heap; nothing may follow. */
  close(): void;
}

/** Plain leaves: of files that have no other, and for who knows nothing else. */
export const plainLeaves: LeafHasher = {
  scheme: new Uint8Array(LEAF_SCHEME_BYTES),
  key: null,
  isQuick: false,
  hash: leafHash,
  passing: () => null,
};

/** What {@linkcode LeafHashing} works with. */
export interface LeafHashingOptions {
  /** Does the ciphers. */
  readonly aead: AeadProvider;
  /** Where keys come from. */
  readonly entropy: Entropy;
}

/** Makes the hashers of a program. */
export class LeafHashing {
  readonly #aead: AeadProvider;
  readonly #entropy: Entropy;

  /** Makes none yet. */
  constructor({ aead, entropy }: LeafHashingOptions) {
    this.#aead = aead;
    this.#entropy = entropy;
  }

  /** A hasher for a file of which nothing is here yet: with a key of its own where that is quick. */
  fresh(): LeafHasher {
    if (!this.#aead.isQuickWithLeaves) return plainLeaves;
    const key = new Uint8Array(KEY_BYTES);
    this.#entropy.fill(key);
    return new KeyedLeaves(key, this.#aead);
  }

  /** The hasher that a scheme tells of; null for none that is known. */
  of(scheme: Uint8Array): LeafHasher | null {
    if (scheme.length !== LEAF_SCHEME_BYTES) return null;
    const key = scheme.slice(1);
    switch (scheme[0]) {
      case PLAIN:
        return key.every((byte) => byte === 0) ? plainLeaves : null;
      case KEYED:
        return new KeyedLeaves(key, this.#aead);
      default:
        return null;
    }
  }
}

/** For who proposes no keys; reads keyed leaves all the same. */
export const plainLeafHashing: LeafHashing = new LeafHashing({
  aead: nodeAeadProvider,
  entropy: {
    fill: () => {
      throw new InternalError("Keys of leaves need a source of randomness");
    },
  },
});

const PLAIN = 0;
const KEYED = 1;

class KeyedLeaves implements LeafHasher {
  readonly scheme: Uint8Array;
  readonly key: Uint8Array;
  readonly #aead: AeadProvider;

  constructor(key: Uint8Array, aead: AeadProvider) {
    this.scheme = new ByteWriter(LEAF_SCHEME_BYTES).u8(KEYED).bytes(key).finish();
    this.key = key;
    this.#aead = aead;
  }

  get isQuick(): boolean {
    return this.#aead.isQuickWithLeaves;
  }

  hash(index: number, data: Uint8Array): Uint8Array {
    const leaves = this.#passing();
    try {
      leaves.update(index, data);
      return leaves.finish();
    } finally {
      leaves.close();
    }
  }

  passing(): PassingLeaves | null {
    return this.isQuick ? this.#passing() : null;
  }

  #passing(): PassingLeaves {
    return new PassingKeyedLeaves(this.key, this.#aead.createGmac());
  }
}

class PassingKeyedLeaves implements PassingLeaves {
  readonly #key: Uint8Array;
  readonly #gmac: Gmac;
  #isBegun = false;

  constructor(key: Uint8Array, gmac: Gmac) {
    this.#key = key;
    this.#gmac = gmac;
  }

  update(index: number, bytes: Uint8Array): void {
    if (!this.#isBegun) this.#gmac.start(this.#key, leafNonce(index));
    this.#isBegun = true;
    this.#gmac.update(bytes);
  }

  finish(): Uint8Array {
    this.#isBegun = false;
    return hashOfLeafTag(this.#gmac.tag());
  }

  close(): void {
    this.#gmac.destroy();
  }
}

/** The nonce of a keyed leaf, 12 bytes. */
export function leafNonce(index: number): Uint8Array {
  return new ByteWriter(12).u32(0).u64(index).finish();
}

/** The hash of a keyed leaf, given the tag of its data. */
export function hashOfLeafTag(tag: Uint8Array): Uint8Array {
  return sha256(TAGGED, tag);
}

const TAGGED = Uint8Array.of(3);
