/**
 * What a congestion controller is told and what it answers.
 *
 * A controller decides two numbers: how many bytes may be in flight and how fast they may leave.
 * It never sees packets, streams or sockets; the connection reports facts and reads the decisions.
 * Byte and packet counters are doubles: never use bitwise operators on them.
 *
 * @module
 */

/** What the connection knows about the path when it makes a controller. */
export interface ControllerOptions {
  /** Largest packet the path carries now, in bytes of UDP payload. */
  readonly maxDatagramBytes: number;
  /** Uniform random numbers in [0, 1), seeded in simulation. */
  readonly random: () => number;
}

/** One acknowledged flight: everything a controller may learn from one ACK frame. RFC 9002 A.7. */
export interface AckSample {
  /** Receipt time of the ACK, milliseconds on the connection's clock. */
  nowMs: number;
  /** Bytes newly acknowledged by this ACK (in-flight packets only). */
  ackedBytes: number;
  /** Packets newly acknowledged by this ACK. */
  ackedPackets: number;
  /** Bytes declared lost since the previous sample. */
  lostBytes: number;
  /** Packets declared lost since the previous sample. */
  lostPackets: number;
  /** Bytes in flight before this ACK was applied. */
  priorInFlightBytes: number;
  /** Bytes in flight after this ACK and its losses were applied. */
  inFlightBytes: number;
  /** Newest RTT sample in ms; NaN when this ACK gave none. */
  rttMs: number;
  /** Smoothed RTT in ms. RFC 9002 §5.3. */
  smoothedRttMs: number;
  /** Minimum RTT of the last minute or so on this path, in ms. */
  minRttMs: number;
  /** Packet number of the newest acknowledged packet. */
  largestAcked: number;
  /** When that packet was sent. */
  largestAckedSentAtMs: number;
  /** Total bytes delivered on this connection, this ACK included. */
  deliveredBytes: number;
  /** Total bytes that had been delivered when the newest acknowledged packet was sent. */
  priorDeliveredBytes: number;
  /** Delivery rate over the sample interval, bytes per second; NaN when it cannot be told. */
  deliveryRateBytesPerSecond: number;
  /** Length of the sample interval, ms. */
  intervalMs: number;
  /** Bytes in flight right after the newest acknowledged packet was sent (that packet included). */
  sentInFlightBytes: number;
  /** Bytes declared lost between sending the newest acknowledged packet and now. */
  lostSinceSentBytes: number;
  /** The sender had nothing more to send when that packet left: the rate is a lower bound. */
  isAppLimited: boolean;
  /** The window, not the application, limited sending before this ACK was applied. */
  isWindowLimited: boolean;
  /** Delay that the peer says it held the ACK, ms. */
  ackDelayMs: number;
}

/** Packets that loss detection gave up. RFC 9002 §6. */
export interface LossSample {
  /** When the loss was declared. */
  nowMs: number;
  /** Bytes lost by this detection. */
  lostBytes: number;
  /** Packets lost by this detection. */
  lostPackets: number;
  /** Newest lost packet. */
  largestLost: number;
  /** When the newest lost packet was sent: RFC 9002 recovery periods start from it. */
  largestLostSentAtMs: number;
  /** Bytes in flight after the lost packets were removed. */
  inFlightBytes: number;
  /** Bytes in flight right after the newest lost packet was sent. */
  sentInFlightBytes: number;
  /** Bytes declared lost between sending that packet and now, this loss included. */
  lostSinceSentBytes: number;
  /** Total bytes delivered when the newest lost packet was sent. */
  priorDeliveredBytes: number;
  /** Total bytes delivered on this connection. */
  deliveredBytes: number;
  /** Smoothed RTT in ms, for controllers that compare time spans. */
  smoothedRttMs: number;
}

/** The decisions of a controller, read after every report. */
export interface CongestionController {
  /** The file's name: `new_reno`, `cubic`, `bbr` … */
  readonly name: string;
  /** Bytes that may be in flight. Never below 2 datagrams. */
  readonly windowBytes: number;
  /** Rate at which packets may leave, bytes per second; always finite and positive. */
  readonly pacingRateBytesPerSecond: number;
  /** Largest burst that the pacer may send at once, bytes. */
  readonly sendQuantumBytes: number;
  /** Short word for `status`, e.g. `startup`, `cruise`, `recovery`. */
  readonly stateName: string;
  /** Bottleneck rate estimate, bytes per second; NaN when the controller has none. */
  readonly bandwidthBytesPerSecond: number;
  /** Bytes in flight that fill the path and leave its queue empty; NaN when the controller cannot tell. */
  readonly fillingBytes: number;
  /** Losses, not what the path carried, decide how much is sent now. For `status` and reports. */
  readonly isBoundByLoss: boolean;
  /** Startup begins slowly for the sake of others. Controllers that always do need not look. */
  startsCarefully?: boolean;
  /** The RTT is at least this, as the handshake tells before anything else has left. */
  onHandshake?(leastRttMs: number): void;
  /** A packet that counts as in flight leaves now. `inFlightBytes` includes it. */
  onPacketSent(sizeBytes: number, inFlightBytes: number, nowMs: number): void;
  /** An ACK was applied; any losses it revealed were reported by `onLoss` before. */
  onAck(sample: AckSample): void;
  /** Packets were declared lost. */
  onLoss(sample: LossSample): void;
  /** Packets declared lost were acknowledged after all: the loss was reordering. Undo its effect. */
  onSpuriousLoss(packetCount: number, sizeBytes: number, nowMs: number): void;
  /** Persistent congestion, RFC 9002 §7.6. Controllers that model the path may ignore it. */
  onPersistentCongestion(nowMs: number): void;
  /** Packets came through again after silence of `darkMs` (several PTOs): restart carefully. */
  onBlackoutEnd(darkMs: number, nowMs: number): void;
  /**
   * The peer has proved another port of the same host. A NAT may have forgotten it, or it may have gone to
   * another network behind the same one: the rate is the best guess, the RTT is to be measured anew.
   */
  onPeerMoved?(nowMs: number): void;
  /** Nothing to send any more: the window is no longer the limit. */
  onAppLimited(nowMs: number): void;
  /** The path carries larger or smaller datagrams from now on. */
  onMaxDatagramChanged(maxDatagramBytes: number): void;
}

/** A controller file exports one of these as `congestionController`. */
export interface CongestionControllerFactory {
  /** The file's name. */
  readonly name: string;
  /** Makes a fresh controller for one path. */
  create(options: ControllerOptions): CongestionController;
}
