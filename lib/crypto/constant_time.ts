/**
 * Comparison of secrets.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";

/**
 * Whether two byte strings are equal, in a time that depends only on their lengths. For tags, tokens,
 * cookies and everything else an attacker may try byte by byte.
 */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
