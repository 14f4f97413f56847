/**
 * Paths that a command worked out, as its user would have typed them.
 *
 * @module
 */

import { FileError, formatRemotePath, isBelow, type RemotePath } from "../files/mod.ts";
import { RemoteError } from "../request/mod.ts";
import { about } from "./shell_error.ts";

/** A path on the server: from the current folder, or from the top when it is not below that. */
export function shownRemotePath(path: RemotePath, current: RemotePath): string {
  if (!isBelow(path, current)) return formatRemotePath(path);
  return path.components.slice(current.components.length).join("/");
}

/** An absolute path here: from the current folder, or as it is when it is not below that. */
export function shownLocalPath(path: string, current: string): string {
  if (path === current) return ".";
  const above = current.endsWith("/") ? current : `${current}/`;
  return path.startsWith(above) ? path.slice(above.length) : path;
}

/**
 * What a failure to put something under the name `text` is about: the folder that it would be in, where that
 * is missing or none.
 */
export function targetSubject(text: string, error: unknown): string {
  const reason = error instanceof RemoteError
    ? error.status
    : error instanceof FileError
    ? error.kind
    : null;
  if (reason === "not-found") return `${folderOf(text)}/`;
  return reason === "not-a-directory" ? folderOf(text) : text;
}

/** Runs `work`, which puts something under the name `text`; whatever it throws is told as being about that. */
export async function aboutTarget<T>(text: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    return await about(targetSubject(text, error), () => Promise.reject(error));
  }
}

function folderOf(text: string): string {
  const end = text.replace(/\/+$/, "").lastIndexOf("/");
  if (end < 0) return ".";
  return end === 0 ? "" : text.slice(0, end);
}
