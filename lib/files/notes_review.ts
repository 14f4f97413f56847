import type { DiskDirectory } from "./disk.ts";
import { openLocked } from "./locked_file.ts";
import { decodePlaces, type NotedPlace } from "./noted_place.ts";
import { readFully } from "./read_fully.ts";
import { PLACES_SUFFIX, removeIfThere } from "./staging.ts";

/**
 * Goes through all places noted in a staging folder; `isInUse` says whether something unfinished is at one. The
 * notes of a program that is dead go when there is nothing at any of its places.
 */
export async function reviewNotes(
  staging: DiskDirectory,
  isInUse: (place: NotedPlace) => Promise<boolean>,
): Promise<void> {
  for (const name of await staging.names()) {
    if (!name.endsWith(PLACES_SUFFIX)) continue;
    try {
      await reviewFile(staging, name, isInUse);
    } catch {
      // Gone since it was listed, or not ours to open: the next review looks again.
    }
  }
}

async function reviewFile(
  staging: DiskDirectory,
  name: string,
  isInUse: (place: NotedPlace) => Promise<boolean>,
): Promise<void> {
  const locked = await openLocked(staging, name);
  const file = locked ?? await staging.openFile(name, { access: "read" });
  try {
    const lines = new Uint8Array((await file.status()).sizeBytes);
    const length = await readFully(file, lines, 0);
    let isAnyInUse = false;
    for (const place of decodePlaces(lines.subarray(0, length))) {
      // One that cannot be looked at must not keep the others.
      if (await isInUse(place).catch(() => true)) isAnyInUse = true;
    }
    if (locked !== null && !isAnyInUse) await removeIfThere(staging, name);
  } finally {
    file.close();
  }
}
