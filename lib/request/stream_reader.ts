/**
 * Reads a byte stream in the portions that a format asks for, with one buffer of a bounded size.
 *
 * @module
 */
import type { ByteStream } from "../bytes/byte_stream.ts";
import { MessageError } from "./message_error.ts";

/** Messages and raw bytes of one stream share this reader, so nothing is lost between the two. */
export class StreamReader {
  #stream: ByteStream;
  /** What the last `read` of the stream gave and nobody took yet; its view lives until the next `read`. */
  #held: Uint8Array = new Uint8Array(0);
  #isEnded = false;

  /** Reads `stream`, which nobody else may read from now on. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Whether the peer's end was reached and everything before it taken. */
  get isEnded(): boolean {
    return this.#isEnded && this.#held.length === 0;
  }

  /**
   * From one to `maxLength` bytes, or null at the end. The view is valid until the next call.
   *
   * @throws {StreamError}
   */
  async some(maxLength: number): Promise<Uint8Array | null> {
    if (!await this.#fill()) return null;
    const taken = this.#held.subarray(0, maxLength);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  /**
   * Puts the next bytes into `target`, as many as there are and fit; 0 at the end.
   *
   * @throws {StreamError}
   */
  async into(target: Uint8Array): Promise<number> {
    if (this.#held.length > 0) {
      const taken = this.#held.subarray(0, target.length);
      this.#held = this.#held.subarray(taken.length);
      target.set(taken);
      return taken.length;
    }
    if (this.#isEnded) return 0;
    const length = await this.#stream.readInto(target);
    if (length === 0) this.#isEnded = true;
    return length;
  }

  /**
   * Exactly `length` bytes. The view is valid until the next call; `length` is bounded by the caller.
   *
   * @throws {MessageError} when the stream ends before.
   * @throws {StreamError}
   */
  async exactly(length: number): Promise<Uint8Array> {
    if (this.#held.length >= length) {
      const taken = this.#held.subarray(0, length);
      this.#held = this.#held.subarray(length);
      return taken;
    }
    const gathered = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const bytes = await this.some(length - filled);
      if (bytes === null) {
        throw new MessageError(`Expected ${length - filled} more bytes before the end`);
      }
      gathered.set(bytes, filled);
      filled += bytes.length;
    }
    return gathered;
  }

  /**
   * Waits for the peer's end.
   *
   * @throws {MessageError} when bytes come instead.
   * @throws {StreamError}
   */
  async end(): Promise<void> {
    if (await this.#fill()) {
      throw new MessageError("Expected the end of the stream, found more bytes");
    }
  }

  /** Makes sure that bytes are held; false at the end. */
  async #fill(): Promise<boolean> {
    while (this.#held.length === 0) {
      if (this.#isEnded) return false;
      const bytes = await this.#stream.read();
      if (bytes === null) this.#isEnded = true;
      else this.#held = bytes;
    }
    return true;
  }
}
