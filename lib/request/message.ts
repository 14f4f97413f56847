/**
 * Messages: `u32 length ‖ body`, at most 64 KiB, both directions.
 *
 * A request is `varint operation ‖ its fields`; a reply is `varint status ‖ fields of the response`,
 * or `‖ text path` when the status is not `ok`. Several replies may follow one request.
 *
 * @module
 */
import { ByteReader, TruncatedError } from "../bytes/byte_reader.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { MessageError } from "./message_error.ts";
import { RemoteError, statusCode, statusFromCode, type StatusName } from "./status.ts";
import type { StreamReader } from "./stream_reader.ts";

/** Longest body, in bytes. Whoever has more to say sends several messages. */
export const MAX_MESSAGE_BYTES = 65_536;
/** Longest path in an error reply, in bytes of UTF-8; longer ones are left out. */
const MAX_ERROR_PATH_BYTES = 16_384;
const LENGTH_BYTES = 4;

/** Both directions of one kind of value. `decode` throws only `MessageError` and `TruncatedError`. */
export interface Codec<Value> {
  /** Appends `value`. */
  encode(value: Value, writer: ByteWriter): void;
  /** Reads a value; what follows it belongs to somebody else. */
  decode(reader: ByteReader): Value;
}

/** A request as it arrives, before its operation is known. */
export interface RawRequest {
  /** Which operation is asked for. */
  readonly operation: number;
  /** The fields, to be given to {@linkcode decodeBody}. */
  readonly body: Uint8Array;
}

/** One request, framed. Throws `RangeError` when it is longer than a message may be. */
export function encodeRequest<Request>(
  operation: number,
  codec: Codec<Request>,
  request: Request,
): Uint8Array {
  const writer = startMessage().varint(operation);
  codec.encode(request, writer);
  return finishMessage(writer);
}

/**
 * Reads one request. Null when the peer ended the stream without any.
 *
 * @throws {MessageError}
 * @throws {StreamError}
 */
export async function readRequest(reader: StreamReader): Promise<RawRequest | null> {
  const message = await readBody(reader);
  if (message === null) return null;
  const fields = new ByteReader(message);
  const operation = decoding(() => fields.varint());
  return { operation, body: fields.rest().slice() };
}

/** One reply with status `ok`, framed. Throws `RangeError` when it is longer than a message may be. */
export function encodeResponse<Response>(codec: Codec<Response>, response: Response): Uint8Array {
  const writer = startMessage().varint(statusCode("ok"));
  codec.encode(response, writer);
  return finishMessage(writer);
}

/** One further message of either side, framed. Throws `RangeError` when it is longer than a message may be. */
export function encodeMessage<Value>(codec: Codec<Value>, value: Value): Uint8Array {
  const writer = startMessage();
  codec.encode(value, writer);
  return finishMessage(writer);
}

/**
 * Reads one further message. Null when the peer ended the stream instead.
 *
 * @throws {MessageError}
 * @throws {StreamError}
 */
export async function readMessage<Value>(
  reader: StreamReader,
  codec: Codec<Value>,
): Promise<Reply<Value> | null> {
  const body = await readBody(reader);
  return body === null ? null : { response: decodeBody(codec, body) };
}

/** One reply that says no, framed. */
export function encodeRefusal(status: StatusName, path: string): Uint8Array {
  const writer = startMessage().varint(statusCode(status));
  writeText(writer, path.length * 3 <= MAX_ERROR_PATH_BYTES ? path : "");
  return finishMessage(writer);
}

/** One reply that does not say no. */
export interface Reply<Response> {
  /** Its fields. */
  readonly response: Response;
}

/**
 * Reads one reply. Null when the peer ended the stream instead.
 *
 * @throws {RemoteError} when the reply says no.
 * @throws {MessageError}
 * @throws {StreamError}
 */
