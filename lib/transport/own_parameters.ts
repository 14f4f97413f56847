/**
 * What an endpoint tells its peers about itself in the handshake.
 *
 * @module
 */
import type { SuiteName } from "../crypto/mod.ts";
import { MAX_ACK_RANGES } from "../wire/ack_frame.ts";
import type { TransportParameters } from "../wire/transport_parameters.ts";
import { MAX_BATCH_BYTES } from "./constants.ts";
import type { TransportConfig } from "./transport_config.ts";

/** What the parameters follow from. */
export interface OwnTraits {
  /** Settings. */
  readonly config: TransportConfig;
  /** What the socket's receive buffer holds, bytes. */
  readonly receiveBufferBytes: number;
  /** Cipher suites that we can do, best first. */
  readonly suites: readonly SuiteName[];
  /** The socket is there for one connection: packets to it need no connection ID. */
  readonly isDedicated?: boolean;
}

/** Our transport parameters, as they are sent. */
export function ownParameters(traits: OwnTraits): TransportParameters {
  const { config, receiveBufferBytes, suites, isDedicated = false } = traits;
  return {
    maxIdleTimeoutMs: config.maxIdleTimeoutMs,
    maxUdpPayloadBytes: Math.max(1200, maxPayloadFor(receiveBufferBytes)),
    // More follows once the peer is let in: a window is a promise of memory.
    initialMaxDataBytes: Math.min(config.initialWindowBytes, config.baseWindowBytes),
    initialMaxStreamDataBytes: config.initialStreamWindowBytes,
    initialMaxStreams: config.maxStreams,
    receiveBufferBytes,
    suites,
    agent: config.agent,
    features: config.features,
    omitsConnectionId: isDedicated,
    maxAckRanges: MAX_ACK_RANGES,
  };
}

/** Three datagrams in flight, and the bookkeeping of each, must not overflow the receive buffer. */
function maxPayloadFor(receiveBufferBytes: number): number {
  return Math.min(MAX_BATCH_BYTES, Math.floor(receiveBufferBytes / 4));
}
