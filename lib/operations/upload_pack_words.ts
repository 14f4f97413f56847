/**
 * What client and server of `put-many` say to each other, and its bytes. See `upload_pack.ts`.
 *
 * @module
 */
import type { ByteReader } from "../bytes/byte_reader.ts";
import type { RemotePath } from "../files/mod.ts";
import {
  type Codec,
  MessageError,
  readChoice,
  statusCode,
  statusFromCode,
  type StatusName,
  writeChoice,
} from "../request/mod.ts";
import { EXISTS_POLICIES } from "./existing_target.ts";
import { fileOfferCodec } from "./file_offer.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { UploadRequest } from "./upload.ts";

/** What the server says of one file of a pack. */
export interface PackReply {
  /** Its number, counted from 0 as they came. */
  readonly index: number;
  /** `ok` once it is published, or why it is not. */
  readonly status: StatusName;
  /** Where it is, or would have been; the root, where no file can be, stands for the path asked for. */
  readonly path: RemotePath;
  /** What was done with it, when the status is `ok`. */
  readonly fate: typeof FATES[number];
}

/** Written; left out for what is there; there already; or asked about, and to be sent. */
const FATES = ["written", "skipped", "same", "wanted"] as const;

/** What precedes a file of a pack. The flags are absent for a server that does not read them. */
export interface PackHeader extends UploadRequest {
  /** No bytes follow, only the root: does the server have it? */
  readonly isQuestion?: boolean;
}

/** Bytes of a file that is only asked about. */
export const NO_BYTES = new Uint8Array(0);
const REPEATED = 1;
const QUESTION = 2;

/** A {@linkcode PackHeader} as bytes. */
export const headerCodec: Codec<PackHeader> = {
  encode: (header, writer) => {
    writePath(writer, header.path);
    fileOfferCodec.encode(header, writer);
    writeChoice(writer, EXISTS_POLICIES, header.exists);
    const { isRepeated, isQuestion } = header;
    if (isRepeated === undefined) return;
    writer.u8((isRepeated ? REPEATED : 0) + (isQuestion ? QUESTION : 0));
  },
  decode: (reader) => ({
    path: readPath(reader),
    ...fileOfferCodec.decode(reader),
    exists: readChoice(reader, EXISTS_POLICIES),
    ...(reader.remaining > 0 ? readFlags(reader) : {}),
  }),
};

function readFlags(reader: ByteReader): Pick<PackHeader, "isRepeated" | "isQuestion"> {
  const flags = reader.u8();
  if (flags > REPEATED + QUESTION) throw new MessageError(`Expected flags, found ${flags}`);
  return { isRepeated: (flags & REPEATED) !== 0, isQuestion: (flags & QUESTION) !== 0 };
}

/** A {@linkcode PackReply} as bytes. */
export const replyCodec: Codec<PackReply> = {
  encode: ({ index, status, path, fate }, writer) => {
    writer.varint(index).varint(statusCode(status));
    writeChoice(writer, FATES, fate);
    writePath(writer, path);
  },
  decode: (reader) => ({
    index: reader.varint(),
    status: statusFromCode(reader.varint()),
    fate: readChoice(reader, FATES),
    path: readPath(reader),
  }),
};
