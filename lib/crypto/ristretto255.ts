/**
 * The group ristretto255 (RFC 9496), loaded only by whoever needs it.
 *
 * It is the one part of the cryptography that `node:crypto` does not have. Loading takes some ten
 * milliseconds, which a client without an access code never spends.
 *
 * @module
 */
import type { RistrettoPoint } from "./cpace.ts";

/** Maps and multiplies; elements in their 32-byte encoding. */
export interface Ristretto255 {
  /** The element derived from 64 uniform bytes, RFC 9496 §4.3.4. */
  derive(uniform: Uint8Array): RistrettoPoint;
  /** The element behind an encoding; null for bytes that encode none. */
  decode(encoded: Uint8Array): RistrettoPoint | null;
}

/** Loads the group's implementation. */
export function loadRistretto255(): Promise<Ristretto255> {
  return import("@noble/curves/ed25519.js").then(({ ristretto255, ristretto255_hasher }) => {
    const { Point } = ristretto255;
    type Point = InstanceType<typeof Point>;
    const wrap = (point: Point): RistrettoPoint => ({
      isIdentity: point.is0(),
      multiply: (scalar) => wrap(point.multiply(scalar)),
      encode: () => point.toBytes(),
    });
    return {
      derive: (uniform) => wrap(ristretto255_hasher.deriveToCurve!(uniform) as Point),
      decode: (encoded) => {
        try {
          return wrap(Point.fromBytes(encoded));
        } catch {
          return null; // not canonical, negative, or not on the curve
        }
      },
    };
  });
}
