/**
 * The protocol, sans I/O: an endpoint, its connections, and what they are set up with.
 *
 * @module
 */
export { Connection } from "./connection.ts";
export type { ConnectionStats } from "./connection_stats.ts";
export {
  type ConnectAttempt,
  Endpoint,
  type EndpointEvent,
  type EndpointOptions,
} from "./endpoint.ts";
export { METHOD_NONE } from "./handshake.ts";
export { type Address, isSameAddress } from "./path.ts";
export type { StreamEntry } from "./streams/stream_map.ts";
export { createTransmitBatch, type TransmitBatch } from "./transmit_batch.ts";
export { DEFAULT_TRANSPORT_CONFIG, type TransportConfig } from "./transport_config.ts";
export {
  type ConnectionEnd,
  type ConnectionEndKind,
  ConnectionError,
  TransportError,
} from "./transport_error.ts";
export type { TransportEvent } from "./transport_event.ts";
