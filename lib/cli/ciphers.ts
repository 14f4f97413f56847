/**
 * Who does the ciphers of this process.
 *
 * @module
 */
import { type AeadProvider, LeafHashing, nodeAeadProvider, openLibcrypto } from "../crypto/mod.ts";
import { systemEntropy } from "../driver/mod.ts";

/** The system's libcrypto where it may and can be used, or what is always there. */
export function chooseAead({ ffi }: { readonly ffi: boolean }): AeadProvider {
  return (ffi ? openLibcrypto() : null) ?? nodeAeadProvider;
}

/** How this process hashes the files that it receives. */
export function chooseLeafHashing(options: { readonly ffi: boolean }): LeafHashing {
  return new LeafHashing({ aead: chooseAead(options), entropy: systemEntropy });
}
