/**
 * How fast the server may send to this client, and how considerately: the client's wish.
 *
 * Whoever caps his connection means both directions, and the server sends one of them. It may ask for less
 * than the server would do, never for more.
 *
 * @module
 */
import {
  type Caller,
  type CallOptions,
  type Codec,
  MessageError,
  type Operation,
  readFlag,
  writeFlag,
} from "../request/mod.ts";
import type { ServeContext } from "./serve_context.ts";

/** How sending is held back. */
export interface RateSetting {
  /** Cap in bytes per second; Infinity for none. */
  readonly maxRateBytesPerSecond: number;
  /** Background mode: yield to everybody else on the path. */
  readonly isPolite: boolean;
}

/** Nothing is held back. */
export const UNHELD: RateSetting = { maxRateBytesPerSecond: Infinity, isPolite: false };

/** Lowest cap, bytes per second: below it a datagram takes longer than a peer waits for one. */
export const LEAST_RATE_BYTES_PER_SECOND = 1000;

/** The setting that holds back as much as both do. */
export function stricterRate(one: RateSetting, other: RateSetting): RateSetting {
  return {
    maxRateBytesPerSecond: Math.min(one.maxRateBytesPerSecond, other.maxRateBytesPerSecond),
    isPolite: one.isPolite || other.isPolite,
  };
}

/**
 * Asks the server to hold back what it sends on this connection; a later wish replaces an earlier one.
 * Returns what the server does now, its own cap included.
 *
 * @throws {RemoteError} `unsupported` when it is too old to know this.
 * @throws {StreamError}
 */
export async function requestRate(
  caller: Caller,
  wish: RateSetting,
  options: CallOptions = {},
): Promise<RateSetting> {
  return await caller.call(rateOperation, wish, options);
}

/** 0 stands for no cap. */
const rateCodec: Codec<RateSetting> = {
  encode: ({ maxRateBytesPerSecond, isPolite }, writer) => {
    const rate = Math.min(Math.ceil(maxRateBytesPerSecond), Number.MAX_SAFE_INTEGER);
    writer.varint(maxRateBytesPerSecond === Infinity ? 0 : rate);
    writeFlag(writer, isPolite);
  },
  decode: (reader) => {
    const rate = reader.varint();
    if (rate !== 0 && rate < LEAST_RATE_BYTES_PER_SECOND) {
      throw new MessageError(`Expected a rate of at least ${LEAST_RATE_BYTES_PER_SECOND}`);
    }
    return { maxRateBytesPerSecond: rate === 0 ? Infinity : rate, isPolite: readFlag(reader) };
  },
};

/** Serves {@linkcode requestRate}. */
export const rateOperation: Operation<RateSetting, RateSetting, ServeContext> = {
  code: 33,
  name: "rate",
  access: "read",
  request: rateCodec,
  response: rateCodec,
  subject: () => "",
  serve: (wish, _exchange, context) => Promise.resolve(context.holdBack(wish)),
};
