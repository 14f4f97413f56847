/**
 * Many folders on the server, in as few requests as their names take: one round trip for all of them.
 *
 * @module
 */
import { forEachOf, formatRemotePath, type RemotePath } from "../files/mod.ts";
import { type Caller, type CallOptions, emptyCodec, type Operation } from "../request/mod.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";

/** A request is full when its names reach this many bytes; the longest name still fits a message. */
const REQUEST_BYTES = 16_384;
/** Requests under way at the same time. */
const PARALLEL_REQUESTS = 8;

/**
 * Makes folders on the server, with those above them; what exists is fine. After a failure some of the others
 * may have been made.
 *
 * @param paths At best those above before those below: then a failure names the topmost one.
 * @throws {RemoteError} Its path is the folder that could not be made.
 * @throws {StreamError}
 */
export async function makeDirectories(
  caller: Caller,
  paths: Iterable<RemotePath>,
  options?: CallOptions,
): Promise<void> {
  await forEachOf(
    portions(paths),
    PARALLEL_REQUESTS,
    async (portion) => void await caller.call(makeDirectoriesOperation, portion, options),
  );
}

function* portions(paths: Iterable<RemotePath>): Generator<RemotePath[]> {
  let portion: RemotePath[] = [];
  let bytes = 0;
  for (const path of paths) {
    portion.push(path);
    // Three bytes of UTF-8 for a UTF-16 unit at most, and a length before each component.
    bytes += formatRemotePath(path).length * 3 + 8;
    if (bytes < REQUEST_BYTES) continue;
    yield portion;
    portion = [];
    bytes = 0;
  }
  if (portion.length > 0) yield portion;
}

/** Serves {@linkcode makeDirectories}. */
export const makeDirectoriesOperation: Operation<readonly RemotePath[], null, ServeContext> = {
  code: 9,
  name: "mkdir-many",
  access: "write",
  request: {
    encode: (paths, writer) => {
      writer.varint(paths.length);
      for (const path of paths) writePath(writer, path);
    },
    decode: (reader) => {
      const paths: RemotePath[] = [];
      for (let count = reader.varint(); count > 0; count--) paths.push(readPath(reader));
      return paths;
    },
  },
  response: emptyCodec,
  subject: (paths) => paths.length === 0 ? "" : formatRemotePath(paths[0]!),
  async serve(paths, _exchange, { root }) {
    await root.makeDirectories(paths);
    return null;
  },
};
