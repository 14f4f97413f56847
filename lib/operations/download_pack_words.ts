/**
 * What client and server of `get-many` say to each other, and its bytes. See `download_pack.ts`.
 *
 * @module
 */
import type { ByteReader } from "../bytes/byte_reader.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { FileLooks, RemotePath } from "../files/mod.ts";
import {
  type Codec,
  MessageError,
  statusCode,
  statusFromCode,
  type StatusName,
} from "../request/mod.ts";
import { ROOT_BYTES } from "../transfer/mod.ts";
import { readTime, writeTime } from "./file_info.ts";
import { type FileOffer, fileOfferCodec } from "./file_offer.ts";
import { readPath, writePath } from "./remote_path_codec.ts";

/**
 * Files asked for ahead: on a path of 25 MB/s and 80 ms, 4 KB files need 500 of them, and as many again
 * lie in the buffers of both sides. With 2048 the server ran out of them once in a while.
 */
export const WANTED_AHEAD = 4096;

/** What the client says. */
export type Word =
  | { readonly kind: "want"; readonly path: RemotePath; readonly held: HeldSmallFile | null }
  | { readonly kind: "done"; readonly index: number; readonly status: StatusName };

/** What the client has of a file. */
export interface HeldSmallFile {
  readonly looks: FileLooks;
  /** Permission bits that files get there. */
  readonly modeBits: number;
  readonly root: Uint8Array;
}

/** What the server says before a file of a pack. */
export interface PackedOffer {
  /** `ok` when the file follows, `too-large` when it does not go in a pack, or why it cannot be had. */
  readonly status: StatusName;
  /** What follows; meaningless unless the status is `ok`. */
  readonly offer: FileOffer;
}

const WANT = 0;
const DONE = 1;
const WANT_UNLESS = 2;

/** The client's words as bytes. */
export const wordCodec: Codec<Word> = {
  encode: (word, writer) => {
    if (word.kind === "want" && word.held === null) {
      writePath(writer.u8(WANT), word.path);
    } else if (word.kind === "want") {
      writePath(writer.u8(WANT_UNLESS), word.path);
      writeHeld(writer, word.held!);
    } else {
      writer.u8(DONE).varint(word.index).varint(statusCode(word.status));
    }
  },
  decode: (reader) => {
    switch (reader.u8()) {
      case WANT:
        return { kind: "want", path: readPath(reader), held: null };
      case WANT_UNLESS:
        return { kind: "want", path: readPath(reader), held: readHeld(reader) };
      case DONE:
        return { kind: "done", index: reader.varint(), status: statusFromCode(reader.varint()) };
      default:
        throw new MessageError("Expected a word of a pack");
    }
  },
};

function writeHeld(writer: ByteWriter, { looks, modeBits, root }: HeldSmallFile): void {
  writer.varint(looks.sizeBytes);
  writeTime(writer, looks.modifiedMs);
  writer.u16(looks.mode & 0o777).u16(modeBits & 0o777).bytes(root);
}

function readHeld(reader: ByteReader): HeldSmallFile {
  const sizeBytes = reader.varint();
  const modifiedMs = readTime(reader);
  const mode = reader.u16();
  const modeBits = reader.u16();
  return {
    looks: { sizeBytes, modifiedMs, mode },
    modeBits,
    root: reader.bytes(ROOT_BYTES).slice(),
  };
}

/** The server's words as bytes. */
export const offerCodec: Codec<PackedOffer> = {
  encode: ({ status, offer }, writer) => {
    fileOfferCodec.encode(offer, writer.varint(statusCode(status)));
  },
  decode: (reader) => ({
    status: statusFromCode(reader.varint()),
    offer: fileOfferCodec.decode(reader),
  }),
};
