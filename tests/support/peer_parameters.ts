/**
 * Transport parameters of a peer, for tests that care about one of them or about none.
 *
 * @module
 */
import type { TransportParameters } from "../../lib/wire/transport_parameters.ts";

/** A peer that hinders nothing, on a path with an MTU of 1500. */
export const PEER_PARAMETERS: TransportParameters = {
  maxIdleTimeoutMs: 60_000,
  maxUdpPayloadBytes: 1472,
  initialMaxDataBytes: 1 << 20,
  initialMaxStreamDataBytes: 1 << 20,
  initialMaxStreams: 100,
  receiveBufferBytes: 1 << 20,
  suites: ["aes-128-gcm"],
  agent: "",
  features: 0,
  omitsConnectionId: false,
  maxAckRanges: 256,
};
