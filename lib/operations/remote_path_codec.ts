/**
 * Paths in messages: a list of components, each checked on arrival.
 *
 * @module
 */
import type { ByteReader } from "../bytes/byte_reader.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { FileError, type RemotePath, remotePathFromComponents } from "../files/mod.ts";
import { MessageError, readText, writeText } from "../request/mod.ts";
import { statusOfFileError } from "./error_status.ts";

/** More than a valid path may have, so that the path check itself gives the reason. */
const MAX_COMPONENTS = 256;
const MAX_COMPONENT_BYTES = 1024;

/** Appends a path. */
export function writePath(writer: ByteWriter, path: RemotePath): void {
  writer.varint(path.components.length);
  for (const name of path.components) writeText(writer, name);
}

/**
 * Reads a path.
 *
 * @throws {MessageError} with the path's own status when a component is not allowed.
 * @throws {TruncatedError}
 */
export function readPath(reader: ByteReader): RemotePath {
  const count = reader.varint();
  if (count > MAX_COMPONENTS) {
    throw new MessageError(`Expected at most ${MAX_COMPONENTS} components, found ${count}`);
  }
  const components: string[] = [];
  while (components.length < count) components.push(readText(reader, MAX_COMPONENT_BYTES));
  try {
    return remotePathFromComponents(components);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const about = { status: statusOfFileError(error), path: error.path, cause: error };
    throw new MessageError(error.message, about);
  }
}
