/**
 * What a transfer sees of the other side: a stream to write to and a reader that shares its buffer
 * with whatever was read from the stream before.
 *
 * @module
 */

/** Both directions of the stream of one transfer. */
export interface TransferPeer {
  /** Sending side; throws `StreamError`. */
  readonly stream: {
    /** Queues bytes, waiting for credit; they may be reused afterwards. */
    write(bytes: Uint8Array): Promise<void>;
  };
  /** Receiving side; throws `StreamError`, or its own error when the stream ends too early or too late. */
  readonly reader: {
    /** From one to `maxLength` bytes, valid until the next call, or null at the end. */
    some(maxLength: number): Promise<Uint8Array | null>;
    /** Puts the next bytes into `target`, as many as there are and fit; 0 at the end. */
    into(target: Uint8Array): Promise<number>;
    /** Exactly `length` bytes, valid until the next call. */
    exactly(length: number): Promise<Uint8Array>;
    /** Waits for the end of the stream; throws when more bytes come. */
    end(): Promise<void>;
  };
}
