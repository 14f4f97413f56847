import { basename, dirname } from "@std/path";
import type { Disk, DiskDirectory } from "./disk.ts";
import { fileErrorFrom, osCode } from "./file_error.ts";

/**
 * Opens the directory at a trusted path, links included, and makes it with those above it when missing: their
 * names are on stable storage then, or a file in it that counts as saved could vanish with them.
 */
export async function openMadeRoot(disk: Disk, path: string): Promise<DiskDirectory> {
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
    return await disk.openRoot(path, { create: true });
  }
  try {
    await makeOne(above, basename(path));
    await above.sync();
  } finally {
    above.close();
  }
  return await disk.openRoot(path, { create: false });
}

async function makeOne(above: DiskDirectory, name: string): Promise<void> {
  try {
    await above.makeDirectory(name, 0o777);
  } catch (error) {
    if (osCode(error) !== "EEXIST") throw error;
  }
}
