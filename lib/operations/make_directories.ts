/**
 * Many folders on the server, in as few requests as their names take: one round trip for all of them.
 *
 * @module
 */
import {
  forEachOf,
  formatRemotePath,
  NEW_FOLDER_MODE,
  type NewFolder,
  type RemotePath,
} from "../files/mod.ts";
import {
  type Caller,
  type CallOptions,
  emptyCodec,
  type Operation,
  RemoteError,
} from "../request/mod.ts";
import { receivedFolderMode } from "./existing_target.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";

/** A request is full when its names reach this many bytes; the longest name still fits a message. */
const REQUEST_BYTES = 16_384;
/** Requests under way at the same time. */
const PARALLEL_REQUESTS = 8;

/**
 * Makes folders on the server like those they are copies of, with those above them; what exists is fine and
 * stays as it is. A server that is too old to be told modes gives its own. After a failure some of the others
 * may have been made.
 *
 * @param folders At best those above before those below: then a failure names the topmost one.
 * @throws {RemoteError} Its path is the folder that could not be made.
 * @throws {StreamError}
 */
export async function makeDirectories(
  caller: Caller,
  folders: Iterable<NewFolder>,
  options?: CallOptions,
): Promise<void> {
  await forEachOf(portions(folders), PARALLEL_REQUESTS, async (portion) => {
    try {
      await caller.call(makeDirectoriesLikeOperation, portion, options);
    } catch (error) {
      if (!(error instanceof RemoteError && error.status === "unsupported")) throw error;
      await caller.call(makeDirectoriesOperation, portion.map(({ path }) => path), options);
    }
  });
}

/**
 * Requests that do not depend on each other: each begins with the folders above its own, because several are
 * under way at the same time and any of them may make those.
 */
function* portions(folders: Iterable<NewFolder>): Generator<NewFolder[]> {
  const known = new Map<string, NewFolder>();
  let portion = new Map<string, NewFolder>();
  let bytes = 0;
  for (const folder of folders) {
    known.set(keyOf(folder.path.components), folder);
    for (const added of [...missingAbove(folder, known, portion), folder]) {
      portion.set(keyOf(added.path.components), added);
      // Three bytes of UTF-8 for a UTF-16 unit at most, a length before each component, and the mode.
      bytes += formatRemotePath(added.path).length * 3 + 10;
    }
    if (bytes < REQUEST_BYTES) continue;
    yield [...portion.values()];
    portion = new Map();
    bytes = 0;
  }
  if (portion.size > 0) yield [...portion.values()];
}

/** Topmost first. */
function missingAbove(
  { path: { components } }: NewFolder,
  known: ReadonlyMap<string, NewFolder>,
  portion: ReadonlyMap<string, NewFolder>,
): NewFolder[] {
  const missing: NewFolder[] = [];
  for (let depth = components.length - 1; depth > 0; depth--) {
    const key = keyOf(components.slice(0, depth));
    if (portion.has(key)) break;
    const above = known.get(key);
    if (above !== undefined) missing.unshift(above);
  }
  return missing;
}

function keyOf(components: readonly string[]): string {
  return components.join("/");
}

/** Serves {@linkcode makeDirectories}. */
export const makeDirectoriesLikeOperation: Operation<readonly NewFolder[], null, ServeContext> = {
  code: 10,
  name: "mkdir-many",
  access: "write",
  request: {
    encode: (folders, writer) => {
      writer.varint(folders.length);
      for (const { path, mode } of folders) {
        writePath(writer, path);
        writer.u16(mode & 0o777);
      }
    },
    decode: (reader) => {
      const folders: NewFolder[] = [];
      for (let count = reader.varint(); count > 0; count--) {
        folders.push({ path: readPath(reader), mode: reader.u16() });
      }
      return folders;
    },
  },
  response: emptyCodec,
  subject: (folders) => folders.length === 0 ? "" : formatRemotePath(folders[0]!.path),
  async serve(folders, _exchange, { root }) {
    await root.makeDirectories(
      folders.map(({ path, mode }) => ({ path, mode: receivedFolderMode(mode) })),
    );
    return null;
  },
};

/** The same without modes, as clients asked for it that did not know them. */
export const makeDirectoriesOperation: Operation<readonly RemotePath[], null, ServeContext> = {
  code: 9,
  name: "mkdir-many-plain",
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
    await root.makeDirectories(paths.map((path) => ({ path, mode: NEW_FOLDER_MODE })));
    return null;
  },
};
