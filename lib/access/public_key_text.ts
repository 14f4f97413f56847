/**
 * Public keys in files: base64 of the 32 bytes.
 *
 * @module
 */

const KEY_BYTES = 32;

/** The text of a key. */
export function publicKeyText(key: Uint8Array): string {
  return key.toBase64();
}

/** The key behind a text; null when it is none. */
export function publicKeyFromText(text: string): Uint8Array | null {
  try {
    const key = Uint8Array.fromBase64(text);
    return key.length === KEY_BYTES ? key : null;
  } catch {
    return null;
  }
}
