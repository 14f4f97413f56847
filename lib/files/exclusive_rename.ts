import type { DiskDirectory } from "./disk.ts";
import { osCode } from "./file_error.ts";

/** Where a name is. */
export interface Place {
  /** The folder. */
  readonly directory: DiskDirectory;
  /** The name in it. */
  readonly name: string;
}

/**
 * Moves a file to a name that must be free: EEXIST when it is not, whoever else wants it.
 *
 * A second link is made and the first one removed, because a rename would replace silently. After a
 * crash in between the file has both names.
 */
export async function renameExclusively(from: Place, to: Place): Promise<void> {
  try {
    await from.directory.link(from.name, to.directory, to.name);
  } catch (error) {
    if (!LINKS_UNSUPPORTED.has(osCode(error) ?? "")) throw error;
    return await renameAfterLooking(from, to);
  }
  await from.directory.removeFile(from.name);
}

const LINKS_UNSUPPORTED = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** For file systems without hard links (FAT, some network ones), with a short gap. */
async function renameAfterLooking(from: Place, to: Place): Promise<void> {
  if (await to.directory.lookUp(to.name) !== null) {
    throw Object.assign(new Error("EEXIST: the name is taken"), { code: "EEXIST" });
  }
  await from.directory.rename(from.name, to.directory, to.name);
}
