/**
 * Files that are where a transfer would put them already: sent by an earlier command, or by an earlier try of
 * this one whose answer was lost.
 *
 * @module
 */
import type { ExistingFile, FileLooks, FileRoot, RemotePath } from "../files/mod.ts";
import { type ExistsPolicy, numberedNames } from "./existing_target.ts";

/** A file that may be the one that is sent. */
export interface Twin {
  /** Where it is. */
  readonly path: RemotePath;
  /** The file; the caller closes it. */
  readonly file: ExistingFile;
}

/** What a twin is looked for with. */
export interface TwinQuery {
  /** Where the file is to go. */
  readonly path: RemotePath;
  /** What would happen to a file that is there. */
  readonly exists: ExistsPolicy;
  /** The client sent it before, and does not know what became of it. */
  readonly isRepeated: boolean;
  /** What it would look like. */
  readonly looks: FileLooks;
}

/**
 * Finds the file that may be the one to be received, judged by its looks. A target that is to be replaced may
 * always be; one that is not, only when it may come from an earlier try. That had to choose the last of the
 * numbered names that are taken.
 */
export async function findTwin(root: FileRoot, query: TwinQuery): Promise<Twin | null> {
  const { path, exists, isRepeated } = query;
  if (!isRepeated) return exists === "overwrite" ? await twinAt(root, path, query) : null;
  const first = await twinAt(root, path, query);
  if (exists !== "rename") return first;
  let twin = first;
  for (const candidate of numberedNames(path)) {
    if (!await root.exists(candidate)) break;
    const found = await twinAt(root, candidate, query);
    if (found === null) continue;
    await twin?.file.close();
    twin = found;
  }
  return twin;
}

async function twinAt(
  root: FileRoot,
  path: RemotePath,
  { looks, isRepeated }: TwinQuery,
): Promise<Twin | null> {
  const file = await root.openLike(path, looks, { isRecent: isRepeated });
  return file === null ? null : { path, file };
}
