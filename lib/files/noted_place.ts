/**
 * A place outside the staging folder of the home where unfinished files may be, as it is noted there: a line of
 * a file whose name ends in {@linkcode PLACES_SUFFIX}.
 *
 * @module
 */
import type { Disk, DiskDirectory } from "./disk.ts";
import { osCode } from "./file_error.ts";
import { STAGING_PREFIX, validateComponent } from "./remote_path.ts";
import { JOURNAL_SUFFIX, PART_SUFFIX, STAGING_DIRECTORY } from "./staging.ts";

/** Where unfinished files may be. */
export interface NotedPlace {
  /** In the staging folder of a folder, or hidden in the folder itself. */
  readonly kind: "staging" | "parts";
  /** The folder that the way begins at: an absolute path, or null for the home. */
  readonly root: string | null;
  /** The way from there, on which no link is followed. */
  readonly below: readonly string[];
}

/** A place as a line, the line end included; equal for equal places. */
export function encodePlace({ kind, root, below }: NotedPlace): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify([kind, root, ...below])}\n`);
}

/** The places of whole lines, each once; whatever else is there is left out. */
export function decodePlaces(lines: Uint8Array): NotedPlace[] {
  const texts = new Set(new TextDecoder().decode(lines).split("\n").slice(0, -1));
  return [...texts].map(decodePlace).filter((place) => place !== null);
}

function decodePlace(line: string): NotedPlace | null {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return null;
  }
  if (!Array.isArray(fields)) return null;
  const [kind, root, ...below] = fields as unknown[];
  if (kind !== "staging" && kind !== "parts") return null;
  if (root !== null && typeof root !== "string") return null;
  return below.every(isName) ? { kind, root, below } : null;
}

/** Whether it is a name in a folder, and not `..` for one. */
function isName(value: unknown): value is string {
  return typeof value === "string" && validateComponent(value) === null;
}

/**
 * Runs `use` on the folder of a place; null when there is no such folder any more, or something else in its
 * place.
 */
export async function inPlace<Result>(
  disk: Disk,
  home: DiskDirectory,
  { root, below }: NotedPlace,
  use: (folder: DiskDirectory) => Promise<Result>,
): Promise<Result | null> {
  let folder = home;
  try {
    if (root !== null) folder = await disk.openRoot(root, { create: false });
    for (const name of below) {
      const above = folder;
      folder = await above.openDirectory(name);
      if (above !== home) above.close();
    }
    return await use(folder);
  } catch (error) {
    if (GONE.has(osCode(error) ?? "")) return null;
    throw error;
  } finally {
    if (folder !== home) folder.close();
  }
}

const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR"]);

/** Whether there is anything unfinished in the folder of a place. */
export async function isInUse(folder: DiskDirectory, { kind }: NotedPlace): Promise<boolean> {
  if (kind === "staging") return await folder.lookUp(STAGING_DIRECTORY) !== null;
  return (await folder.names()).some((name) =>
    name.startsWith(STAGING_PREFIX) && (name.endsWith(PART_SUFFIX) || name.endsWith(JOURNAL_SUFFIX))
  );
}
