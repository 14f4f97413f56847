import { FileError } from "./file_error.ts";
import { JOURNAL_SUFFIX, PART_SUFFIX, type StagingPlace } from "./staging.ts";

/** Whose parts are counted. */
export interface SenderParts {
  /** What their names begin with. */
  readonly prefix: string;
  /** The file that is about to be begun, for the error. */
  readonly path: string;
}

/**
 * Keeps a sender from filling the disk with files that it never ends: what it has parked at a place may take a
 * quarter of what the disk could give, half of what all senders may. What is being written counts as little as
 * the file that is begun: only who leaves things behind is refused, until some of it has been continued.
 *
 * @throws {FileError} `quota`.
 */
export async function assertWithinQuota(
  { directory }: StagingPlace,
  { prefix, path }: SenderParts,
): Promise<void> {
  const space = await directory.space();
  if (space === null) return;
  const parts = await partsOf(directory, prefix);
  const mayBeParked = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const quotaBytes = (space.freeBytes + mayBeParked) / 4;
  if (mayBeParked <= quotaBytes) return;
  let parked = mayBeParked;
  for (const { id, bytes } of parts) if (await isInUse(directory, id)) parked -= bytes;
  if (parked <= quotaBytes) return;
  throw new FileError("quota", path);
}

type Directory = StagingPlace["directory"];

async function partsOf(
  directory: Directory,
  prefix: string,
): Promise<{ readonly id: string; readonly bytes: number }[]> {
  const parts = [];
  for (const name of await directory.names()) {
    if (!name.startsWith(prefix) || !name.endsWith(PART_SUFFIX)) continue;
    const bytes = (await directory.lookUp(name))?.sizeBytes ?? 0;
    parts.push({ id: name.slice(0, -PART_SUFFIX.length), bytes });
  }
  return parts;
}

/** Whether a program is writing a part: it holds the lock of the journal. */
async function isInUse(directory: Directory, id: string): Promise<boolean> {
  try {
    const log = await directory.openFile(`${id}${JOURNAL_SUFFIX}`, { access: "write" });
    try {
      return !(await log.tryLock());
    } finally {
      log.close();
    }
  } catch {
    return false; // no journal: nobody
  }
}
