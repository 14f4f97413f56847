/**
 * The endpoint behind a socket, set up with what this machine has: its limits and its randomness.
 *
 * @module
 */
import type { AeadProvider, Identity, SuiteName } from "../crypto/mod.ts";
import { DEFAULT_TRANSPORT_CONFIG, Endpoint, type TransportConfig } from "../transport/mod.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import {
  expectedDatagramBytesFor,
  maxDatagramBytesFor,
  wholeDatagramBytesFor,
} from "./path_limits.ts";
import { systemEntropy } from "./system_entropy.ts";

/** What both ends of a connection are set up with. */
export interface DriverOptions {
  /** Long-term key pair. */
  readonly identity: Identity;
  /** Seals and opens packets. */
  readonly aead: AeadProvider;
  /** Cipher suites, best first. */
  readonly suites: readonly SuiteName[];
  /** Settings that differ from the defaults. */
  readonly config?: Partial<TransportConfig>;
  /** Tune the socket through FFI where that is granted. */
  readonly ffi: boolean;
}

/** An endpoint for a socket, with our limits for it. */
export function createEndpoint(
  socket: DatagramSocket,
  options: Omit<DriverOptions, "ffi">,
  pskFor: ((method: number) => Uint8Array | null) | null,
): Endpoint {
  return new Endpoint({
    config: { ...DEFAULT_TRANSPORT_CONFIG, ...options.config },
    identity: options.identity,
    entropy: systemEntropy,
    random: randomFraction,
    suites: options.suites,
    aead: options.aead,
    receiveBufferBytes: socket.capabilities.receiveBufferBytes,
    maxDatagramBytes: (address) => maxDatagramBytesFor(address, socket.capabilities),
    wholeDatagramBytes: (address) => wholeDatagramBytesFor(address, socket.capabilities),
    expectedDatagramBytes: expectedDatagramBytesFor,
    pskFor,
    isDedicated: pskFor === null, // whoever connects does so with a socket of its own
    ownAddress: socket.address,
  });
}

function randomFraction(): number {
  const bytes = new Uint8Array(4);
  systemEntropy.fill(bytes);
  return new DataView(bytes.buffer).getUint32(0) / 0x1_0000_0000;
}
