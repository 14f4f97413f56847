/**
 * Unfinished transfers outside the staging folder of the home.
 *
 * @module
 */
import type { Disk, DiskDirectory } from "./disk.ts";
import { inPlace, isInUse, type NotedPlace } from "./noted_place.ts";
import { reviewNotes } from "./notes_review.ts";
import { inStaging, STAGING_DIRECTORY } from "./staging.ts";
import {
  cleanParts,
  cleanStaging,
  type CleanupOptions,
  type CleanupResult,
} from "./staging_cleanup.ts";

/** Cleans all places that are noted in the home, also those of programs that live. */
export async function cleanNotedPlaces(
  disk: Disk,
  home: DiskDirectory,
  options: CleanupOptions,
): Promise<CleanupResult> {
  const total = { removed: 0, bytes: 0 };
  await inStaging(home, (staging) =>
    reviewNotes(staging, async (place) => {
      const cleaned = await cleanPlace(disk, home, place, options);
      total.removed += cleaned?.removed ?? 0;
      total.bytes += cleaned?.bytes ?? 0;
      return cleaned?.isInUse ?? false;
    }));
  return total;
}

/** Null when the place is gone. */
async function cleanPlace(
  disk: Disk,
  home: DiskDirectory,
  place: NotedPlace,
  options: CleanupOptions,
): Promise<CleanupResult & { readonly isInUse: boolean } | null> {
  return await inPlace(disk, home, place, async (folder) => {
    const isStaging = place.kind === "staging";
    const result = await (isStaging ? cleanStaging : cleanParts)(folder, options);
    if (isStaging) await folder.removeDirectory(STAGING_DIRECTORY).catch(() => {}); // not empty
    return { ...result, isInUse: await isInUse(folder, place) };
  });
}
