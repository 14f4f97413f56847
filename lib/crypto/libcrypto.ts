/**
 * Packet protection by the system's libcrypto.
 *
 * @module
 */
import type { AeadProvider } from "./aead.ts";

/** The provider of the system's libcrypto, or null where it cannot be used. */
export function openLibcrypto(): AeadProvider | null {
  return null;
}
