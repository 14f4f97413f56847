/**
 * Access codes: 40 random bits that people read aloud and type, such as `K7QF-9X2M`.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";

/** Crockford's base32: no I, L, O and U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LENGTH = 8;
/** Fixed codes may be longer: a phrase of letters and digits. */
const MAX_CODE_LENGTH = 128;

/** A fresh code, in the form that {@linkcode normalCode} gives. */
export function createCode(entropy: Entropy): string {
  const random = new Uint8Array(CODE_LENGTH);
  entropy.fill(random);
  return Array.from(random, (byte) => ALPHABET[byte & 31]!).join("");
}

/** A code as it is shown: `K7QF-9X2M`. */
export function formatCode(code: string): string {
  return code.match(/.{1,4}/g)?.join("-") ?? code;
}

/**
 * The one form of what somebody typed: capitals, O as 0, I and L as 1, without dashes and spaces. Null for
 * what cannot be a code: other characters, or fewer than eight letters and digits.
 */
export function normalCode(text: string): string | null {
  const code = text.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
  const isPossible = /^[0-9A-Z]+$/.test(code) && code.length >= CODE_LENGTH &&
    code.length <= MAX_CODE_LENGTH;
  return isPossible ? code : null;
}
