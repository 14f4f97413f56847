/**
 * The protocol, sans I/O: an endpoint, its connections, and what they are set up with.
 *
 * @module
 */
export { Connection } from "./connection.ts";
export type { ConnectionState } from "./connection_state.ts";
export type {
  AckSample,
  CongestionController,
  CongestionControllerFactory,
  ControllerOptions,
  LossSample,
} from "./congestion/controller.ts";
export type { ConnectionStats } from "./connection_stats.ts";
export type { ConnectAttempt } from "./client_attempts.ts";
export { Endpoint, type EndpointEvent, type EndpointOptions } from "./endpoint.ts";
export type { HandshakeCounters } from "./handshake_counters.ts";
export type { ReceiveWindow } from "./flow_control.ts";
export {
  type HandshakeAgreement,
  type HandshakeResult,
  METHOD_COOKIE,
  METHOD_NONE,
} from "./handshake.ts";
export type { OwnTraits } from "./own_parameters.ts";
export { type Address, isSameAddress } from "./path.ts";
export { RateGate } from "./rate_gate.ts";
export type { ReceiveStream } from "./streams/receive_stream.ts";
export type { SendStream, StreamChunk } from "./streams/send_stream.ts";
export type { WindowClock } from "./streams/receive_credit.ts";
export type { StreamLayer } from "./streams/stream_layer.ts";
export type { StreamEntry } from "./streams/stream_map.ts";
export { createTransmitBatch, type TransmitBatch } from "./transmit_batch.ts";
export { DEFAULT_TRANSPORT_CONFIG, type TransportConfig } from "./transport_config.ts";
export { type ConnectionEnd, type ConnectionEndKind, ConnectionError } from "./transport_error.ts";
export type { TransportEvent } from "./transport_event.ts";
