/**
 * Which part of a connection takes which frame.
 *
 * @module
 */
import { assertNever } from "../bytes/invariant.ts";
import type { AckFrame } from "../wire/ack_frame.ts";
import type { Frame, StreamFrame } from "../wire/frame.ts";
import type { WindowClock } from "./streams/receive_credit.ts";
import type { StreamLayer } from "./streams/stream_layer.ts";
import type { AckTracker } from "./ack_tracker.ts";

/** The parts that frames go to. */
export interface FrameTargets {
  /** Stream frames and credit. */
  readonly streams: StreamLayer;
  /** ACK frequency. */
  readonly acks: AckTracker;
  /** ACK. */
  onAck(ack: AckFrame, nowMs: number): void;
  /** PATH_CHALLENGE. */
  onPathChallenge(token: Uint8Array): void;
  /** PATH_RESPONSE. */
  onPathResponse(token: Uint8Array, nowMs: number): void;
  /** CONNECTION_CLOSE. */
  onConnectionClose(
    close: { isApplication: boolean; code: number; reason: string },
    nowMs: number,
  ): void;
  /** HANDSHAKE_DONE. */
  onHandshakeDone(): void;
}

/**
 * Hands one frame to its part. Returns true when the frame wants an acknowledgement.
 *
 * @param source The buffer that a STREAM frame's bytes are in.
 * @throws {TransportError} when the peer broke a rule.
 */
export function dispatchFrame(
  frame: Frame,
  targets: FrameTargets,
  context: { source: Uint8Array; clock: WindowClock },
): boolean {
  const { streams } = targets;
  switch (frame.kind) {
    case "stream":
      streams.onStreamFrame(context.source, frame satisfies StreamFrame, context.clock);
      return true;
    case "ack":
      targets.onAck(frame, context.clock.nowMs);
      return false;
    case "padding":
      return false;
    case "ping":
    case "data-blocked":
      return true;
    case "reset-stream":
      streams.onResetStream(frame.streamId, frame.code, frame.finalSize, context.clock);
      return true;
    case "stop-sending":
      streams.onStopSending(frame.streamId, frame.code);
      return true;
    case "max-data":
      streams.onMaxData(frame.limit);
      return true;
    case "max-stream-data":
      streams.onMaxStreamData(frame.streamId, frame.limit);
      return true;
    case "max-streams":
      streams.onMaxStreams(frame.limit);
      return true;
    case "ack-frequency":
      targets.acks.onAckFrequency(
        frame.sequence,
        frame.packetThreshold,
        frame.maxAckDelayUs / 1000,
      );
      return true;
    case "path-challenge":
      targets.onPathChallenge(frame.token);
      return true;
    case "path-response":
      targets.onPathResponse(frame.token, context.clock.nowMs);
      return true;
    case "handshake-done":
      targets.onHandshakeDone();
      return true;
    case "connection-close":
      targets.onConnectionClose(frame, context.clock.nowMs);
      return false;
    default:
      return assertNever(frame);
  }
}
