/**
 * What a program above the transport tells about itself in the handshake, one bit each.
 *
 * @module
 */
import type { Role } from "../request/mod.ts";

/** The bits. */
export const FEATURES = {
  /** It reads what limited a transfer, where the formats leave that open. */
  limits: 1,
  /** A server: whoever comes may read. */
  anyoneReads: 2,
  /** A server: whoever comes may write too. */
  anyoneWrites: 4,
  /** It knows what is there already: as a sender it compares all of a claim first when it is asked to. */
  knowsHeld: 8,
  /** It reads how the leaves of a large file are hashed, where the formats leave that open. */
  leafSchemes: 16,
  /** A server: it reads and writes compressed streams. */
  compression: 32,
} as const;

/** Whether the other side reads what limited a transfer. */
export function readsLimits(peerFeatures: number): boolean {
  return has(peerFeatures, FEATURES.limits);
}

/** Whether the other side knows what is there already. */
export function knowsHeld(peerFeatures: number): boolean {
  return has(peerFeatures, FEATURES.knowsHeld);
}

/** Whether the other side reads how leaves are hashed. */
export function readsLeafSchemes(peerFeatures: number): boolean {
  return has(peerFeatures, FEATURES.leafSchemes);
}

/** Whether a server reads and writes compressed streams. */
export function readsCompressed(serverFeatures: number): boolean {
  return has(serverFeatures, FEATURES.compression);
}

/** The features of a server that lets anybody in with this role. */
export function featuresForAnyone(role: Role): number {
  switch (role) {
    case "none":
      return 0;
    case "read-only":
      return FEATURES.anyoneReads;
    default:
      return FEATURES.anyoneReads + FEATURES.anyoneWrites;
  }
}

/** The least role that a client of this server has, without asking: `none` when it has to. */
export function roleOfAnyone(serverFeatures: number): Role {
  if (!has(serverFeatures, FEATURES.anyoneReads)) return "none";
  return has(serverFeatures, FEATURES.anyoneWrites) ? "read-write" : "read-only";
}

function has(features: number, bit: number): boolean {
  return Math.floor(features / bit) % 2 === 1; // features have up to 53 bits
}
