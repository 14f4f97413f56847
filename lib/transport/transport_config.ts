/**
 * Every knob of the transport in one object, with unit, default and consequence.
 *
 * @module
 */
import type { CongestionControllerFactory } from "./congestion/controller.ts";
import { congestionController as bbr } from "./congestion/bbr.ts";

/** Settings of an endpoint; all connections share them. */
export interface TransportConfig {
  /** Makes the congestion controller of each path. Default: `bbr`. */
  readonly congestion: CongestionControllerFactory;
  /** Background mode: sending yields to everybody else on the path. Default false. */
  readonly isPolite: boolean;
  /** Silence after which a connection ends, ms. Longer survives longer blackouts. Default 120 000. */
  readonly maxIdleTimeoutMs: number;
  /**
   * The connection ends when packets wait for an answer and none is acknowledged for this long, ms.
   * Shorter notices a dead peer sooner and survives less. Default 90 000.
   */
  readonly silenceTimeoutMs: number;
  /** How long a client tries to reach a server, ms. Default 10 000. */
  readonly handshakeTimeoutMs: number;
  /** First receive window of a stream, bytes. It grows to `maxStreamWindowBytes`. Default 4 MiB. */
  readonly initialStreamWindowBytes: number;
  /** Most that one stream may hold unread, bytes: bounds memory, and speed on long paths. Default 64 MiB. */
  readonly maxStreamWindowBytes: number;
  /**
   * Receive window of a connection before its peer has proved its address, and whatever happens: all
   * that it gets when `maxSharedMemoryBytes` is used up. Default 128 KiB.
   */
  readonly baseWindowBytes: number;
  /** First receive window of the connection, bytes, less where there are many. Default 6 MiB. */
  readonly initialWindowBytes: number;
  /** Most that all streams may hold unread, bytes. Default 96 MiB. */
  readonly maxWindowBytes: number;
  /** Most unacknowledged bytes that one stream keeps for sending again. Default 96 MiB. */
  readonly maxSendBufferBytes: number;
  /** Streams that the peer may have open. Default 128. */
  readonly maxStreams: number;
  /**
   * Memory of all connections for unread and unacknowledged bytes, half of it for each, beyond a base of 128 KiB
   * each way. When it runs low, windows and send buffers stay small. Default 384 MiB.
   */
  readonly maxSharedMemoryBytes: number;
  /**
   * A client has its part of that at once. False: only when the server's application lets it in, so that
   * strangers cannot use it up. Default true.
   */
  readonly letsInAtOnce: boolean;
  /** Connections that a server has at once. Default 1024. */
  readonly maxConnections: number;
  /** The same from one address other than loopback; for IPv6 from one /64. Default 64. */
  readonly maxConnectionsPerSource: number;
  /**
   * A stream on which a server waits for its client ends when it moves less than 1 KiB in this time, while
   * the client is heard, ms. Default 60 000.
   */
  readonly minProgressMs: number;
  /** Application error code with which such a stream ends. Default 6, which asks for another try. */
  readonly stalledStreamCode: number;
  /** Cap on sending, bytes per second; Infinity for none. Default Infinity. */
  readonly maxRateBytesPerSecond: number;
  /** Largest UDP payload that path MTU discovery may try. Default 65 507. */
  readonly maxDatagramBytes: number;
  /** Packets sealed with one key before it is updated; far below RFC 9001 §6.6's 2^23. Default 2^22. */
  readonly keyUpdatePackets: number;
  /**
   * Packets that a peer must have sent before it updates its key, or what it sends with the next one is dropped:
   * an update costs us as much as a hundred packets. Leaves room for loss below `keyUpdatePackets` of the peer.
   * Default 2^16.
   */
  readonly leastKeyUpdatePackets: number;
  /** What the programs above can do, one bit each, told to the peer. Default 0. */
  readonly features: number;
  /** Name and version told to the peer. */
  readonly agent: string;
}

/** The defaults. */
export const DEFAULT_TRANSPORT_CONFIG: TransportConfig = {
  congestion: bbr,
  isPolite: false,
  maxIdleTimeoutMs: 120_000,
  silenceTimeoutMs: 90_000,
  handshakeTimeoutMs: 10_000,
  initialStreamWindowBytes: 4 << 20,
  maxStreamWindowBytes: 64 << 20,
  baseWindowBytes: 128 << 10,
  initialWindowBytes: 6 << 20,
  maxWindowBytes: 96 << 20,
  maxSendBufferBytes: 96 << 20,
  maxStreams: 128,
  maxSharedMemoryBytes: 384 << 20,
  letsInAtOnce: true,
  maxConnections: 1024,
  maxConnectionsPerSource: 64,
  minProgressMs: 60_000,
  stalledStreamCode: 6,
  maxRateBytesPerSecond: Infinity,
  maxDatagramBytes: 65_507,
  keyUpdatePackets: 2 ** 22,
  leastKeyUpdatePackets: 2 ** 16,
  features: 0,
  agent: "ferry",
};
