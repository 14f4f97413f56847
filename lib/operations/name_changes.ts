/**
 * Every change of names on the server: folders made and removed, files removed and renamed.
 *
 * @module
 */
import { formatRemotePath, type RemotePath } from "../files/mod.ts";
import {
  type Caller,
  type CallOptions,
  emptyCodec,
  type Operation,
  readFlag,
  writeFlag,
} from "../request/mod.ts";
import { type PathRequest, pathRequestCodec, pathSubject } from "./file_info.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";

/**
 * Makes a folder on the server; with `parents` those above it too, and one that exists is fine.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function makeDirectory(
  caller: Caller,
  path: RemotePath,
  options: CallOptions & { readonly parents: boolean },
): Promise<void> {
  await caller.call(makeDirectoryOperation, { path, parents: options.parents }, options);
}

/**
 * Removes an empty folder on the server.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function removeDirectory(
  caller: Caller,
  path: RemotePath,
  options?: CallOptions,
): Promise<void> {
  await caller.call(removeDirectoryOperation, { path }, options);
}

/**
 * Removes a file on the server; with `recursive` also a folder and everything in it.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function removePath(
  caller: Caller,
  path: RemotePath,
  options: CallOptions & { readonly recursive: boolean },
): Promise<{ removed: number }> {
  return await caller.call(removeOperation, { path, recursive: options.recursive }, options);
}

/**
 * Gives a file or folder on the server another name; with `replace` a file of that name is replaced.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function renamePath(
  caller: Caller,
  from: RemotePath,
  to: RemotePath,
  options: CallOptions & { readonly replace: boolean },
): Promise<void> {
  await caller.call(renameOperation, { from, to, replace: options.replace }, options);
}

/** Serves {@linkcode makeDirectory}. */
export const makeDirectoryOperation: Operation<
  PathRequest & { readonly parents: boolean },
  null,
  ServeContext
> = {
  code: 5,
  name: "mkdir",
  access: "write",
  request: {
    encode: ({ path, parents }, writer) => {
      writePath(writer, path);
      writeFlag(writer, parents);
    },
    decode: (reader) => ({ path: readPath(reader), parents: readFlag(reader) }),
  },
  response: emptyCodec,
  subject: pathSubject,
  async serve({ path, parents }, _exchange, { root }) {
    await root.makeDirectory(path, { parents });
    return null;
  },
};

/** Serves {@linkcode removeDirectory}. */
export const removeDirectoryOperation: Operation<PathRequest, null, ServeContext> = {
  code: 6,
  name: "rmdir",
  access: "write",
  request: pathRequestCodec,
  response: emptyCodec,
  subject: pathSubject,
  async serve({ path }, _exchange, { root }) {
    await root.removeDirectory(path);
    return null;
  },
};

/** Serves {@linkcode removePath}. */
export const removeOperation: Operation<
  PathRequest & { readonly recursive: boolean },
  { removed: number },
  ServeContext
> = {
  code: 7,
  name: "rm",
  access: "write",
  request: {
    encode: ({ path, recursive }, writer) => {
      writePath(writer, path);
      writeFlag(writer, recursive);
    },
    decode: (reader) => ({ path: readPath(reader), recursive: readFlag(reader) }),
  },
  response: {
    encode: ({ removed }, writer) => {
      writer.varint(removed);
    },
    decode: (reader) => ({ removed: reader.varint() }),
  },
  subject: pathSubject,
  async serve({ path, recursive }, _exchange, { root }) {
    if (recursive) return await root.removeTree(path);
    await root.removeFile(path);
    return { removed: 1 };
  },
};

/** Serves {@linkcode renamePath}. */
export const renameOperation: Operation<
  { readonly from: RemotePath; readonly to: RemotePath; readonly replace: boolean },
  null,
  ServeContext
> = {
  code: 8,
  name: "rename",
  access: "write",
  request: {
    encode: ({ from, to, replace }, writer) => {
      writePath(writer, from);
      writePath(writer, to);
      writeFlag(writer, replace);
    },
    decode: (reader) => ({
      from: readPath(reader),
      to: readPath(reader),
      replace: readFlag(reader),
    }),
  },
  response: emptyCodec,
  subject: ({ from, to }) => `${formatRemotePath(from)} → ${formatRemotePath(to)}`,
  async serve({ from, to, replace }, _exchange, { root }) {
    await root.rename(from, to, { replace });
    return null;
  },
};
