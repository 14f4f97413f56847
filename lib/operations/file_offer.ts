/**
 * What a sender says of a file before its bytes.
 *
 * @module
 */
import { type Codec, MessageError, readText, writeText } from "../request/mod.ts";
import { SOURCE_TOKEN_LENGTH } from "../transfer/mod.ts";
import { readTime, writeTime } from "./file_info.ts";

/** A claim about the file, checked against what arrives. */
export interface FileOffer {
  /** Bytes that it has. */
  readonly sizeBytes: number;
  /** Its last change, milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Its permission bits. */
  readonly mode: number;
  /** Names its content for a later resume: 32 hex digits. */
  readonly sourceToken: string;
}

/** Its codec. */
export const fileOfferCodec: Codec<FileOffer> = {
  encode: ({ sizeBytes, modifiedMs, mode, sourceToken }, writer) => {
    writer.varint(sizeBytes);
    writeTime(writer, modifiedMs);
    writer.u16(mode & 0o777);
    writeText(writer, sourceToken);
  },
  decode: (reader) => {
    const sizeBytes = reader.varint();
    const modifiedMs = readTime(reader);
    const mode = reader.u16();
    const sourceToken = readText(reader, SOURCE_TOKEN_LENGTH);
    if (!/^[0-9a-f]{32}$/.test(sourceToken)) throw new MessageError("Expected a source token");
    return { sizeBytes, modifiedMs, mode, sourceToken };
  },
};