export async function readResponse<Response>(
  reader: StreamReader,
  codec: Codec<Response>,
): Promise<Reply<Response> | null> {
  const message = await readBody(reader);
  if (message === null) return null;
  const fields = new ByteReader(message);
  const code = decoding(() => fields.varint());
  if (code !== statusCode("ok")) {
    const path = decoding(() => readText(fields, MAX_ERROR_PATH_BYTES));
    throw new RemoteError(statusFromCode(code), path);
  }
  return { response: decodeBody(codec, fields.rest()) };
}

/**
 * Decodes a whole body.
 *
 * @throws {MessageError} when it is too short, too long or otherwise wrong.
 */
export function decodeBody<Value>(codec: Codec<Value>, body: Uint8Array): Value {
  const fields = new ByteReader(body);
  const value = decoding(() => codec.decode(fields));
  if (fields.remaining > 0) {
    throw new MessageError(`Expected the end of a message, found ${fields.remaining} more bytes`);
  }
  return value;
}

/** Appends text with its length in front. */
export function writeText(writer: ByteWriter, text: string): void {
  const bytes = textEncoder.encode(text);
  writer.varint(bytes.length).bytes(bytes);
}

/** Reads text of at most `maxBytes` bytes of UTF-8. Throws `MessageError` or `TruncatedError`. */
export function readText(reader: ByteReader, maxBytes: number): string {
  const length = reader.varint();
  if (length > maxBytes) {
    throw new MessageError(`Expected at most ${maxBytes} bytes of text, found ${length}`);
  }
  return reader.text(length);
}

/** Appends yes or no. */
export function writeFlag(writer: ByteWriter, flag: boolean): void {
  writer.u8(flag ? 1 : 0);
}

/** Reads yes or no. Throws `MessageError` or `TruncatedError`. */
export function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new MessageError(`Expected 0 or 1, found ${value}`);
  return value === 1;
}

/** Appends one word of a fixed list. The list only ever grows at its end. */
export function writeChoice<Word extends string>(
  writer: ByteWriter,
  words: readonly Word[],
  word: Word,
): void {
  writer.u8(words.indexOf(word));
}

/** Reads one word of a fixed list. Throws `MessageError` or `TruncatedError`. */
export function readChoice<Word extends string>(reader: ByteReader, words: readonly Word[]): Word {
  const index = reader.u8();
  const word = words[index];
  if (word === undefined) {
    throw new MessageError(`Expected a word below ${words.length}, found ${index}`);
  }
  return word;
}

/** The codec of a message without fields. */
export const emptyCodec: Codec<null> = {
  encode: () => {},
  decode: () => null,
};

const textEncoder = new TextEncoder();

function startMessage(): ByteWriter {
  return new ByteWriter(128).u32(0);
}

function finishMessage(writer: ByteWriter): Uint8Array {
  const message = writer.finish();
  const length = message.length - LENGTH_BYTES;
  if (length > MAX_MESSAGE_BYTES) {
    throw new RangeError(`Cannot send a message of ${length} bytes: at most ${MAX_MESSAGE_BYTES}`);
  }
  new ByteWriter(message).u32(length);
  return message;
}

/** The body of the next message, valid until the next read; null at the end. */
async function readBody(reader: StreamReader): Promise<Uint8Array | null> {
  const first = await reader.some(1);
  if (first === null) return null;
  const highByte = first[0]!;
  const lengthReader = new ByteReader(await reader.exactly(LENGTH_BYTES - 1));
  const length = highByte * 0x100_0000 + lengthReader.u8() * 0x1_0000 + lengthReader.u16();
  if (length > MAX_MESSAGE_BYTES) {
    throw new MessageError(
      `Expected a message of at most ${MAX_MESSAGE_BYTES} bytes, found ${length}`,
    );
  }
  return await reader.exactly(length);
}

/** Runs a decoder and turns the reader's own error into ours. */
function decoding<Value>(decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    if (error instanceof TruncatedError) throw new MessageError(error.message, { cause: error });
    throw error;
  }
}
