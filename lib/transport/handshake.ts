/**
 * The handshake: three packets around a Noise XXpsk0 run, one round trip before the first request.
 *
 * ```
 * client                                                     server
 * INITIAL  method, token, Noise 1 (parameters), padding  →
 *                                                        ←   RETRY   token (only under load)
 * INITIAL  the same with the token and a fresh key       →
 *                                                        ←   REPLY   Noise 2 (parameters)
 * FINISH   Noise 3 (parameters)                          →
 * first sealed packets                                   →
 * ```
 * The Noise prologue holds every byte of the INITIAL before its Noise message, so version, method and
 * token cannot be changed on the way without the handshake failing.
 *
 * @module
 */
import { ByteReader, TruncatedError } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  type Entropy,
  HandshakeError,
  type Identity,
  NoiseHandshake,
  type SuiteName,
  SUITES,
} from "../crypto/mod.ts";
import { ConnectionId } from "../wire/connection_id.ts";
import {
  LONG_HEADER_BYTES,
  type LongPacketType,
  MIN_INITIAL_BYTES,
  VERSION,
  writeLongHeader,
} from "../wire/packet_header.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from "../wire/transport_parameters.ts";

/** What the messages of a handshake agree on. */
export interface HandshakeAgreement {
  /** Our connection ID: packets for us carry it. */
  readonly localId: ConnectionId;
  /** The peer's connection ID: packets for it carry it. */
  readonly remoteId: ConnectionId;
  /** Suite chosen by the server. */
  readonly suite: SuiteName;
  /** 32-byte secret of what we send. */
  readonly sendSecret: Uint8Array;
  /** 32-byte secret of what we receive. */
  readonly receiveSecret: Uint8Array;
  /** The peer's parameters. */
  readonly peerParameters: TransportParameters;
  /** The peer's long-term public key, which it has proved to hold. */
  readonly remoteIdentity: Uint8Array;
  /** Hash of the whole handshake, 32 bytes. */
  readonly handshakeHash: Uint8Array;
  /** How the client proved itself: one of the METHOD_ numbers. */
  readonly method: number;
}

/** What a finished handshake gives to the connection. */
export interface HandshakeResult extends HandshakeAgreement {
  /** Round trip measured by the handshake, ms; NaN when a packet was sent more than once. */
  readonly rttMs: number;
  /** Time since the newest packet that may have been answered, ms: the round trip took at least so long. */
  readonly leastRttMs: number;
}

/** No proof: the pre-shared key is all zero. */
export const METHOD_NONE = 0;
/** The pre-shared key is the cookie that only the server's own user can read. */
export const METHOD_COOKIE = 1;

const CONTEXT = new TextEncoder().encode("Ferry transport 1");

/** What both roles need. */
export interface HandshakeOptions {
  /** Long-term key pair. */
  readonly identity: Identity;
  /** Source of connection IDs and ephemeral keys. */
  readonly entropy: Entropy;
  /** Our parameters; `suites` lists what we can do, best first. */
  readonly parameters: TransportParameters;
}

/** The client's half. */
export class ClientHandshake {
  /** Our connection ID. */
  readonly localId: ConnectionId;
  /** The INITIAL, ready to be sent again. */
  readonly initial: Uint8Array;
  #noise: NoiseHandshake;
  #method: number;

  /**
   * Prepares the INITIAL. `psk` is 32 bytes that belong to `method`; zeros for METHOD_NONE. A token belongs
   * to the connection ID of the INITIAL that it was given for: then `localId` is that one.
   */
  constructor(
    options: HandshakeOptions & {
      method: number;
      psk: Uint8Array;
      token: Uint8Array;
      localId?: ConnectionId;
    },
  ) {
    this.localId = options.localId ?? randomConnectionId(options.entropy);
    this.#method = options.method;
    const packet = new Uint8Array(MIN_INITIAL_BYTES);
    const header = {
      type: "initial" as const,
      version: VERSION,
      destination: new ConnectionId(0, 0),
      source: this.localId,
      packetBytes: MIN_INITIAL_BYTES,
    };
    writeLongHeader(packet, 0, header);
    const body = new ByteWriter(packet.subarray(LONG_HEADER_BYTES));
    body.u8(options.method).varint(options.token.length).bytes(options.token);
    const prologueBytes = LONG_HEADER_BYTES + body.length;
    this.#noise = new NoiseHandshake({
      role: "initiator",
      identity: options.identity,
      psk: options.psk,
      prologue: prologueOf(packet.subarray(0, prologueBytes)),
      entropy: options.entropy,
    });
    const message = this.#noise.writeMessage(encodeTransportParameters(options.parameters));
    body.u16(message.length).bytes(message);
    this.initial = packet;
  }

  /**
   * Takes the server's REPLY and makes the FINISH.
   *
   * @throws {HandshakeError} when the reply is not from the server that the INITIAL reached.
   */
  onReply(
    payload: Uint8Array,
    remoteId: ConnectionId,
    parameters: TransportParameters,
  ): { finish: Uint8Array; result: HandshakeAgreement } {
    const peerParameters = readParameters(this.#noise.readMessage(readMessage(payload)));
    const suite = peerParameters.suites[0];
    if (suite === undefined || !isSuiteName(suite) || !parameters.suites.includes(suite)) {
      throw new HandshakeError("The server chose a cipher suite that was not offered");
    }
    const message = this.#noise.writeMessage(encodeTransportParameters(parameters));
    const finish = longPacket("finish", this.localId, remoteId, message);
    const { initiatorSecret, responderSecret } = this.#noise.split();
    return {
      finish,
      result: {
        localId: this.localId,
        remoteId,
        suite,
        sendSecret: initiatorSecret,
        receiveSecret: responderSecret,
        peerParameters,
        remoteIdentity: this.#noise.remoteIdentity!,
        handshakeHash: this.#noise.handshakeHash,
        method: this.#method,
      },
    };
  }
}

