/**
 * Long-term keys: what a peer is recognised by.
 *
 * @module
 */
import type { Entropy } from "./entropy.ts";
import { sha256 } from "./hash.ts";
import { KEY_BYTES, publicKeyOf } from "./key_exchange.ts";

/** The X25519 key pair of a server or a user. */
export interface Identity {
  /** 32 secret bytes. */
  readonly privateKey: Uint8Array;
  /** 32 bytes, shown to every peer that completes a handshake. */
  readonly publicKey: Uint8Array;
}

/** A new identity. */
export function createIdentity(entropy: Entropy): Identity {
  const privateKey = new Uint8Array(KEY_BYTES);
  entropy.fill(privateKey);
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** The identity of a stored private key (32 bytes, copied). Throws `RangeError` for another length. */
export function identityFromPrivateKey(privateKey: Uint8Array): Identity {
  return { privateKey: privateKey.slice(), publicKey: publicKeyOf(privateKey) };
}

/**
 * A public key in the form people compare: `SHA256:` and 43 characters of base64, as ssh prints it.
 */
export function fingerprint(publicKey: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...sha256(publicKey)));
  return "SHA256:" + base64.replace(/=+$/, "");
}
