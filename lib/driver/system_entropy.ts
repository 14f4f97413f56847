import type { Entropy } from "../crypto/mod.ts";

/** Random bytes from the operating system, for any length. */
export const systemEntropy: Entropy = {
  fill(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; offset += LARGEST_REQUEST_BYTES) {
      const end = Math.min(offset + LARGEST_REQUEST_BYTES, bytes.length);
      crypto.getRandomValues(bytes.subarray(offset, end) as Uint8Array<ArrayBuffer>);
    }
  },
};

/** `getRandomValues` refuses more in one call (Web Cryptography API §10.1.1). */
const LARGEST_REQUEST_BYTES = 65_536;
