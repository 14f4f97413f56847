/**
 * What to do when the target of a transfer exists. The receiving side decides: the client for a download,
 * the server for an upload.
 *
 * @module
 */
import {
  FileError,
  type FileRoot,
  formatRemotePath,
  type PartialOptions,
  type RemotePath,
  remotePathFromComponents,
} from "../files/mod.ts";
import { failureStatus } from "./error_status.ts";

/** The words for it, in the order of their numbers on the wire. */
export const EXISTS_POLICIES = ["overwrite", "skip", "rename", "fail"] as const;

/** Replace it at once when the new file is whole; leave it; choose `name (1).ext`; or refuse. */
export type ExistsPolicy = typeof EXISTS_POLICIES[number];

/** Where a file goes, and whether it goes at all. */
export interface ChosenTarget {
  /** The path, possibly with a number in its name. */
  readonly path: RemotePath;
  /** True when there is something that should stay. */
  readonly isSkipped: boolean;
  /** How publication treats what may have come up meanwhile. */
  readonly publication: PartialOptions["exists"];
}

/** Numbers tried by `rename`. */
const MAX_NUMBER = 9999;

/**
 * Applies a policy to a path.
 *
 * @throws {FileError} `exists` when the policy is `fail`, or `rename` finds no free name.
 */
export async function chooseTarget(
  root: FileRoot,
  path: RemotePath,
  policy: ExistsPolicy,
): Promise<ChosenTarget> {
  if (policy === "overwrite") return { path, isSkipped: false, publication: "overwrite" };
  if (!await root.exists(path)) {
    return { path, isSkipped: false, publication: policy === "skip" ? "skip" : "fail" };
  }
  switch (policy) {
    case "skip":
      return { path, isSkipped: true, publication: "skip" };
    case "fail":
      throw new FileError("exists", formatRemotePath(path));
    case "rename":
      return { path: await freeName(root, path), isSkipped: false, publication: "fail" };
  }
}

/**
 * Whether a transfer failed only because something came to its target meanwhile that is to stay: that of a client's
 * own lost connection, perhaps.
 */
export function isSkippedAfter(error: unknown, policy: ExistsPolicy): boolean {
  return policy === "skip" && failureStatus(error)?.status === "exists";
}

/** The file mode that a received file gets: never more than its source's, never group- or world-writable. */
export function receivedMode(mode: number): number {
  const kept = mode & 0o755;
  // A source from a system without modes says 0; a file that its owner cannot read serves nobody.
  return (kept & 0o400) === 0 ? kept | 0o600 : kept;
}

/**
 * The mode that a received folder gets: never more than its source's, never group- or world-writable. Its owner may
 * do everything in it, also when the source's may not: files have to be put there, and removed some day.
 */
export function receivedFolderMode(mode: number): number {
  return (mode & 0o755) | 0o700;
}

/** The first numbered name that is not taken. */
async function freeName(root: FileRoot, path: RemotePath): Promise<RemotePath> {
  for (const candidate of numberedNames(path)) {
    if (!await root.exists(candidate)) return candidate;
  }
  throw new FileError("exists", formatRemotePath(path));
}

/** `name (1).ext`, `name (2).ext`, …, as far as anybody looks. */
export function* numberedNames(path: RemotePath): Generator<RemotePath> {
  const folder = path.components.slice(0, -1);
  const name = path.components.at(-1) ?? "";
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let number = 1; number <= MAX_NUMBER; number++) {
    yield remotePathFromComponents([...folder, `${stem} (${number})${extension}`]);
  }
}
