/**
 * Every frame: its shape, how it is written, how it is read. RFC 9000 §19 types and layouts; the ACK
 * has its own file.
 *
 * Writing happens straight into the packet; reading never copies. A STREAM frame's bytes stay where
 * they are and the frame says where.
 *
 * @module
 */
import { ByteReader, TruncatedError } from "../bytes/byte_reader.ts";
import { assertNever } from "../bytes/invariant.ts";
import { varintLength, writeVarint } from "../bytes/varint.ts";
import { ACK_TYPE, type AckFrame, readAckFrame } from "./ack_frame.ts";

/** Bytes of a stream. RFC 9000 §19.8. The object is reused: valid until the next frame is read. */
export interface StreamFrame {
  /** Tells it apart in the frame union. */
  kind: "stream";
  /** The stream. */
  streamId: number;
  /** Stream offset of the first byte. */
  offset: number;
  /** Where the bytes begin in the packet's buffer. */
  start: number;
  /** How many bytes. */
  length: number;
  /** The stream ends behind these bytes. */
  isFin: boolean;
}

/** RESET_STREAM, RFC 9000 §19.4. */
export interface ResetStreamFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "reset-stream";
  /** The stream that the sender abandons. */
  readonly streamId: number;
  /** Application error code. */
  readonly code: number;
  /** Bytes that count as sent. */
  readonly finalSize: number;
}

/** STOP_SENDING, RFC 9000 §19.5. */
export interface StopSendingFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "stop-sending";
  /** The stream that is not read any more. */
  readonly streamId: number;
  /** Application error code. */
  readonly code: number;
}

/** MAX_DATA, RFC 9000 §19.9, and MAX_STREAMS, §19.11. */
export interface LimitFrame {
  /** Bytes on all streams, or number of streams. */
  readonly kind: "max-data" | "max-streams";
  /** The new limit; limits only grow. */
  readonly limit: number;
}

/** MAX_STREAM_DATA, RFC 9000 §19.10. */
export interface MaxStreamDataFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "max-stream-data";
  /** The stream that may go on. */
  readonly streamId: number;
  /** The new limit, a stream offset. */
  readonly limit: number;
}

/** HANDSHAKE_DONE, RFC 9000 §19.20: the server has the client's FINISH. */
export interface HandshakeDoneFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "handshake-done";
}

/** ACK_FREQUENCY, draft-ietf-quic-ack-frequency §4. */
export interface AckFrequencyFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "ack-frequency";
  /** Later frames have higher numbers; older ones that come late are ignored. */
  readonly sequence: number;
  /** Packets after which an ACK is wanted. */
  readonly packetThreshold: number;
  /** Longest wait before an ACK, microseconds. */
  readonly maxAckDelayUs: number;
}

/** Frames that are sent again when their packet is lost. */
export type ControlFrame =
  | ResetStreamFrame
  | StopSendingFrame
  | LimitFrame
  | MaxStreamDataFrame
  | HandshakeDoneFrame
  | AckFrequencyFrame;

/** PADDING and PING, RFC 9000 §19.1 and §19.2. */
export interface EmptyFrame {
  /** Which of the two. When read, a run of PADDING is one frame: a probe of the path holds 64 KB of it. */
  readonly kind: "padding" | "ping";
}

/** DATA_BLOCKED, RFC 9000 §19.12. */
export interface DataBlockedFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "data-blocked";
  /** The limit that stopped the sender. */
  readonly limit: number;
}

/** PATH_CHALLENGE and PATH_RESPONSE, RFC 9000 §19.17 and §19.18. */
export interface PathFrame {
  /** Question or answer. */
  readonly kind: "path-challenge" | "path-response";
  /** Eight random bytes, the same in both. */
  readonly token: Uint8Array;
}

/** CONNECTION_CLOSE, RFC 9000 §19.19. */
export interface ConnectionCloseFrame {
  /** Tells it apart in the frame union. */
  readonly kind: "connection-close";
  /** Closed by the application rather than because of a protocol error. */
  readonly isApplication: boolean;
  /** Application or transport error code. */
  readonly code: number;
  /** Text for people, at most 256 bytes; untrusted. */
  readonly reason: string;
}

/** Frames that live for one packet only. */
export type TransientFrame = EmptyFrame | DataBlockedFrame | PathFrame | ConnectionCloseFrame;

/** Any frame. */
export type Frame = StreamFrame | AckFrame | ControlFrame | TransientFrame;

/** The bytes of a packet are not frames as defined. RFC 9000 §20.1 FRAME_ENCODING_ERROR. */
export class FrameEncodingError extends Error {
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FrameEncodingError";
  }
}

