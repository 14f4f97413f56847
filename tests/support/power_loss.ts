/**
 * What a power loss leaves of that which was not flushed.
 *
 * @module
 */

/** 0: nothing that was not flushed survives; 1: everything does; else a seeded mixture. */
export function chances(seed: number): () => number {
  if (seed < 2) return () => seed;
  let state = seed;
  return () => (state = Math.imul(state, 48271) & 0x7fff_ffff) / 0x8000_0000;
}
