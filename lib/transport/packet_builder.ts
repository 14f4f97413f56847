/**
 * Fills one packet: acknowledgement first, then control frames, then stream bytes; header and seal.
 *
 * Everything is written straight into the batch's buffer, the last stream bytes by the cipher, and what
 * was written is recorded with loss detection, so that its fate can be applied later.
 *
 * @module
 */
import { TAG_BYTES } from "../crypto/mod.ts";
import {
  FLAG_CONTROL,
  FLAG_FIN,
  FLAG_MORE_STREAMS,
  FLAG_MTU_PROBE,
} from "../collections/sent_packet_ring.ts";
import { varintLength } from "../bytes/varint.ts";
import { MAX_ACK_RANGES, writeAckFrame } from "../wire/ack_frame.ts";
import type { ConnectionId } from "../wire/connection_id.ts";
import {
  frameBytes,
  streamHeaderBytes,
  type TransientFrame,
  writeFrame,
  writeStreamHeader,
} from "../wire/frame.ts";
import {
  BARE_HEADER_BYTES,
  SHORT_HEADER_BYTES,
  shortFirstByte,
  writeShortHeader,
} from "../wire/packet_header.ts";
import type { AckTracker } from "./ack_tracker.ts";
import type { ControlQueue } from "./control_queue.ts";
import type { LossDetection } from "./loss_detection.ts";
import { PacketBody } from "./packet_body.ts";
import type { PacketProtection } from "./packet_protection.ts";
import type { StreamLayer } from "./streams/stream_layer.ts";

/** A stream frame beyond the first in its packet. */
export interface ExtraStreamFrame {
  /** Stream. */
  readonly streamId: number;
  /** Stream offset. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** End of stream. */
  readonly isFin: boolean;
}

/** The parts that a packet is filled from. */
export interface BuilderParts {
  /** Connection ID of the receiver; null when it needs none. */
  readonly remoteId: ConnectionId | null;
  /** Most ranges of an ACK that the receiver reads. */
  readonly maxAckRanges: number;
  /** Acknowledgements that we owe. */
  readonly acks: AckTracker;
  /** Control frames. */
  readonly control: ControlQueue;
  /** Stream bytes. */
  readonly streams: StreamLayer;
  /** Where packets are recorded. */
  readonly loss: LossDetection;
  /** Seals. */
  readonly protection: PacketProtection;
}

/** What one packet may hold. */
export interface PacketPlan {
  /** Most bytes of the packet, header and tag included. */
  readonly limitBytes: number;
  /** Stream bytes and control frames may go; otherwise only an acknowledgement. */
  readonly mayCarryData: boolean;
  /** Control frames may go even so: the user's cap holds back data, not the credit that the peer needs. */
  readonly mayCarryControl?: boolean;
  /**
   * This packet may go to somebody else: an acknowledgement that is owed stays owed, and its own says nothing
   * of the path. RFC 9000 §9.4.
   */
  readonly isElsewhere?: boolean;
  /** Frames of this packet alone. */
  readonly transient: readonly TransientFrame[];
  /** One more, behind everything else: nothing after a CONNECTION_CLOSE is read. */
  readonly last?: TransientFrame;
  /** Pad to `limitBytes` and treat as an MTU probe. */
  readonly isMtuProbe: boolean;
  /** Nothing follows this packet soon: ask for an acknowledgement at once when it is the last. */
  readonly asksForAckAtEnd: boolean;
}

/** A packet this close to its limit is padded when more follows. */
const PADDED_UP_BYTES = 48;

