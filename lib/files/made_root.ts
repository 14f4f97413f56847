import { basename, dirname } from "@std/path";
import type { Disk, DiskDirectory } from "./disk.ts";
import { fileErrorFrom, osCode } from "./file_error.ts";

/** Permission bits of new folders where nothing else is asked for; the umask takes some away. */
export const NEW_FOLDER_MODE = 0o777;

/**
 * Opens the directory at a trusted path, links included, and makes it with those above it when missing: their
 * names are on stable storage then, or a file in it that counts as saved could vanish with them. Only the directory
 * itself gets `mode`, less the umask.
 */
export async function openMadeRoot(
  disk: Disk,
  path: string,
  mode: number = NEW_FOLDER_MODE,
): Promise<DiskDirectory> {
  try {
    return await disk.openRoot(path, { create: false });
  } catch (error) {
    if (osCode(error) !== "ENOENT" || dirname(path) === path) throw error;
  }
  let above: DiskDirectory;
  try {
    above = await openMadeRoot(disk, dirname(path));
  } catch (error) {
    // One that may be passed through and not read, or that the program has no permission for.
    if (fileErrorFrom(error, path).kind !== "permission") throw error;
    return await disk.openRoot(path, { create: true, mode });
  }
  try {
    await makeOne(above, basename(path), mode);
    await above.sync();
  } finally {
    above.close();
  }
  return await disk.openRoot(path, { create: false });
}

async function makeOne(above: DiskDirectory, name: string, mode: number): Promise<void> {
  try {
    await above.makeDirectory(name, mode);
  } catch (error) {
    if (osCode(error) !== "EEXIST") throw error;
  }
}
