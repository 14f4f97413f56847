/**
 * Packets for one address that leave together.
 *
 * @module
 */
import type { Address } from "./path.ts";

/** A buffer that the transport fills and the driver sends. */
export interface TransmitBatch {
  /** Where the packets are, one behind the other; 65 536 bytes. */
  readonly buffer: Uint8Array;
  /** Bytes filled. */
  length: number;
  /** Every packet is this long, but the last may be shorter. */
  segmentBytes: number;
  /** Where they go. */
  address: Address;
}

/** An empty batch. */
export function createTransmitBatch(): TransmitBatch {
  return {
    buffer: new Uint8Array(65_536),
    length: 0,
    segmentBytes: 0,
    address: { hostname: "", port: 0 },
  };
}