/** Builds packets of one connection. */
export class PacketBuilder {
  readonly #parts: BuilderParts;
  readonly #extra = new Map<number, ExtraStreamFrame[]>();
  readonly #body = new PacketBody();
  readonly #header: {
    firstByte: number;
    destination: ConnectionId | null;
    packetBytes: number;
    packetNumber: number;
  };
  readonly #headerBytes: number;
  readonly #maxAckRanges: number;
  #streamHeader = { streamId: 0, offset: 0, length: 0, isFin: false, isLast: false };

  /** Uses these parts for the connection's life. */
  constructor(parts: BuilderParts) {
    this.#parts = parts;
    const destination = parts.remoteId;
    this.#header = { firstByte: 0, destination, packetBytes: 0, packetNumber: 0 };
    this.#maxAckRanges = Math.min(parts.maxAckRanges, MAX_ACK_RANGES);
    this.#headerBytes = destination === null ? BARE_HEADER_BYTES : SHORT_HEADER_BYTES;
  }

  /** Stream frames beyond the first in a packet; taken out of the books. */
  takeExtra(packetNumber: number): readonly ExtraStreamFrame[] {
    const frames = this.#extra.get(packetNumber) ?? [];
    this.#extra.delete(packetNumber);
    return frames;
  }

  /** The same, left in the books. */
  peekExtra(packetNumber: number): readonly ExtraStreamFrame[] {
    return this.#extra.get(packetNumber) ?? [];
  }

  /** Writes one packet at `start`. Returns its size in bytes, 0 when there was nothing to put in. */
  build(buffer: Uint8Array, start: number, plan: PacketPlan, nowMs: number): number {
    const { acks, control, streams, loss, protection } = this.#parts;
    const packetNumber = loss.nextPacketNumber;
    const bodyStart = start + this.#headerBytes;
    const body = this.#body;
    body.begin(buffer, bodyStart);
    const lastBytes = plan.last === undefined ? 0 : frameBytes(plan.last);
    const limit = start + plan.limitBytes - TAG_BYTES - lastBytes;
    let at = bodyStart;
    let flags = 0;
    let isEliciting = false;
    const carriesAck = acks.isReady(nowMs) && !plan.isMtuProbe && !plan.isElsewhere;
    if (carriesAck) {
      let ackLimit = limit;
      for (const frame of plan.transient) ackLimit -= frameBytes(frame);
      at = writeAckFrame(buffer, at, ackLimit, {
        received: acks.received,
        delayUs: acks.delayUs(nowMs),
        lateFrom: acks.lateFrom,
        maxRanges: this.#maxAckRanges,
      });
    }
    for (const frame of plan.transient) {
      at = writeFrame(buffer, at, frame);
      isEliciting = true;
    }
    let streamId = -1;
    let streamOffset = 0;
    let streamLength = 0;
    const canFill = plan.last === undefined;
    if (plan.mayCarryData || plan.mayCarryControl) {
      for (let frame = control.next; frame !== undefined; frame = control.next) {
        if (at + frameBytes(frame) > limit) break;
        at = writeFrame(buffer, at, frame);
        control.onWritten(packetNumber);
        flags |= FLAG_CONTROL;
        isEliciting = true;
      }
    }
    if (plan.mayCarryData) {
      for (let entry = streams.nextStream(); entry !== null; entry = streams.nextStream()) {
        const room = limit - at;
        const lengthBytes = varintLength(room);
        const headerBytes = streamHeaderBytes(entry.id, entry.send.sentEnd);
        const dataRoom = room - headerBytes - (canFill ? 0 : lengthBytes);
        if (dataRoom <= 0) break;
        const chunk = streams.takeChunk(entry, dataRoom);
        if (chunk === null) break;
        const header = this.#streamHeader;
        header.streamId = entry.id;
        header.offset = chunk.offset;
        header.length = chunk.length;
        header.isFin = chunk.isFin;
        // A frame that leaves no room for its length field is the last one, and needs none.
        const restBytes = room - streamHeaderBytes(entry.id, chunk.offset) - chunk.length;
        header.isLast = canFill && restBytes < lengthBytes;
        if (header.isLast) at = writePadding(buffer, at, restBytes);
        at = writeStreamHeader(buffer, at, header);
        body.addStreamBytes(at, entry.send, chunk);
        at += chunk.length;
        isEliciting = true;
        if (streamId < 0) {
          streamId = entry.id;
          streamOffset = chunk.offset;
          streamLength = chunk.length;
          if (chunk.isFin) flags |= FLAG_FIN;
        } else {
          flags |= FLAG_MORE_STREAMS;
          this.#addExtra(packetNumber, header);
        }
      }
    }
    if (plan.last !== undefined) at = writeFrame(buffer, at, plan.last);
    if (at === bodyStart) return 0;
    // All packets of a batch but the last have one size (UDP GSO): a few bytes short is padded up.
    const isNearlyFull = streamId >= 0 && at < limit && limit - at < PADDED_UP_BYTES;
    if (plan.isMtuProbe || (isNearlyFull && streams.hasPending())) {
      at = writePadding(buffer, at, limit - at);
    }
    const packetBytes = at + TAG_BYTES - start;
    const isImmediate = isEliciting && plan.asksForAckAtEnd && !streams.hasPending();
    const header = this.#header;
    header.firstByte = shortFirstByte(protection.keyPhase, isImmediate || plan.isMtuProbe);
    header.packetBytes = packetBytes;
    header.packetNumber = packetNumber;
    writeShortHeader(buffer, start, header);
    body.seal(protection, start, at, packetNumber);
    const slot = loss.onPacketSent({
      sizeBytes: packetBytes,
      isAckEliciting: isEliciting && !plan.isElsewhere,
      isMtuProbe: plan.isMtuProbe,
    }, nowMs);
    loss.ring.flags[slot] = plan.isMtuProbe ? FLAG_MTU_PROBE : flags;
    loss.ring.streamId[slot] = streamId;
    loss.ring.streamOffset[slot] = streamOffset;
    loss.ring.streamLength[slot] = streamLength;
    if (carriesAck) acks.onAckSent();
    return packetBytes;
  }

  #addExtra(packetNumber: number, frame: ExtraStreamFrame): void {
    const list = this.#extra.get(packetNumber);
    if (list === undefined) this.#extra.set(packetNumber, [{ ...frame }]);
    else list.push({ ...frame });
  }
}

/** PADDING frames. RFC 9000 §19.1. */
function writePadding(buffer: Uint8Array, at: number, length: number): number {
  if (length > 0) buffer.fill(0, at, at + length);
  return at + length;
}
