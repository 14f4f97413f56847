/**
 * The asking side: opens a stream for each request and reads its replies.
 *
 * @module
 */
import { type ByteStream, StreamError, type StreamOpener } from "../bytes/byte_stream.ts";
import { COMPRESSED, CompressedStream } from "./compressed_stream.ts";
import { emptyCodec, encodeRequest, readResponse, type Reply } from "./message.ts";
import { MessageError } from "./message_error.ts";
import type { OperationShape } from "./operation.ts";
import { RemoteError, statusCode, type StatusName, statusOfStreamError } from "./status.ts";
import { StreamReader } from "./stream_reader.ts";

/** What every call takes. */
export interface CallOptions {
  /** Gives the request up: its stream is cut and the call throws `StreamError` `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** How a caller asks. */
export interface CallerOptions {
  /** Bulky requests go, and are answered, compressed: the server is known to read that. */
  readonly isCompressing?: boolean;
}

/** Asks one server; any number of calls may be under way. */
export class Caller {
  readonly #opener: StreamOpener;
  readonly #isCompressing: boolean;
  readonly #lingering = new Set<Promise<void>>();

  /** Asks over streams of this connection. */
  constructor(opener: StreamOpener, { isCompressing = false }: CallerOptions = {}) {
    this.#opener = opener;
    this.#isCompressing = isCompressing;
  }

  /**
   * Sends a request and returns its one reply.
   *
   * @throws {RemoteError} when the server says no or breaks the format.
   * @throws {StreamError} when the connection is lost or the call is given up.
   */
  async call<Request, Response>(
    operation: OperationShape<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const call = await this.open(operation, request, options);
    try {
      await call.stream.finish();
      const response = await call.receive();
      await call.end();
      return response;
    } catch (error) {
      throw call.explain(error);
    } finally {
      call.close();
    }
  }

  /**
   * Sends a request and yields its replies until the server ends. Leaving the loop early cuts the stream.
   *
   * @throws {RemoteError} as {@linkcode Caller.call}.
   * @throws {StreamError} as {@linkcode Caller.call}.
   */
  async *replies<Request, Response>(
    operation: OperationShape<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): AsyncGenerator<Response, void, undefined> {
    const call = await this.open(operation, request, options);
    try {
      await call.stream.finish();
      for (;;) {
        const reply = await call.receiveNext();
        if (reply === null) return;
        yield reply.response;
      }
    } catch (error) {
      throw call.explain(error);
    } finally {
      call.close();
    }
  }

  /**
   * Sends a request and leaves both directions open for what follows it. The caller closes the call.
   *
   * @throws {StreamError}
   */
  async open<Request, Response>(
    operation: OperationShape<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Call<Request, Response>> {
    if (options.signal?.aborted) throw new StreamError("aborted");
    const isCompressed = this.#isCompressing && operation.isBulky === true;
    const opened = await this.#opener.openStream();
    const stream = isCompressed ? new CompressedStream(opened, new StreamReader(opened)) : opened;
    const call = new Call(stream, operation, request, options.signal);
    try {
      if (isCompressed) await opened.write(encodeRequest(COMPRESSED, emptyCodec, null));
      await stream.write(encodeRequest(operation.code, operation.request, request));
    } catch (error) {
      // The server may have refused before it read everything: its reply says why.
      if (!(error instanceof StreamError && error.kind === "stopped-by-peer")) {
        call.close();
        throw error;
      }
    }
    return call;
  }

  /**
   * Keeps something in mind that may end later than the call: the last acknowledgements of a stream.
   * Failures of the stream are of no interest by then.
   */
  linger(last: Promise<void>): void {
    const settled = last.catch((error) => {
      if (!(error instanceof StreamError)) throw error;
    }).finally(() => this.#lingering.delete(settled));
    this.#lingering.add(settled);
  }

  /** Resolves when everything that calls left behind has arrived. Await it before closing the connection. */
  async settle(): Promise<void> {
    await Promise.all(this.#lingering);
  }
}

/** One request under way, seen from the asking side. */
export class Call<Request, Response> {
  /** The stream, for raw bytes. */
  readonly stream: ByteStream;
  /** The one reader of that stream. */
  readonly reader: StreamReader;
  #operation: OperationShape<Request, Response>;
  #subject: string;
  #signal: AbortSignal | undefined;
  #giveUp: () => void;
  #isOver = false;

  /** Takes over a fresh stream; `signal` cuts it with `cancelled`. */
  constructor(
    stream: ByteStream,
    operation: OperationShape<Request, Response>,
    request: Request,
    signal: AbortSignal | undefined,
  ) {
    this.stream = stream;
    this.reader = new StreamReader(stream);
    this.#operation = operation;
    this.#subject = operation.subject(request);
    this.#signal = signal;
    this.#giveUp = () => this.abandon("cancelled");
    signal?.addEventListener("abort", this.#giveUp);
    if (signal?.aborted) this.#giveUp();
  }

  /**
   * The next reply.
   *
   * @throws {RemoteError} when it says no.
   * @throws {MessageError} when there is none, or it is malformed.
   * @throws {StreamError}
   */
  async receive(): Promise<Response> {
    const reply = await this.receiveNext();
    if (reply === null) throw new MessageError("Expected a reply, found the end of the stream");
    return reply.response;
  }

  /** The next reply, or null at the server's end. Throws as {@linkcode Call.receive}. */
  async receiveNext(): Promise<Reply<Response> | null> {
    const reply = await readResponse(this.reader, this.#operation.response);
    if (reply === null) this.#isOver = true;
    return reply;
  }

  /**
   * Waits for the server's end, after which the stream needs no cut.
   *
   * @throws {MessageError} when something else comes.
   * @throws {StreamError}
   */
  async end(): Promise<void> {
    await this.reader.end();
    this.#isOver = true;
  }

  /** Declares the stream done with: {@linkcode Call.close} will not cut it. */
  complete(): void {
    this.#isOver = true;
  }

  /** Cuts both directions and tells the server why. */
  abandon(status: StatusName): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stream.reset(statusCode(status));
    this.stream.stop(statusCode(status));
  }

  /**
   * What a failure of this call means to the user: a cut with a reason becomes a
   * {@linkcode RemoteError}, so does a reply that breaks the format; the rest passes unchanged.
   */
  explain(error: unknown): unknown {
    if (error instanceof StreamError) {
      if (error.kind === "connection-lost" || error.kind === "aborted") return error;
      return new RemoteError(statusOfStreamError(error), this.#subject, { cause: error });
    }
    if (error instanceof MessageError) {
      return new RemoteError("malformed", this.#subject, { cause: error });
    }
    return error;
  }

  /** Lets go of the stream; one that is not over yet is cut. */
  close(): void {
    this.#signal?.removeEventListener("abort", this.#giveUp);
    this.abandon("cancelled");
  }
}