/** What an INITIAL asks for, before any key is touched. */
export interface InitialRequest {
  /** How the client wants to prove itself. */
  readonly method: number;
  /** Token of a Retry, empty without one. */
  readonly token: Uint8Array;
  /** Every byte before the Noise message. */
  readonly prologue: Uint8Array;
  /** The Noise message. */
  readonly message: Uint8Array;
}

/**
 * Reads the INITIAL `packet`, header included.
 *
 * @throws {TruncatedError} when it is malformed.
 */
export function readInitial(packet: Uint8Array): InitialRequest {
  const reader = new ByteReader(packet, LONG_HEADER_BYTES);
  const method = reader.u8();
  const token = reader.bytes(reader.varint());
  const prologue = packet.subarray(0, reader.position);
  const message = reader.bytes(reader.u16());
  return { method, token, prologue, message };
}

/** The server's half, for one client. */
export class ServerHandshake {
  /** Our connection ID. */
  readonly localId: ConnectionId;
  /** The client's connection ID. */
  readonly remoteId: ConnectionId;
  /** The REPLY, ready to be sent again. */
  readonly reply: Uint8Array;
  #noise: NoiseHandshake;
  #suite: SuiteName;
  #method: number;

  /**
   * Answers an INITIAL.
   *
   * @throws {HandshakeError} when the pre-shared key differs or no suite is common.
   * @throws {TruncatedError} when the parameters are malformed.
   */
  constructor(
    options: HandshakeOptions & {
      psk: Uint8Array;
      request: InitialRequest;
      remoteId: ConnectionId;
    },
  ) {
    this.localId = randomConnectionId(options.entropy);
    this.remoteId = options.remoteId;
    this.#method = options.request.method;
    this.#noise = new NoiseHandshake({
      role: "responder",
      identity: options.identity,
      psk: options.psk,
      prologue: prologueOf(options.request.prologue),
      entropy: options.entropy,
    });
    const offer = readParameters(this.#noise.readMessage(options.request.message));
    const suite = options.parameters.suites.find((name) => offer.suites.includes(name));
    if (suite === undefined || !isSuiteName(suite)) {
      throw new HandshakeError("The client offers no cipher suite that is known here");
    }
    this.#suite = suite;
    const answer = encodeTransportParameters({ ...options.parameters, suites: [suite] });
    this.reply = longPacket("reply", this.localId, this.remoteId, this.#noise.writeMessage(answer));
  }

  /**
   * Takes the client's FINISH payload.
   *
   * @throws {HandshakeError} when it is not from the client that sent the INITIAL.
   */
  onFinish(payload: Uint8Array): HandshakeAgreement {
    const peerParameters = readParameters(this.#noise.readMessage(readMessage(payload)));
    const { initiatorSecret, responderSecret } = this.#noise.split();
    return {
      localId: this.localId,
      remoteId: this.remoteId,
      suite: this.#suite,
      sendSecret: responderSecret,
      receiveSecret: initiatorSecret,
      peerParameters,
      remoteIdentity: this.#noise.remoteIdentity!,
      handshakeHash: this.#noise.handshakeHash,
      method: this.#method,
    };
  }

  /** Wipes the keys of a handshake that nobody finishes. */
  destroy(): void {
    this.#noise.destroy();
  }
}

/** Eight random bytes as a connection ID. */
export function randomConnectionId(entropy: Entropy): ConnectionId {
  const bytes = new Uint8Array(8);
  entropy.fill(bytes);
  return ConnectionId.read(bytes, 0);
}

/** A long-header packet whose payload is `length, message`. */
function longPacket(
  type: LongPacketType,
  source: ConnectionId,
  destination: ConnectionId,
  message: Uint8Array,
): Uint8Array {
  const packetBytes = LONG_HEADER_BYTES + 2 + message.length;
  const packet = new Uint8Array(packetBytes);
  writeLongHeader(packet, 0, { type, version: VERSION, destination, source, packetBytes });
  new ByteWriter(packet.subarray(LONG_HEADER_BYTES)).u16(message.length).bytes(message);
  return packet;
}

function prologueOf(initialHead: Uint8Array): Uint8Array {
  return new ByteWriter().bytes(CONTEXT).bytes(initialHead).finish();
}

function readMessage(payload: Uint8Array): Uint8Array {
  try {
    const reader = new ByteReader(payload);
    return reader.bytes(reader.u16());
  } catch (cause) {
    throw asHandshakeError(cause);
  }
}

function readParameters(bytes: Uint8Array): TransportParameters {
  try {
    return decodeTransportParameters(bytes);
  } catch (cause) {
    throw asHandshakeError(cause);
  }
}

function asHandshakeError(cause: unknown): unknown {
  return cause instanceof TruncatedError ? new HandshakeError(cause.message, { cause }) : cause;
}

function isSuiteName(name: string): name is SuiteName {
  return Object.hasOwn(SUITES, name);
}
