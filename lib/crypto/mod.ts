/**
 * Keys in, bytes out, all synchronous: packet protection, key schedule, handshake, identities, hashes.
 *
 * @module
 */
export type { Entropy } from "./entropy.ts";
export {
  type AeadKey,
  type AeadProvider,
  type Gmac,
  NONCE_BYTES,
  type Suite,
  type SuiteName,
  SUITES,
  TAG_BYTES,
} from "./aead.ts";
export { nodeAeadProvider } from "./node_aead.ts";
export { openLibcrypto } from "./libcrypto.ts";
export { nextSecret, packetKeys } from "./key_schedule.ts";
export { HandshakeError, NoiseHandshake, type NoiseOptions } from "./noise.ts";
export { createIdentity, fingerprint, type Identity, identityFromPrivateKey } from "./identity.ts";
export { constantTimeEqual } from "./constant_time.ts";
export { Cpace, type CpaceKeys, type CpaceOptions, type RistrettoPoint } from "./cpace.ts";
export { loadRistretto255, type Ristretto255 } from "./ristretto255.ts";
export { HASH_BYTES, Sha256, sha256 } from "./hash.ts";
export {
  hashOfLeafTag,
  LEAF_SCHEME_BYTES,
  type LeafHasher,
  LeafHashing,
  type LeafHashingOptions,
  leafNonce,
  type PassingLeaves,
  plainLeafHashing,
  plainLeaves,
} from "./leaf_hashing.ts";
export {
  LEAF_BYTES,
  LEAF_PREFIX_BYTES,
  leafHash,
  LeafTree,
  treeRoot,
  writeLeafPrefix,
} from "./tree_hash.ts";
