/**
 * Packet headers, and the coding of packet numbers. After RFC 9000 §17 and Appendix A.
 *
 * ```
 * short (established)                     long (handshake)
 *  0 u8   0 1 B 0 | 0 K I 0               0 u8   1 1 0 0 | type
 *  1      destination connection ID       1 u32  version
 *  9 u16  length of this packet           5      destination connection ID
 * 11 u32  packet number, low 32 bits     13      source connection ID
 * 15 …    sealed frames, 16-byte tag     21 u16  length of this packet
 *                                        23 …    depends on the type
 * ```
 * K is the key phase (RFC 9001 §6), I asks for an acknowledgement at once. B marks a bare header: one without
 * connection ID, 7 bytes, for a receiver whose socket has no other connection (RFC 9000 §5.1). Every packet carries its own
 * length, because a coalesced receive (UDP GRO) hands over several packets back to back and does not
 * say where one ends.
 *
 * @module
 */
import { CONNECTION_ID_BYTES, ConnectionId, readU32, writeU32 } from "./connection_id.ts";

/** The version spoken here. */
export const VERSION = 0x46_52_59_01; // "FRY" 1
/** Bytes of a short header with a connection ID: all of them are associated data of the seal. */
export const SHORT_HEADER_BYTES = 15;
/** Bytes of one without: likewise. */
export const BARE_HEADER_BYTES = SHORT_HEADER_BYTES - CONNECTION_ID_BYTES;
/** Bytes of a long header. */
export const LONG_HEADER_BYTES = 23;
/** Size that the client's first packet is padded to, so that no answer is larger. RFC 9000 §14.1. */
export const MIN_INITIAL_BYTES = 1200;

const SHORT_FORM = 0x40;
const KEY_PHASE = 0x04;
const IMMEDIATE_ACK = 0x02;
const BARE = 0x20;
const SHORT_RESERVED = 0x99;
const LONG_FORM = 0xc0;

/** What a long header introduces. */
export type LongPacketType =
  | "initial"
  | "reply"
  | "finish"
  | "retry"
  | "version-negotiation"
  | "refusal";

const LONG_TYPES: readonly LongPacketType[] = [
  "initial",
  "reply",
  "finish",
  "retry",
  "version-negotiation",
  "refusal",
];

/** A parsed long header. */
export interface LongHeader {
  /** What follows the header. */
  readonly type: LongPacketType;
  /** Version that the sender speaks. */
  readonly version: number;
  /** Connection ID that the receiver chose; all zero in the client's first packet. */
  readonly destination: ConnectionId;
  /** Connection ID that the sender wants to be called by. */
  readonly source: ConnectionId;
  /** Bytes of the whole packet, header included. */
  readonly packetBytes: number;
}

/**
 * Bytes of the packet that begins at `offset`, read from its own length field; 0 when what is there
 * cannot be a packet. `end` is the end of the datagram.
 */
export function packetLengthAt(bytes: Uint8Array, offset: number, end: number): number {
  const first = bytes[offset]!;
  const isLong = (first & 0x80) !== 0;
  const headerBytes = isLong ? LONG_HEADER_BYTES : shortHeaderBytes(first);
  const at = offset + headerBytes - (isLong ? 2 : 6);
  const minimum = isLong ? headerBytes : headerBytes + 16;
  if (end - offset < minimum) return 0;
  const length = (bytes[at]! << 8) | bytes[at + 1]!;
  return length < minimum || length > end - offset ? 0 : length;
}

/** True when the packet that begins with this byte has a long header. */
export function isLongHeader(firstByte: number): boolean {
  return (firstByte & 0x80) !== 0;
}

/** True when the packet that begins with this byte is an INITIAL: the one that strangers send. */
export function isInitial(firstByte: number): boolean {
  return firstByte === LONG_FORM;
}

/** True when the byte is a short header's first one, reserved bits zero. */
export function isShortHeader(firstByte: number): boolean {
  return (firstByte & SHORT_RESERVED) === 0 && (firstByte & SHORT_FORM) !== 0;
}

