/**
 * Figures of one connection, for `status` and benchmarks.
 *
 * @module
 */
import type { ConnectionParts } from "./connection_parts.ts";

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

/** What passed through a connection, counted by those through whom it passes. */
export type ConnectionTraffic = Pick<
  ConnectionStats,
  "sentBytes" | "receivedPackets" | "receivedBytes" | "replayedPackets" | "silentMs"
>;

/** The parts that figures are taken from. */
export type StatsParts = Pick<ConnectionParts, "path" | "loss" | "protection" | "streams">;

/** The figures of a connection at this moment. */
export function connectionStats(parts: StatsParts, traffic: ConnectionTraffic): ConnectionStats {
  const { path, loss, protection, streams } = parts;
  const { rtt, controller, mtu, sampler } = path;
  return {
    ...traffic,
    rttMs: rtt.smoothedMs,
    minRttMs: rtt.minMs,
    sentPackets: loss.sentPackets,
    lostPackets: loss.lostPackets,
    deliveredBytes: sampler.deliveredBytes,
    windowBytes: controller.windowBytes,
    inFlightBytes: loss.inFlightBytes,
    pacingRateBytesPerSecond: controller.pacingRateBytesPerSecond,
    bandwidthBytesPerSecond: controller.bandwidthBytesPerSecond,
    maxRateBytesPerSecond: path.cap.bytesPerSecond,
    isPolite: path.isPolite,
    datagramBytes: mtu.datagramBytes,
    controller: controller.name,
    controllerState: controller.stateName,
    suite: protection.suite,
    aeadProvider: protection.providerName,
    failedOpens: protection.failedOpens,
    streamCount: streams.count,
  };
}
