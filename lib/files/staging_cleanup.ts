/**
 * Unfinished transfers that nobody resumes.
 *
 * @module
 */
import type { DiskDirectory, NodeStatus } from "./disk.ts";
import { STAGING_PREFIX } from "./remote_path.ts";
import {
  inStaging,
  JOURNAL_SUFFIX,
  NOTE_SUFFIX,
  PART_SUFFIX,
  removeIfThere,
  SMALL_PART_PREFIX,
} from "./staging.ts";

/** What is to go. */
export interface CleanupOptions {
  /** The time now, milliseconds since 1970. */
  readonly nowMs: number;
  /** Age from which an unfinished transfer goes; 7 days by default. */
  readonly maxAgeMs?: number;
  /** Bytes that all of them may take together; half of what the disk could give by default. */
  readonly quotaBytes?: number;
}

/** What went. */
export interface CleanupResult {
  /** Number of transfers removed. */
  readonly removed: number;
  /** Bytes that they took. */
  readonly bytes: number;
}

/**
 * Cleans the staging folder of `root`, if there is one. What somebody has locked stays. Of a file that has its
 * name, the journal that a program had no time to remove goes whatever its age, and is not counted.
 */
export async function cleanStaging(
  root: DiskDirectory,
  options: CleanupOptions,
): Promise<CleanupResult> {
  return await inStaging(root, (staging) => cleanDirectory(staging, OF_STAGING, options)) ??
    { removed: 0, bytes: 0 };
}

/** Cleans a folder that holds unfinished files itself, hidden among others. */
export async function cleanParts(
  folder: DiskDirectory,
  options: CleanupOptions,
): Promise<CleanupResult> {
  return await cleanDirectory(folder, HIDDEN, options);
}

/** Which names in a directory are looked at. */
interface Naming {
  readonly prefix: string;
  readonly suffixes: readonly string[];
}

const OF_STAGING: Naming = { prefix: "", suffixes: [PART_SUFFIX, JOURNAL_SUFFIX, NOTE_SUFFIX] };
const HIDDEN: Naming = { prefix: STAGING_PREFIX, suffixes: [PART_SUFFIX, JOURNAL_SUFFIX] };

const WEEK_MS = 7 * 24 * 3600 * 1000;
/** A small file has its staging name for a moment only; what is older was left by a program that was killed. */
const SMALL_PART_MS = 3600 * 1000;

interface Leftover {
  readonly id: string;
  readonly bytes: number;
  readonly changedMs: number;
  readonly isJournaled: boolean;
  readonly isNote: boolean;
  readonly isSmallPart: boolean;
  /** There is a part that has no other name. */
  readonly isUnpublished: boolean;
}

async function cleanDirectory(
  staging: DiskDirectory,
  naming: Naming,
  { nowMs, maxAgeMs = WEEK_MS, ...options }: CleanupOptions,
): Promise<CleanupResult> {
  const leftovers = await findLeftovers(staging, naming);
  let kept = leftovers.reduce((sum, { bytes }) => sum + bytes, 0);
  const freeBytes = (await staging.space())?.freeBytes ?? Infinity;
  const quotaBytes = options.quotaBytes ?? (freeBytes + kept) / 2;
  const result = { removed: 0, bytes: 0 };
  for (const leftover of leftovers) {
    if (isOfPublished(leftover)) {
      await removeOrKeep(staging, leftover);
      continue;
    }
    const limitMs = leftover.isSmallPart ? Math.min(maxAgeMs, SMALL_PART_MS) : maxAgeMs;
    const isOld = nowMs - leftover.changedMs > limitMs;
    // Without a journal there is no lock to tell whether it is being written just now.
    const isTooMuch = kept > quotaBytes && leftover.isJournaled;
    if (!(isOld || isTooMuch) || !(await removeOrKeep(staging, leftover))) continue;
    kept -= leftover.bytes;
    result.removed += 1;
    result.bytes += leftover.bytes;
  }
  return result;
}

/** Whether nothing is unfinished. An empty journal may be of a transfer that begins at this moment. */
function isOfPublished({ isJournaled, isUnpublished, bytes }: Leftover): boolean {
  return isJournaled && !isUnpublished && bytes > 0;
}

/** Parts and journals that belong together, oldest first. */
async function findLeftovers(
  staging: DiskDirectory,
  { prefix, suffixes }: Naming,
): Promise<Leftover[]> {
  const found = new Map<string, Leftover>();
  for (const name of await staging.names()) {
    if (!name.startsWith(prefix)) continue;
    const suffix = suffixes.find((suffix) => name.endsWith(suffix));
    const status = suffix === undefined ? null : await staging.lookUp(name);
    if (suffix === undefined || status === null) continue;
    const id = suffix === NOTE_SUFFIX ? name : name.slice(0, -suffix.length);
    const isSmallPart = id.startsWith(`${prefix}${SMALL_PART_PREFIX}`);
    found.set(id, merge(found.get(id), { id, isSmallPart }, suffix, status));
  }
  return [...found.values()].sort((a, b) => a.changedMs - b.changedMs);
}

function merge(
  other: Leftover | undefined,
  named: Pick<Leftover, "id" | "isSmallPart">,
  suffix: string,
  status: NodeStatus,
): Leftover {
  const { sizeBytes, changedMs } = status;
  const isPart = suffix === PART_SUFFIX;
  return {
    ...named,
    bytes: (other?.bytes ?? 0) + sizeBytes,
    changedMs: Math.max(other?.changedMs ?? 0, changedMs),
    isJournaled: other?.isJournaled === true || suffix === JOURNAL_SUFFIX,
    isNote: suffix === NOTE_SUFFIX,
    isUnpublished: other?.isUnpublished === true || (isPart && status.linkCount === 1),
  };
}

/** False when it stays. One that cannot be removed must not keep the others. */
async function removeOrKeep(staging: DiskDirectory, leftover: Leftover): Promise<boolean> {
  try {
    return await removeLeftover(staging, leftover);
  } catch {
    return false; // gone since it was listed, or not ours to remove: the next cleaning looks again
  }
}

async function removeLeftover(
  staging: DiskDirectory,
  leftover: Leftover,
): Promise<boolean> {
  const { id, isJournaled, isNote } = leftover;
  if (isNote) {
    await removeIfThere(staging, id);
    return true;
  }
  const partName = `${id}${PART_SUFFIX}`;
  if (!isJournaled) {
    await removeIfThere(staging, partName);
    return true;
  }
  const journalName = `${id}${JOURNAL_SUFFIX}`;
  const log = await staging.openFile(journalName, { access: "write" });
  try {
    if (!(await log.tryLock())) return false;
    const { nodeId } = await log.status();
    // Before it was locked, its transfer may have ended and another one of the same file begun: that is in use.
    if ((await staging.lookUp(journalName))?.nodeId !== nodeId) return false;
    // Or been parked.
    const isParked = (await staging.lookUp(partName))?.linkCount === 1;
    if (isParked && isOfPublished(leftover)) return false;
    await removeIfThere(staging, partName);
    await removeIfThere(staging, journalName);
    return true;
  } finally {
    log.close();
  }
}