const PADDING = 0x00;
const PING = 0x01;
const RESET_STREAM = 0x04;
const STOP_SENDING = 0x05;
const STREAM = 0x08;
const STREAM_FIN = 0x01;
const STREAM_LEN = 0x02;
const STREAM_OFF = 0x04;
const MAX_DATA = 0x10;
const MAX_STREAM_DATA = 0x11;
const MAX_STREAMS = 0x12;
const DATA_BLOCKED = 0x14;
const PATH_CHALLENGE = 0x1a;
const PATH_RESPONSE = 0x1b;
const CONNECTION_CLOSE = 0x1c;
const APPLICATION_CLOSE = 0x1d;
const HANDSHAKE_DONE = 0x1e;
/** draft-ietf-quic-ack-frequency; its number takes two bytes there, one here. */
const ACK_FREQUENCY = 0x2f;

const PATH_TOKEN_BYTES = 8;
const MAX_REASON_BYTES = 256;

/** Bytes of a STREAM frame's header for bytes from `offset` on, without the length field. */
export function streamHeaderBytes(streamId: number, offset: number): number {
  return 1 + varintLength(streamId) + (offset === 0 ? 0 : varintLength(offset));
}

/**
 * Writes a STREAM frame's header at `at`; the data follows at the returned offset.
 *
 * @param frame `isLast`: its data ends where the packet ends, so that no length field is needed.
 */
export function writeStreamHeader(
  bytes: Uint8Array,
  at: number,
  frame: { streamId: number; offset: number; length: number; isFin: boolean; isLast: boolean },
): number {
  bytes[at] = STREAM | (frame.isLast ? 0 : STREAM_LEN) | (frame.offset === 0 ? 0 : STREAM_OFF) |
    (frame.isFin ? STREAM_FIN : 0);
  let next = writeVarint(bytes, at + 1, frame.streamId);
  if (frame.offset !== 0) next = writeVarint(bytes, next, frame.offset);
  return frame.isLast ? next : writeVarint(bytes, next, frame.length);
}

/** Bytes that {@linkcode writeFrame} needs. */
export function frameBytes(frame: ControlFrame | TransientFrame): number {
  switch (frame.kind) {
    case "padding":
    case "ping":
    case "handshake-done":
      return 1;
    case "reset-stream":
      return 1 + varintLength(frame.streamId) + varintLength(frame.code) +
        varintLength(frame.finalSize);
    case "stop-sending":
      return 1 + varintLength(frame.streamId) + varintLength(frame.code);
    case "max-data":
    case "max-streams":
    case "data-blocked":
      return 1 + varintLength(frame.limit);
    case "max-stream-data":
      return 1 + varintLength(frame.streamId) + varintLength(frame.limit);
    case "path-challenge":
    case "path-response":
      return 1 + PATH_TOKEN_BYTES;
    case "ack-frequency":
      return 1 + varintLength(frame.sequence) + varintLength(frame.packetThreshold) +
        varintLength(frame.maxAckDelayUs);
    case "connection-close": {
      const length = reasonBytes(frame.reason).length;
      return 1 + varintLength(frame.code) + varintLength(length) + length;
    }
    default:
      return assertNever(frame);
  }
}

/** Writes a frame at `at` and returns the offset behind it. The caller has made sure of the room. */
export function writeFrame(
  bytes: Uint8Array,
  at: number,
  frame: ControlFrame | TransientFrame,
): number {
  switch (frame.kind) {
    case "padding":
      bytes[at] = PADDING;
      return at + 1;
    case "ping":
      bytes[at] = PING;
      return at + 1;
    case "handshake-done":
      bytes[at] = HANDSHAKE_DONE;
      return at + 1;
    case "reset-stream":
      return writeNumbers(bytes, at, RESET_STREAM, [frame.streamId, frame.code, frame.finalSize]);
    case "stop-sending":
      return writeNumbers(bytes, at, STOP_SENDING, [frame.streamId, frame.code]);
    case "max-data":
      return writeNumbers(bytes, at, MAX_DATA, [frame.limit]);
    case "max-stream-data":
      return writeNumbers(bytes, at, MAX_STREAM_DATA, [frame.streamId, frame.limit]);
    case "max-streams":
      return writeNumbers(bytes, at, MAX_STREAMS, [frame.limit]);
    case "data-blocked":
      return writeNumbers(bytes, at, DATA_BLOCKED, [frame.limit]);
    case "ack-frequency":
      return writeNumbers(bytes, at, ACK_FREQUENCY, [
        frame.sequence,
        frame.packetThreshold,
        frame.maxAckDelayUs,
      ]);
    case "path-challenge":
    case "path-response":
      bytes[at] = frame.kind === "path-challenge" ? PATH_CHALLENGE : PATH_RESPONSE;
      bytes.set(frame.token, at + 1);
      return at + 1 + PATH_TOKEN_BYTES;
    case "connection-close": {
      const reason = reasonBytes(frame.reason);
      const type = frame.isApplication ? APPLICATION_CLOSE : CONNECTION_CLOSE;
      const next = writeNumbers(bytes, at, type, [frame.code, reason.length]);
      bytes.set(reason, next);
      return next + reason.length;
    }
    default:
      return assertNever(frame);
  }
}

