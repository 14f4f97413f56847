/**
 * The shape of a source of randomness. The protocol is handed one, so that a whole connection can be
 * replayed from a seed; the real one belongs to the driver.
 *
 * @module
 */

/** Where unpredictable bytes come from. */
export interface Entropy {
  /** Overwrites all of `bytes` with unpredictable bytes. */
  fill(bytes: Uint8Array): void;
}
