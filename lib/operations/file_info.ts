/**
 * Questions about one file: what it is, and the hash of its content.
 *
 * @module
 */
import type { ByteReader } from "../bytes/byte_reader.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { StreamError } from "../bytes/byte_stream.ts";
import { FileError, type FileStatus, formatRemotePath, type RemotePath } from "../files/mod.ts";
import {
  type Caller,
  type CallOptions,
  type Codec,
  MessageError,
  type Operation,
  readChoice,
  writeChoice,
} from "../request/mod.ts";
import { plainSha256 } from "../transfer/mod.ts";
import { onceMoreIfChanged } from "./once_more.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";

/** A request about one path and nothing else. */
export interface PathRequest {
  /** What it is about. */
  readonly path: RemotePath;
}

/** Its codec. */
export const pathRequestCodec: Codec<PathRequest> = {
  encode: ({ path }, writer) => writePath(writer, path),
  decode: (reader) => ({ path: readPath(reader) }),
};

/** What the log calls such a request. */
export function pathSubject({ path }: PathRequest): string {
  return formatRemotePath(path);
}

/** Plain SHA-256 of a file on the server. */
export interface FileHash {
  /** As `sha256sum` prints it: 64 lower-case hex digits. */
  readonly sha256: string;
  /** Bytes that were hashed. */
  readonly sizeBytes: number;
}

/**
 * What a path on the server is.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function statPath(
  caller: Caller,
  path: RemotePath,
  options?: CallOptions,
): Promise<FileStatus> {
  return await caller.call(statOperation, { path }, options);
}

/**
 * Plain SHA-256 of a file on the server, computed there.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function hashFile(
  caller: Caller,
  path: RemotePath,
  options?: CallOptions,
): Promise<FileHash> {
  return await caller.call(hashOperation, { path }, options);
}

const KINDS = ["file", "directory", "other"] as const;
/** Furthest moment that a `Date` can hold, either way. */
const MAX_TIME_MS = 8.64e15;

/** Appends a file's status. */
export function writeFileStatus(writer: ByteWriter, status: FileStatus): void {
  writeChoice(writer, KINDS, status.kind);
  writer.varint(status.sizeBytes);
  writeTime(writer, status.modifiedMs);
  writer.u16(status.mode & 0xffff);
}

/** Reads a file's status. Throws `MessageError` or `TruncatedError`. */
export function readFileStatus(reader: ByteReader): FileStatus {
  return {
    kind: readChoice(reader, KINDS),
    sizeBytes: reader.varint(),
    modifiedMs: readTime(reader),
    mode: reader.u16(),
  };
}

/** Appends a moment in milliseconds since 1970, of either sign; fractions are dropped. */
export function writeTime(writer: ByteWriter, timeMs: number): void {
  const isUsable = Number.isFinite(timeMs) && Math.abs(timeMs) <= MAX_TIME_MS;
  const roundedMs = isUsable ? Math.floor(timeMs) : 0;
  writer.u8(roundedMs < 0 ? 1 : 0).varint(Math.abs(roundedMs));
}

/** Reads a moment. Throws `MessageError` or `TruncatedError`. */
export function readTime(reader: ByteReader): number {
  const sign = reader.u8();
  const distanceMs = reader.varint();
  if (sign > 1 || distanceMs > MAX_TIME_MS) throw new MessageError("Expected a moment");
  return sign === 1 ? -distanceMs : distanceMs;
}

/** Serves {@linkcode statPath}. */
export const statOperation: Operation<PathRequest, FileStatus, ServeContext> = {
  code: 3,
  name: "stat",
  access: "read",
  request: pathRequestCodec,
  response: {
    encode: (status, writer) => writeFileStatus(writer, status),
    decode: readFileStatus,
  },
  subject: pathSubject,
  serve({ path }, _exchange, { root }) {
    return root.status(path);
  },
};

/** Serves {@linkcode hashFile}. */
export const hashOperation: Operation<PathRequest, FileHash, ServeContext> = {
  code: 4,
  name: "hash",
  access: "read",
  request: pathRequestCodec,
  response: {
    encode: ({ sha256, sizeBytes }, writer) => {
      writer.bytes(Uint8Array.fromHex(sha256)).varint(sizeBytes);
    },
    decode: (reader) => ({ sha256: reader.bytes(32).toHex(), sizeBytes: reader.varint() }),
  },
  subject: pathSubject,
  async serve({ path }, exchange, { root }) {
    return await onceMoreIfChanged(async () => {
      const source = await root.openSource(path);
      try {
        const sha256 = await plainSha256(source, () => exchange.abandonedFor !== null);
        if (sha256 === null) throw new StreamError("aborted");
        if (await source.hasChanged()) throw new FileError("changed", formatRemotePath(path));
        return { sha256, sizeBytes: source.status.sizeBytes };
      } finally {
        await source.close();
      }
    });
  },
};
