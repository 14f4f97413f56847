/**
 * What becomes of the frames when their packet is acknowledged or lost. RFC 9000 §13.3.
 *
 * What a packet carried is data in the sent-packet ring, not closures: it can be printed and compared.
 *
 * @module
 */
import {
  FLAG_CONTROL,
  FLAG_FIN,
  FLAG_MORE_STREAMS,
  FLAG_MTU_PROBE,
  PACKET_OUTSTANDING,
} from "../collections/sent_packet_ring.ts";
import { BASE_DATAGRAM_BYTES } from "./constants.ts";
import type { ControlQueue } from "./control_queue.ts";
import type { LossDetection } from "./loss_detection.ts";
import type { PacketBuilder } from "./packet_builder.ts";
import type { PacketProtection } from "./packet_protection.ts";
import type { Path } from "./path.ts";
import type { StreamLayer } from "./streams/stream_layer.ts";

/** A run of stream bytes that does not hold the stream's end. */
const NO_FIN = false;

/** The parts that have frames in packets. */
export interface FateParts {
  /** What was in the packets. */
  readonly loss: LossDetection;
  /** Stream bytes. */
  readonly streams: StreamLayer;
  /** Control frames. */
  readonly control: ControlQueue;
  /** Stream frames beyond the first of a packet. */
  readonly builder: PacketBuilder;
  /** Key updates that acknowledgements confirm. */
  readonly protection: PacketProtection;
  /** MTU probes. */
  readonly path: Path;
}

/** Applies the fate of packets to the parts. */
export class PacketFate {
  readonly #parts: FateParts;

  /** Uses these parts for the connection's life. */
  constructor(parts: FateParts) {
    this.#parts = parts;
  }

  /**
   * Packets were acknowledged, in ascending order. Neighbouring stream bytes are joined before the
   * stream hears of them.
   */
  onAcked(packets: readonly number[], nowMs: number): void {
    const { streams } = this.#parts;
    const { ring } = this.#parts.loss;
    let streamId = -1;
    let runStart = 0;
    let runEnd = 0;
    for (const packetNumber of packets) {
      const slot = ring.slot(packetNumber);
      const flags = ring.flags[slot]!;
      const id = ring.streamId[slot]!;
      const offset = ring.streamOffset[slot]!;
      const end = offset + ring.streamLength[slot]!;
      if (id === streamId && offset === runEnd && flags === 0) {
        runEnd = end;
      } else {
        if (streamId >= 0) streams.onChunkAcked(streamId, runStart, runEnd - runStart, NO_FIN);
        streamId = -1;
        if (flags === 0) {
          streamId = id;
          runStart = offset;
          runEnd = end;
        } else {
          this.#ackSpecial(packetNumber, slot, nowMs);
        }
      }
    }
    if (streamId >= 0) streams.onChunkAcked(streamId, runStart, runEnd - runStart, NO_FIN);
    const last = packets[packets.length - 1];
    if (last === undefined) return;
    this.#parts.protection.onPacketAcked(last);
    this.#reportLargePacket(packets);
  }

  /** The newest large packet of the list tells that the path carries its size; nearly always it is the last. */
  #reportLargePacket(packets: readonly number[]): void {
    const { ring } = this.#parts.loss;
    for (let i = packets.length - 1; i >= 0; i--) {
      const sizeBytes = ring.sizeBytes[ring.slot(packets[i]!)]!;
      if (sizeBytes <= BASE_DATAGRAM_BYTES) continue;
      this.#parts.path.mtu.onPacketAcked(packets[i]!, sizeBytes);
      return;
    }
  }

  #ackSpecial(packetNumber: number, slot: number, nowMs: number): void {
    const { streams, path, builder, control } = this.#parts;
    const { ring } = this.#parts.loss;
    const flags = ring.flags[slot]!;
    if ((flags & FLAG_MTU_PROBE) !== 0) {
      if (path.mtu.onProbeAcked(ring.sizeBytes[slot]!, nowMs)) path.onMtuChanged();
      return;
    }
    const streamId = ring.streamId[slot]!;
    if (streamId >= 0) {
      const isFin = (flags & FLAG_FIN) !== 0;
      streams.onChunkAcked(
        streamId,
        ring.streamOffset[slot]!,
        ring.streamLength[slot]!,
        isFin,
      );
    }
    if ((flags & FLAG_MORE_STREAMS) !== 0) {
      for (const frame of builder.takeExtra(packetNumber)) {
        streams.onChunkAcked(frame.streamId, frame.offset, frame.length, frame.isFin);
      }
    }
    if ((flags & FLAG_CONTROL) !== 0) {
      for (const frame of control.take(packetNumber)) streams.onControlAcked(frame);
    }
  }

  /** Packets were declared lost, in ascending order. */
  onLost(packets: readonly number[], nowMs: number): void {
    const { path } = this.#parts;
    const { ring } = this.#parts.loss;
    for (const packetNumber of packets) {
      const slot = ring.slot(packetNumber);
      const sizeBytes = ring.sizeBytes[slot]!;
      if ((ring.flags[slot]! & FLAG_MTU_PROBE) !== 0) {
        path.mtu.onProbeLost(sizeBytes, nowMs);
        continue;
      }
      this.#requeue(packetNumber, slot, "lost");
      if (path.mtu.onPacketLost(packetNumber, sizeBytes, nowMs)) path.onMtuChanged();
    }
  }

  /** Sends the oldest unacknowledged packets' contents again, without declaring them lost. */
  repeatOldest(count: number): void {
    const { ring, oldestOutstanding } = this.#parts.loss;
    let left = count;
    for (let n = oldestOutstanding; n < ring.next && left > 0; n++) {
      const slot = ring.slot(n);
      if (ring.state[slot] !== PACKET_OUTSTANDING) continue;
      if ((ring.flags[slot]! & FLAG_MTU_PROBE) !== 0) continue;
      this.#requeue(n, slot, "probe");
      left--;
    }
  }

  /** Sends these packets' contents again, without declaring them lost. */
  repeat(packets: readonly number[]): void {
    const { ring } = this.#parts.loss;
    for (const packetNumber of packets) {
      this.#requeue(packetNumber, ring.slot(packetNumber), "probe");
    }
  }

  /**
   * Puts everything that travelled in a packet back in line. A lost packet's frames leave the books; a
   * probe's stay, because its packet may still be acknowledged.
   */
  #requeue(packetNumber: number, slot: number, reason: "lost" | "probe"): void {
    const { streams, builder, control } = this.#parts;
    const { ring } = this.#parts.loss;
    const flags = ring.flags[slot]!;
    const streamId = ring.streamId[slot]!;
    if (streamId >= 0) {
      const isFin = (flags & FLAG_FIN) !== 0;
      streams.onChunkLost(streamId, ring.streamOffset[slot]!, ring.streamLength[slot]!, isFin);
    }
    if ((flags & FLAG_MORE_STREAMS) !== 0) {
      const extra = reason === "lost"
        ? builder.takeExtra(packetNumber)
        : builder.peekExtra(packetNumber);
      for (const frame of extra) {
        streams.onChunkLost(frame.streamId, frame.offset, frame.length, frame.isFin);
      }
    }
    if ((flags & FLAG_CONTROL) !== 0) {
      const frames = reason === "lost" ? control.take(packetNumber) : control.peek(packetNumber);
      for (const frame of frames) streams.onControlLost(frame);
    }
  }
}