/** Reads the frames of one opened packet, one after another. */
export class FrameReader {
  #reader = new ByteReader(new Uint8Array(0));
  #stream: StreamFrame = {
    kind: "stream",
    streamId: 0,
    offset: 0,
    start: 0,
    length: 0,
    isFin: false,
  };

  /** Points the reader at the frames in `bytes[start, end)`. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#reader.reset(bytes, start, end);
  }

  /**
   * The next frame, or null at the end of the packet.
   *
   * @throws {FrameEncodingError} and nothing else, whatever the bytes are.
   */
  next(): Frame | null {
    const reader = this.#reader;
    if (reader.remaining === 0) return null;
    try {
      const type = reader.u8();
      if ((type & 0xf8) === STREAM) return this.#readStream(type);
      return readOther(type, reader);
    } catch (cause) {
      if (cause instanceof TruncatedError || cause instanceof RangeError) {
        throw new FrameEncodingError(cause.message, { cause });
      }
      throw cause;
    }
  }

  #readStream(type: number): StreamFrame {
    const reader = this.#reader;
    const frame = this.#stream;
    frame.streamId = reader.varint();
    frame.offset = (type & STREAM_OFF) === 0 ? 0 : reader.varint();
    frame.length = (type & STREAM_LEN) === 0 ? reader.remaining : reader.varint();
    frame.start = reader.position;
    frame.isFin = (type & STREAM_FIN) !== 0;
    if (frame.length > reader.remaining) throw new TruncatedError("Expected more stream bytes");
    if (frame.offset + frame.length > Number.MAX_SAFE_INTEGER) {
      throw new TruncatedError("Expected stream offsets below 2^53");
    }
    reader.position += frame.length;
    return frame;
  }
}

function readOther(type: number, reader: ByteReader): Frame {
  switch (type) {
    case PADDING:
      reader.skipRun(PADDING);
      return PADDING_FRAME;
    case PING:
      return PING_FRAME;
    case ACK_TYPE:
      return readAckFrame(reader);
    case RESET_STREAM:
      return {
        kind: "reset-stream",
        streamId: reader.varint(),
        code: reader.varint(),
        finalSize: reader.varint(),
      };
    case STOP_SENDING:
      return { kind: "stop-sending", streamId: reader.varint(), code: reader.varint() };
    case MAX_DATA:
      return { kind: "max-data", limit: reader.varint() };
    case MAX_STREAM_DATA:
      return { kind: "max-stream-data", streamId: reader.varint(), limit: reader.varint() };
    case MAX_STREAMS:
      return { kind: "max-streams", limit: reader.varint() };
    case DATA_BLOCKED:
      return { kind: "data-blocked", limit: reader.varint() };
    case PATH_CHALLENGE:
      return { kind: "path-challenge", token: reader.bytes(PATH_TOKEN_BYTES).slice() };
    case PATH_RESPONSE:
      return { kind: "path-response", token: reader.bytes(PATH_TOKEN_BYTES).slice() };
    case CONNECTION_CLOSE:
    case APPLICATION_CLOSE: {
      const code = reader.varint();
      const length = reader.varint();
      if (length > MAX_REASON_BYTES) throw new TruncatedError("Expected a reason of 256 bytes");
      return {
        kind: "connection-close",
        isApplication: type === APPLICATION_CLOSE,
        code,
        reason: reader.text(length),
      };
    }
    case HANDSHAKE_DONE:
      return { kind: "handshake-done" };
    case ACK_FREQUENCY:
      return {
        kind: "ack-frequency",
        sequence: reader.varint(),
        packetThreshold: reader.varint(),
        maxAckDelayUs: reader.varint(),
      };
    default:
      throw new FrameEncodingError(`Unknown frame type 0x${type.toString(16)}`);
  }
}

const PADDING_FRAME: TransientFrame = { kind: "padding" };
const PING_FRAME: TransientFrame = { kind: "ping" };

function writeNumbers(bytes: Uint8Array, at: number, type: number, values: number[]): number {
  bytes[at] = type;
  let next = at + 1;
  for (const value of values) next = writeVarint(bytes, next, value);
  return next;
}

function reasonBytes(reason: string): Uint8Array {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= MAX_REASON_BYTES) return bytes;
  // Cut at a character, not inside one.
  let end = MAX_REASON_BYTES;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
