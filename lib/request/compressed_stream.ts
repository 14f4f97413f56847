/**
 * A byte stream whose bytes travel in blocks, each compressed where that makes it smaller.
 *
 * ```text
 * block   u32 length of what follows                                     bytes as they are
 *         u32 2^31 + length ‖ u32 length when unpacked ‖ a Zstandard frame   RFC 8878
 * ```
 *
 * A client asks for it with a request that has no fields, {@linkcode COMPRESSED}, at the beginning of a stream;
 * the request that it is about follows in the first block, and there is no reply but the one to that.
 *
 * Each write is a block of its own (a large one several), so nothing waits here for more to come. On a
 * path that carries less than the processor can compress, text and code arrive two to five times as soon.
 *
 * @module
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { ByteReader } from "../bytes/byte_reader.ts";
import type { ByteStream } from "../bytes/byte_stream.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { MessageError } from "./message_error.ts";
import type { StreamReader } from "./stream_reader.ts";

/** Number on the wire of that request, beside those of the operations. */
export const COMPRESSED = 48;

/** Largest block when unpacked: what a forged one can cost. Larger ones would be hardly smaller when packed. */
const BLOCK_BYTES = 2 ** 16;
/** Shorter ones are hardly worth the call. */
const SHORTEST_BYTES = 512;
/** Packed to more than this share, a block goes as it is. */
const WORTHWHILE_RATIO = 7 / 8;
/** Blocks that go untried at most after some that did not shrink; twice as many each time. */
const MAX_UNTRIED = 32;

const IS_PACKED = 2 ** 31;
const LENGTH_BYTES = 4;
const BLOCK_BITS = 16;
const PACKING = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: BLOCK_BITS },
};
const UNPACKING = {
  maxOutputLength: BLOCK_BYTES,
  params: { [constants.ZSTD_d_windowLogMax]: BLOCK_BITS },
};
const NOTHING = new Uint8Array(0);

/** Both directions of a stream, from where both sides have agreed on it. */
export class CompressedStream implements ByteStream {
  readonly #stream: ByteStream;
  readonly #source: StreamReader;
  /** Bytes of the present block that still come as they are. */
  #plainLeft = 0;
  /** What is left of a block that was unpacked. */
  #unpacked: Uint8Array = NOTHING;
  #untriedCount = 0;
  #untriedLeft = 0;

  /** Writes to `stream`; reads what `source` reads from it, which may hold some already. */
  constructor(stream: ByteStream, source: StreamReader) {
    this.#stream = stream;
    this.#source = source;
  }

  /**
   * See {@linkcode ByteStream.read}.
   *
   * @throws {MessageError} when what comes is no block.
   * @throws {StreamError}
   */
  async read(): Promise<Uint8Array | null> {
    if (!await this.#nextBlock()) return null;
    if (this.#plainLeft === 0) {
      const bytes = this.#unpacked;
      this.#unpacked = NOTHING;
      return bytes;
    }
    const bytes = await this.#source.some(this.#plainLeft);
    if (bytes === null) throw new MessageError(`Expected ${this.#plainLeft} more bytes of a block`);
    this.#plainLeft -= bytes.length;
    return bytes;
  }

  /**
   * See {@linkcode ByteStream.readInto}.
   *
   * @throws {MessageError} when what comes is no block.
   * @throws {StreamError}
   */
  async readInto(target: Uint8Array): Promise<number> {
    if (!await this.#nextBlock()) return 0;
    if (this.#plainLeft === 0) {
      const bytes = this.#unpacked.subarray(0, target.length);
      this.#unpacked = this.#unpacked.subarray(bytes.length);
      target.set(bytes);
      return bytes.length;
    }
    const length = await this.#source.into(target.subarray(0, this.#plainLeft));
    if (length === 0) throw new MessageError(`Expected ${this.#plainLeft} more bytes of a block`);
    this.#plainLeft -= length;
    return length;
  }

  /** See {@linkcode ByteStream.write}. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
      const block = bytes.subarray(offset, offset + BLOCK_BYTES);
      const packed = this.#pack(block);
      const head = packed === null
        ? new ByteWriter(LENGTH_BYTES).u32(block.length)
        : new ByteWriter(2 * LENGTH_BYTES).u32(IS_PACKED + packed.length).u32(block.length);
      await this.#stream.write(head.finish());
      await this.#stream.write(packed ?? block);
    }
  }

  /** See {@linkcode ByteStream.finish}. */
  finish(): Promise<void> {
    return this.#stream.finish();
  }

  /** See {@linkcode ByteStream.flushed}. */
  flushed(): Promise<void> {
    return this.#stream.flushed();
  }

  /** See {@linkcode ByteStream.reset}. */
  reset(code: number): void {
    this.#stream.reset(code);
  }

  /** See {@linkcode ByteStream.stop}. */
  stop(code: number): void {
    this.#stream.stop(code);
  }

  /** Makes sure that bytes of a block are there or may be read; false at the end. */
  async #nextBlock(): Promise<boolean> {
    while (this.#plainLeft === 0 && this.#unpacked.length === 0) {
      const head = await this.#head();
      if (head === null) return false;
      if (head < IS_PACKED) this.#plainLeft = head;
      else this.#unpacked = await this.#unpack(head - IS_PACKED);
    }
    return true;
  }

  /** The number before a block, or null at the end. */
  async #head(): Promise<number | null> {
    const first = await this.#source.some(1);
    if (first === null) return null;
    const highest = first[0]!;
    const rest = await this.#source.exactly(LENGTH_BYTES - 1);
    return new ByteReader(Uint8Array.of(highest, ...rest)).u32();
  }

  async #unpack(packedLength: number): Promise<Uint8Array> {
    const length = new ByteReader(await this.#source.exactly(LENGTH_BYTES)).u32();
    if (length > BLOCK_BYTES || packedLength > length) {
      throw new MessageError(`Expected a block of at most ${BLOCK_BYTES} bytes`);
    }
    const packed = await this.#source.exactly(packedLength);
    let bytes: Uint8Array;
    try {
      bytes = zstdDecompressSync(packed, UNPACKING);
    } catch (cause) {
      throw new MessageError("Expected a Zstandard frame", { cause });
    }
    if (bytes.length !== length) throw new MessageError(`Expected ${length} bytes in a block`);
    return bytes;
  }

  /** The block in fewer bytes; null when it is to go as it is. */
  #pack(block: Uint8Array): Uint8Array | null {
    if (block.length < SHORTEST_BYTES) return null;
    if (this.#untriedLeft > 0) {
      this.#untriedLeft--;
      return null;
    }
    const packed = zstdCompressSync(block, PACKING);
    if (packed.length <= block.length * WORTHWHILE_RATIO) {
      this.#untriedCount = 0;
      return packed;
    }
    this.#untriedCount = Math.min(2 * this.#untriedCount + 1, MAX_UNTRIED);
    this.#untriedLeft = this.#untriedCount;
    return null;
  }
}
