/**
 * The providers of this machine, and what tests feed them with.
 *
 * @module
 */
import {
  type AeadKey,
  type AeadProvider,
  nodeAeadProvider,
  openLibcrypto,
  type SuiteName,
  SUITES,
} from "../../lib/crypto/mod.ts";

// Here and not inside a test: a library stays loaded, which the leak check of a test would object to.
/** The provider of the system's library, or null where it cannot be used. */
export const LIBCRYPTO = openLibcrypto();
/** Every provider that there is here. */
export const PROVIDERS: readonly AeadProvider[] = LIBCRYPTO === null
  ? [nodeAeadProvider]
  : [nodeAeadProvider, LIBCRYPTO];

/** A key that is the same every time. */
export function createKey(provider: AeadProvider, suite: SuiteName): AeadKey {
  return provider.createKey(suite, pattern(SUITES[suite].keyBytes), pattern(12));
}

/** Bytes that differ from their neighbours, the same for the same length. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8) + 7);
}

/** Bytes from their hexadecimal digits. */
export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}
