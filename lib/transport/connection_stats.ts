/**
 * Figures of one connection, for `status` and benchmarks.
 *
 * @module
 */

/** A snapshot; counters run from the connection's start. */
export interface ConnectionStats {
  /** Smoothed RTT, ms. */
  readonly rttMs: number;
  /** Lowest RTT, ms. */
  readonly minRttMs: number;
  /** Packets sent. */
  readonly sentPackets: number;
  /** Packets declared lost and not seen again. */
  readonly lostPackets: number;
  /** UDP payload bytes sent. */
  readonly sentBytes: number;
  /** Packets received. */
  readonly receivedPackets: number;
  /** UDP payload bytes received. */
  readonly receivedBytes: number;
  /** Bytes that the peer acknowledged. */
  readonly deliveredBytes: number;
  /** Congestion window, bytes. */
  readonly windowBytes: number;
  /** Bytes in flight. */
  readonly inFlightBytes: number;
  /** Pacing rate, bytes per second. */
  readonly pacingRateBytesPerSecond: number;
  /** Bottleneck estimate, bytes per second; NaN when the controller has none. */
  readonly bandwidthBytesPerSecond: number;
  /** The user's cap, bytes per second; Infinity for none. */
  readonly maxRateBytesPerSecond: number;
  /** Background mode. */
  readonly isPolite: boolean;
  /** UDP payload bytes of a full packet. */
  readonly datagramBytes: number;
  /** Congestion controller. */
  readonly controller: string;
  /** Its state. */
  readonly controllerState: string;
  /** Cipher suite. */
  readonly suite: string;
  /** Who computes it: `node` or `libcrypto`. */
  readonly aeadProvider: string;
  /** Packets that were not authentic. */
  readonly failedOpens: number;
  /** Packets that came twice. */
  readonly replayedPackets: number;
  /** Streams open now. */
  readonly streamCount: number;
  /** How long nothing has been heard of the peer, ms. */
  readonly silentMs: number;
}
