/**
 * The answering side of one stream: replies, and the ways to say no in the middle of something.
 *
 * @module
 */
import { type ByteStream, StreamError } from "../bytes/byte_stream.ts";
import { CompressedStream } from "./compressed_stream.ts";
import { type Codec, encodeRefusal, encodeResponse } from "./message.ts";
import { statusCode, type StatusName } from "./status.ts";
import { StreamReader } from "./stream_reader.ts";

/** One request being served. Raw bytes may follow the replies. */
export class Exchange {
  #stream: ByteStream;
  #reader: StreamReader;
  /** Raw bytes are on their way out, so a reply would be taken for data. */
  #isSendingRaw = false;
  #isSendingOver = false;
  #isReadingOver = false;
  #abandonedFor: StatusName | null = null;

  /** Takes over a stream that the peer opened. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
    this.#reader = new StreamReader(stream);
  }

  /** The stream, for raw bytes. */
  get stream(): ByteStream {
    return this.#stream;
  }

  /** The one reader of that stream. */
  get reader(): StreamReader {
    return this.#reader;
  }

  /** From here on both directions are compressed. */
  compress(): void {
    this.#stream = new CompressedStream(this.#stream, this.#reader);
    this.#reader = new StreamReader(this.#stream);
  }

  /** Why nobody waits for the answer any more, or null. Long work that does not touch the stream looks here. */
  get abandonedFor(): StatusName | null {
    return this.#abandonedFor;
  }

  /**
   * Sends one reply.
   *
   * @throws {StreamError}
   */
  async respond<Response>(codec: Codec<Response>, response: Response): Promise<void> {
    await this.stream.write(encodeResponse(codec, response));
  }

  /** From here on raw bytes are sent: a failure can only cut the stream. */
  beginRaw(): void {
    this.#isSendingRaw = true;
  }

  /**
   * Ends the sending side.
   *
   * @throws {StreamError}
   */
  async finish(): Promise<void> {
    if (this.#isSendingOver) return;
    this.#isSendingOver = true;
    await this.stream.finish();
  }

  /** Asks the peer to send nothing more, for this reason. */
  stopReading(status: StatusName): void {
    if (this.#isReadingOver || this.reader.isEnded) return;
    this.#isReadingOver = true;
    this.stream.stop(statusCode(status));
  }

  /**
   * Says no: stops the peer at once, so that it learns while it still sends, and ends this side with
   * the reason (with a cut where a reply cannot stand).
   *
   * @throws {StreamError}
   */
  async refuse(status: StatusName, path: string): Promise<void> {
    if (status === "malformed" || this.#isSendingRaw) return this.abandon(status);
    this.stopReading(status);
    if (this.#isSendingOver) return;
    await this.stream.write(encodeRefusal(status, path));
    await this.finish();
  }

  /** Cuts both directions for this reason; reads and writes under way end with `aborted`. */
  abandon(status: StatusName): void {
    this.#abandonedFor ??= status;
    this.stopReading(status);
    this.#isReadingOver = true;
    if (this.#isSendingOver) return;
    this.#isSendingOver = true;
    this.stream.reset(statusCode(status));
  }

  /** The connection is gone. What has arrived can still be read: a transfer keeps it. */
  orphan(): void {
    this.#abandonedFor ??= "connection-lost";
  }

  /**
   * Ends a request that was served: this side finishes, and the peer should have finished too. That it
   * goes away instead is no failure, it has its answer.
   *
   * @throws {MessageError} when the peer sends more than its request.
   * @throws {StreamError} when the answer cannot be sent.
   */
  async conclude(): Promise<void> {
    await this.finish();
    if (this.#isReadingOver) return;
    try {
      await this.reader.end();
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
    }
  }
}
