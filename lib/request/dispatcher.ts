/**
 * The answering side of a connection: one stream, one request, one row of the table.
 *
 * This is the border at which errors of requests stop: none ends the connection or the server.
 *
 * @module
 */
import { type ByteStream, type StreamAcceptor, StreamError } from "../bytes/byte_stream.ts";
import { COMPRESSED } from "./compressed_stream.ts";
import { Exchange } from "./exchange.ts";
import { decodeBody, readRequest } from "./message.ts";
import { MessageError } from "./message_error.ts";
import {
  type Access,
  accessRefusal,
  ANSWERED,
  type Operation,
  type RequestContext,
} from "./operation.ts";
import { RemoteError, statusCode, type StatusName, statusOfStreamError } from "./status.ts";

/** Requests of one connection that are served at the same time; the rest wait in the transport. */
export const MAX_CONCURRENT_REQUESTS = 64;

/**
 * Serves every stream that the peer opens, until the connection ends or `signal` aborts, which cuts what
 * is running with `stopping`. Resolves when all requests have ended. Never rejects for what the peer, the
 * network or the disk does.
 *
 * @param draining Ends gently: new requests are answered `stopping`, running ones go on to their end,
 * and then this resolves.
 */
export async function serveConnection<Context extends RequestContext>(
  acceptor: StreamAcceptor,
  operations: readonly Operation<unknown, unknown, Context>[],
  context: Context,
  signal: AbortSignal,
  draining?: AbortSignal,
): Promise<void> {
  const requests = new ConnectionRequests(operations, context);
  const stop = () => requests.stop();
  const drain = () => requests.drain();
  signal.addEventListener("abort", stop);
  draining?.addEventListener("abort", drain);
  if (draining?.aborted) drain();
  if (signal.aborted) stop();
  try {
    await requests.acceptFrom(acceptor);
    requests.orphan();
    await requests.settled();
  } finally {
    signal.removeEventListener("abort", stop);
    draining?.removeEventListener("abort", drain);
  }
}

/** The requests of one connection, and whether there may be more. */
class ConnectionRequests<Context extends RequestContext> {
  readonly #operations: readonly Operation<unknown, unknown, Context>[];
  #context: Context;
  #running = new Map<Exchange, Promise<void>>();
  #state: "open" | "draining" | "over" = "open";
  /** Ends the wait for the next stream. */
  #wake: () => void = () => {};

  constructor(operations: readonly Operation<unknown, unknown, Context>[], context: Context) {
    this.#operations = operations;
    this.#context = context;
  }

  /** Starts to serve each stream, until there are no more or this is over. */
  async acceptFrom(acceptor: StreamAcceptor): Promise<void> {
    while (this.#state !== "over") {
      if (this.#running.size >= MAX_CONCURRENT_REQUESTS) {
        await Promise.race(this.#running.values());
        continue;
      }
      const stream = await this.#nextStream(acceptor);
      if (stream === null) return;
      const exchange = new Exchange(stream);
      this.#running.set(exchange, this.#run(exchange));
    }
  }

  /** Lets no new request in; over as soon as none is running. */
  drain(): void {
    if (this.#state === "open") this.#state = "draining";
    this.#endWhenDrained();
  }

  /** Over now: cuts what is running. */
  stop(): void {
    this.#state = "over";
    for (const exchange of this.#running.keys()) exchange.abandon("stopping");
    this.#wake();
  }

  /** The connection is gone: each request ends when it next looks at its stream. */
  orphan(): void {
    this.#state = "over";
    for (const exchange of this.#running.keys()) exchange.orphan();
  }

  /** Resolves when no request is running. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** The next stream, or null when the connection ended or this is over. */
  async #nextStream(acceptor: StreamAcceptor): Promise<ByteStream | null> {
    const next = Promise.withResolvers<ByteStream | null>();
    this.#wake = () => next.resolve(null);
    acceptor.acceptStream().then((stream) => {
      // Nobody serves a stream that arrives after the end.
      if (this.#state === "over" && stream !== null) cut(stream, "stopping");
      else next.resolve(stream);
    }, next.reject);
    return await next.promise;
  }

  #endWhenDrained(): void {
    if (this.#state === "draining" && this.#running.size === 0) this.stop();
  }

  async #run(exchange: Exchange): Promise<void> {
    const about = { name: "", path: "" };
    try {
      await this.#serve(exchange, about);
    } catch (error) {
      await this.#answerFailure(exchange, about, error);
    } finally {
      this.#running.delete(exchange);
      this.#endWhenDrained();
    }
  }

  /** One request from its first byte to its end; fills in `about` as it learns what is asked. */
  async #serve(exchange: Exchange, about: { name: string; path: string }): Promise<void> {
    let raw = await readRequest(exchange.reader);
    if (raw?.operation === COMPRESSED) {
      exchange.compress();
      raw = await readRequest(exchange.reader);
    }
    if (raw === null) return await exchange.finish();
    const operation = this.#operations.find(({ code }) => code === raw.operation);
    if (operation === undefined) throw new RemoteError("unsupported", "");
    about.name = operation.name;
    const request = decodeBody(operation.request, raw.body);
    about.path = operation.subject(request);

    const refusal = await this.#refusalOf(operation.access);
    if (refusal !== null) throw new RemoteError(refusal, about.path);

    this.#context.onEvent({ kind: "request", ...about });
    const response = await operation.serve(request, exchange, this.#context);
    if (response !== ANSWERED) await exchange.respond(operation.response, response);
    await exchange.conclude();
  }

  /** A request that came before the end of its client's proof waits for it. */
  async #refusalOf(access: Access): Promise<StatusName | null> {
    if (this.#state !== "open") return "stopping";
    const refusal = accessRefusal(access, this.#context);
    if (refusal !== "refused") return refusal;
    await this.#context.roleSettled();
    return this.#state === "open" ? accessRefusal(access, this.#context) : "stopping";
  }

  async #answerFailure(
    exchange: Exchange,
    about: { name: string; path: string },
    error: unknown,
  ): Promise<void> {
    const { status, path, detail } = failureOf(error);
    this.#context.onEvent({
      kind: "failure",
      name: about.name,
      path: path || about.path,
      reason: status,
      ...(detail === undefined ? {} : { detail }),
    });
    if (error instanceof StreamError) return exchange.abandon(status);
    try {
      await exchange.refuse(status, path);
    } catch (refusalError) {
      if (!(refusalError instanceof StreamError)) throw refusalError;
    }
  }
}

/** What to answer and what to log. */
function failureOf(error: unknown): { status: StatusName; path: string; detail?: string } {
  if (error instanceof RemoteError) return { status: error.status, path: error.path };
  if (error instanceof MessageError) {
    return { status: error.status, path: error.path, detail: error.message };
  }
  if (error instanceof StreamError) return { status: statusOfStreamError(error), path: "" };
  // A bug of ours: the client learns only that, the log learns what it was.
  return {
    status: "internal",
    path: "",
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

function cut(stream: ByteStream, status: StatusName): void {
  stream.stop(statusCode(status));
  stream.reset(statusCode(status));
}