/** True when a short header's first byte says that it has no connection ID. */
export function isBareHeader(firstByte: number): boolean {
  return (firstByte & BARE) !== 0;
}

/** Bytes of the short header with this first byte. */
export function shortHeaderBytes(firstByte: number): number {
  return (firstByte & BARE) === 0 ? SHORT_HEADER_BYTES : BARE_HEADER_BYTES;
}

/** The key phase bit of a short header's first byte: 0 or 1. */
export function keyPhaseOf(firstByte: number): 0 | 1 {
  return (firstByte & KEY_PHASE) === 0 ? 0 : 1;
}

/** True when the sender asks for an acknowledgement at once. */
export function asksForImmediateAck(firstByte: number): boolean {
  return (firstByte & IMMEDIATE_ACK) !== 0;
}

/** First byte of a short header with a connection ID. */
export function shortFirstByte(keyPhase: 0 | 1, isImmediateAck: boolean): number {
  return SHORT_FORM | (keyPhase === 1 ? KEY_PHASE : 0) | (isImmediateAck ? IMMEDIATE_ACK : 0);
}

/** Writes a short header at `offset`, a bare one for a null destination. */
export function writeShortHeader(
  bytes: Uint8Array,
  offset: number,
  header: {
    firstByte: number;
    destination: ConnectionId | null;
    packetBytes: number;
    packetNumber: number;
  },
): void {
  const { destination } = header;
  let at = offset + 1;
  if (destination === null) bytes[offset] = header.firstByte | BARE;
  else {
    bytes[offset] = header.firstByte;
    destination.write(bytes, at);
    at += CONNECTION_ID_BYTES;
  }
  bytes[at] = header.packetBytes >>> 8;
  bytes[at + 1] = header.packetBytes;
  writeU32(bytes, at + 2, truncatePacketNumber(header.packetNumber));
}

/** Writes the 23 bytes of a long header at `offset`. */
export function writeLongHeader(bytes: Uint8Array, offset: number, header: LongHeader): void {
  bytes[offset] = LONG_FORM | LONG_TYPES.indexOf(header.type);
  writeU32(bytes, offset + 1, header.version);
  header.destination.write(bytes, offset + 5);
  header.source.write(bytes, offset + 5 + CONNECTION_ID_BYTES);
  bytes[offset + 21] = header.packetBytes >>> 8;
  bytes[offset + 22] = header.packetBytes;
}

/** Parses the long header at `offset`, whose length field was checked; null when the type is unknown. */
export function readLongHeader(bytes: Uint8Array, offset: number): LongHeader | null {
  const type = LONG_TYPES[bytes[offset]! & 0x3f];
  if (type === undefined || (bytes[offset]! & 0xc0) !== LONG_FORM) return null;
  return {
    type,
    version: readU32(bytes, offset + 1),
    destination: ConnectionId.read(bytes, offset + 5),
    source: ConnectionId.read(bytes, offset + 5 + CONNECTION_ID_BYTES),
    packetBytes: (bytes[offset + 21]! << 8) | bytes[offset + 22]!,
  };
}

/** The low 32 bits of a packet number, as they travel. */
export function truncatePacketNumber(packetNumber: number): number {
  return packetNumber >>> 0;
}

/**
 * The full packet number that `truncated` (its low `bits` bits, 1 to 32) most likely stands for.
 * RFC 9000 §A.3.
 *
 * @param largest Largest packet number opened so far; -1 before the first.
 */
export function decodePacketNumber(largest: number, truncated: number, bits: number = 32): number {
  const expected = largest + 1;
  const window = 2 ** bits;
  const half = window / 2;
  const candidate = Math.floor(expected / window) * window + truncated;
  if (candidate <= expected - half && candidate < Number.MAX_SAFE_INTEGER - window) {
    return candidate + window;
  }
  if (candidate > expected + half && candidate >= window) return candidate - window;
  return candidate;
}

/** The truncated packet number of the short packet at `offset`. */
export function readTruncatedPacketNumber(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + shortHeaderBytes(bytes[offset]!) - 4);
}
