/**
 * The parts of one connection, made and joined: which of them knows which others is told here alone.
 *
 * @module
 */
import type { AeadProvider, Entropy } from "../crypto/mod.ts";
import { AckFrequencyChooser } from "./ack_frequency.ts";
import { AckTracker } from "./ack_tracker.ts";
import { type ConnectionDeadlines, createDeadlines } from "./connection_deadlines.ts";
import { ControlQueue } from "./control_queue.ts";
import type { HandshakeResult } from "./handshake.ts";
import { LossDetection } from "./loss_detection.ts";
import type { EndpointMemory } from "./memory_budget.ts";
import { PacketBuilder } from "./packet_builder.ts";
import { PacketFate } from "./packet_fate.ts";
import { PacketProtection } from "./packet_protection.ts";
import { type Address, Path } from "./path.ts";
import { SendLimits } from "./send_limits.ts";
import { StreamLayer } from "./streams/stream_layer.ts";
import { TransientFrames } from "./transient_frames.ts";
import type { TransportConfig } from "./transport_config.ts";
import type { TransportEvent } from "./transport_event.ts";

/** What a connection is made from, once the handshake is over. */
export interface ConnectionOptions {
  /** Which side we are. */
  readonly role: "client" | "server";
  /** The peer's address. */
  readonly address: Address;
  /** Our settings. */
  readonly config: TransportConfig;
  /** What the handshake gave. */
  readonly handshake: HandshakeResult;
  /** The client's FINISH, sent until the server confirms; null at the server. */
  readonly finish: Uint8Array | null;
  /** Seals and opens. */
  readonly aead: AeadProvider;
  /** Random bytes: path challenges. */
  readonly entropy: Entropy;
  /** Random numbers in [0, 1): congestion control. */
  readonly random: () => number;
  /** Memory shared with other connections. */
  readonly memory?: EndpointMemory;
  /** Largest UDP payload that may be tried on this path. */
  readonly maxDatagramBytes: number;
  /** Largest one that the system does not cut into fragments unseen; without it none is. */
  readonly wholeDatagramBytes?: number;
  /** What the path ought to carry, tried first; without it nothing is expected. */
  readonly expectedDatagramBytes?: number;
  /** Now, ms. */
  readonly nowMs: number;
}

/** What the halves of a connection share; each takes those that it needs. */
export interface ConnectionParts {
  /** Our settings. */
  readonly config: TransportConfig;
  /** What happened, for the application. */
  readonly events: TransportEvent[];
  /** The path and what is known of it. */
  readonly path: Path;
  /** Acknowledgements that we owe. */
  readonly acks: AckTracker;
  /** How often the peer acknowledges. */
  readonly ackFrequency: AckFrequencyChooser;
  /** Control frames. */
  readonly control: ControlQueue;
  /** Frames of the next packet alone. */
  readonly transient: TransientFrames;
  /** Packets that were sent. */
  readonly loss: LossDetection;
  /** Seals and opens. */
  readonly protection: PacketProtection;
  /** Stream bytes. */
  readonly streams: StreamLayer;
  /** Fills packets. */
  readonly builder: PacketBuilder;
  /** What becomes of the frames of packets. */
  readonly fate: PacketFate;
  /** What held sending back. */
  readonly limits: SendLimits;
  /** What is waited for. */
  readonly deadlines: ConnectionDeadlines;
}

/** Makes the parts of a connection on which nothing has been sent. */
export function createConnectionParts(options: ConnectionOptions): ConnectionParts {
  const { config, handshake } = options;
  const events: TransportEvent[] = [];
  const path = createPath(options);
  const acks = new AckTracker();
  const control = new ControlQueue();
  const loss = new LossDetection(path.rtt, path.sampler);
  const protection = new PacketProtection(options.aead, handshake, {
    updateAfterPackets: config.keyUpdatePackets,
    leastPacketsPerUpdate: config.leastKeyUpdatePackets,
  });
  const streams = new StreamLayer({
    role: options.role,
    config,
    peer: handshake.peerParameters,
    control,
    events,
    ...(options.memory === undefined ? {} : { memory: options.memory }),
  });
  const { omitsConnectionId, maxAckRanges } = handshake.peerParameters;
  const remoteId = omitsConnectionId ? null : handshake.remoteId;
  const builder = new PacketBuilder({
    remoteId,
    maxAckRanges,
    acks,
    control,
    streams,
    loss,
    protection,
  });
  return {
    config,
    events,
    path,
    acks,
    ackFrequency: new AckFrequencyChooser(),
    control,
    transient: new TransientFrames(),
    loss,
    protection,
    streams,
    builder,
    fate: new PacketFate({ loss, streams, control, builder, protection, path }),
    limits: new SendLimits(options.nowMs),
    deadlines: createDeadlines(),
  };
}

function createPath(options: ConnectionOptions): Path {
  const { config, handshake } = options;
  const peer = handshake.peerParameters;
  const path = new Path({
    address: options.address,
    congestion: config.congestion,
    isPolite: config.isPolite,
    maxRateBytesPerSecond: config.maxRateBytesPerSecond,
    random: options.random,
    maxDatagramBytes: Math.min(options.maxDatagramBytes, peer.maxUdpPayloadBytes),
    wholeDatagramBytes: options.wholeDatagramBytes ?? Infinity,
    expectedDatagramBytes: options.expectedDatagramBytes ?? 0,
    maxBurstBytes: peer.receiveBufferBytes / 3,
    receiveBufferBytes: peer.receiveBufferBytes,
  });
  if (!Number.isNaN(handshake.rttMs)) {
    // The server cannot tell whether the FINISH was sent more than once.
    if (options.role === "client") path.rtt.onSample(handshake.rttMs, 0, options.nowMs);
    else path.rtt.assume(handshake.rttMs);
  }
  path.controller.onHandshake?.(handshake.leastRttMs);
  return path;
}
