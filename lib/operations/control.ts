/**
 * Stopping the server.
 *
 * @module
 */
import {
  ANSWERED,
  type Caller,
  type CallOptions,
  type Operation,
  readFlag,
  writeFlag,
} from "../request/mod.ts";
import type { ServeContext } from "./serve_context.ts";

/** What the server answers to a request to stop. */
export interface ShutdownReply {
  /** Connections besides this one. */
  readonly others: number;
  /** Whether it stops now. */
  readonly stopping: boolean;
}

/**
 * Asks the server to stop: only when nobody else is connected, or with `force` in any case, after others
 * have been drained. Owner only.
 *
 * @throws {RemoteError} `refused` for anybody but the owner.
 * @throws {StreamError}
 */
export async function shutdownServer(
  caller: Caller,
  options: CallOptions & { readonly force?: boolean } = {},
): Promise<ShutdownReply> {
  return await caller.call(shutdownOperation, { onlyIfAlone: options.force !== true }, options);
}

/** Serves {@linkcode shutdownServer}. */
export const shutdownOperation: Operation<
  { readonly onlyIfAlone: boolean },
  ShutdownReply,
  ServeContext
> = {
  code: 32,
  name: "shutdown",
  access: "owner",
  request: {
    encode: ({ onlyIfAlone }, writer) => writeFlag(writer, onlyIfAlone),
    decode: (reader) => ({ onlyIfAlone: readFlag(reader) }),
  },
  response: {
    encode: ({ others, stopping }, writer) => {
      writer.varint(others);
      writeFlag(writer, stopping);
    },
    decode: (reader) => ({ others: reader.varint(), stopping: readFlag(reader) }),
  },
  subject: () => "",
  async serve({ onlyIfAlone }, exchange, context) {
    const others = Math.max(0, context.connectionCount() - 1);
    const stopping = !onlyIfAlone || others === 0;
    if (!stopping) return { others, stopping };
    try {
      // The answer arrives before the connection on which it travels is closed.
      await exchange.respond(shutdownOperation.response, { others, stopping });
      await exchange.finish();
      await exchange.stream.flushed();
    } finally {
      context.requestShutdown();
    }
    return ANSWERED;
  },
};
