/**
 * What both sides tell each other during the handshake. RFC 9000 §18, with parameters of our own.
 *
 * Each parameter is `varint id, varint length, value`; unknown ones are skipped, so newer versions may
 * add some.
 *
 * @module
 */
import { ByteReader, TruncatedError } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { BASE_ACK_RANGES } from "./ack_frame.ts";

/** Parameters of one side. All sizes in bytes, all times in milliseconds. */
export interface TransportParameters {
  /** The connection ends after this much silence. RFC 9000 §10.1. */
  readonly maxIdleTimeoutMs: number;
  /** Largest UDP payload that this side can receive. */
  readonly maxUdpPayloadBytes: number;
  /** Credit for all streams together at the start. RFC 9000 §4.1. */
  readonly initialMaxDataBytes: number;
  /** Credit for each stream at the start. */
  readonly initialMaxStreamDataBytes: number;
  /** How many streams the other side may open. */
  readonly initialMaxStreams: number;
  /** What the socket's receive buffer holds: a sender must not burst more than a part of it. */
  readonly receiveBufferBytes: number;
  /** Cipher suites: all that are possible in the client's list, the chosen one in the server's. */
  readonly suites: readonly string[];
  /** Packets to this side need no connection ID: its socket has no other connection. RFC 9000 §5.1. */
  readonly omitsConnectionId: boolean;
  /** What the programs above the transport can do, one bit each; none in versions without it. */
  readonly features: number;
  /** Most ranges of an ACK that this side reads. */
  readonly maxAckRanges: number;
  /** Name and version of the program, for people. */
  readonly agent: string;
}

const ID_MAX_IDLE_TIMEOUT = 0x01;
const ID_MAX_UDP_PAYLOAD = 0x03;
const ID_INITIAL_MAX_DATA = 0x04;
const ID_INITIAL_MAX_STREAM_DATA = 0x05;
const ID_INITIAL_MAX_STREAMS = 0x08;
const ID_RECEIVE_BUFFER = 0x3f01;
const ID_SUITES = 0x3f02;
const ID_AGENT = 0x3f03;
const ID_FEATURES = 0x3f04;
const ID_OMIT_CONNECTION_ID = 0x3f05;
const ID_MAX_ACK_RANGES = 0x3f06;

/** Encodes all parameters. */
export function encodeTransportParameters(parameters: TransportParameters): Uint8Array {
  const out = new ByteWriter();
  const number = (id: number, value: number) => {
    const encoded = new ByteWriter(8).varint(value).finish();
    out.varint(id).varint(encoded.length).bytes(encoded);
  };
  const text = (id: number, value: string) => {
    const encoded = new TextEncoder().encode(value);
    out.varint(id).varint(encoded.length).bytes(encoded);
  };
  number(ID_MAX_IDLE_TIMEOUT, parameters.maxIdleTimeoutMs);
  number(ID_MAX_UDP_PAYLOAD, parameters.maxUdpPayloadBytes);
  number(ID_INITIAL_MAX_DATA, parameters.initialMaxDataBytes);
  number(ID_INITIAL_MAX_STREAM_DATA, parameters.initialMaxStreamDataBytes);
  number(ID_INITIAL_MAX_STREAMS, parameters.initialMaxStreams);
  number(ID_RECEIVE_BUFFER, parameters.receiveBufferBytes);
  text(ID_SUITES, parameters.suites.join(","));
  text(ID_AGENT, parameters.agent);
  number(ID_FEATURES, parameters.features);
  number(ID_OMIT_CONNECTION_ID, parameters.omitsConnectionId ? 1 : 0);
  number(ID_MAX_ACK_RANGES, parameters.maxAckRanges);
  return out.finish();
}

/**
 * Decodes parameters; absent ones get the RFC's defaults.
 *
 * @throws {TruncatedError} for malformed bytes, a repeated parameter or a value out of range.
 */
export function decodeTransportParameters(bytes: Uint8Array): TransportParameters {
  const reader = new ByteReader(bytes);
  const seen = new Map<number, Uint8Array>();
  while (reader.remaining > 0) {
    const id = reader.varint();
    const value = reader.bytes(reader.varint());
    if (seen.has(id)) throw new TruncatedError(`Expected transport parameter ${id} once`);
    seen.set(id, value);
  }
  const number = (id: number, absent: number, minimum: number): number => {
    const value = seen.get(id);
    if (value === undefined) return absent;
    const inner = new ByteReader(value);
    const decoded = inner.varint();
    if (inner.remaining > 0 || decoded < minimum) {
      throw new TruncatedError(`Expected transport parameter ${id} of at least ${minimum}`);
    }
    return decoded;
  };
  const text = (id: number): string => {
    const value = seen.get(id);
    return value === undefined ? "" : new ByteReader(value).text(value.length);
  };
  return {
    maxIdleTimeoutMs: number(ID_MAX_IDLE_TIMEOUT, 0, 0),
    maxUdpPayloadBytes: number(ID_MAX_UDP_PAYLOAD, 65_527, 1200),
    initialMaxDataBytes: number(ID_INITIAL_MAX_DATA, 0, 0),
    initialMaxStreamDataBytes: number(ID_INITIAL_MAX_STREAM_DATA, 0, 0),
    initialMaxStreams: number(ID_INITIAL_MAX_STREAMS, 0, 0),
    receiveBufferBytes: number(ID_RECEIVE_BUFFER, 212_992, 0),
    suites: text(ID_SUITES).split(",").filter((name) => name !== ""),
    agent: text(ID_AGENT).slice(0, 64),
    features: number(ID_FEATURES, 0, 0),
    maxAckRanges: number(ID_MAX_ACK_RANGES, BASE_ACK_RANGES, 1),
    omitsConnectionId: number(ID_OMIT_CONNECTION_ID, 0, 0) === 1,
  };
}
