import type { DiskDirectory, DiskFile, OpenFileOptions } from "./disk.ts";

/**
 * Opens a file for writing and takes its lock; null while another program has it. Whoever holds the lock of a
 * file may remove its name: what is returned is the file of this name.
 */
export async function openLocked(
  directory: DiskDirectory,
  name: string,
  options: Pick<OpenFileOptions, "create"> = {},
): Promise<DiskFile | null> {
  for (;;) {
    const file = await directory.openFile(name, { access: "write", ...options });
    try {
      if (!(await file.tryLock())) return file.close(), null;
      const { nodeId } = await file.status();
      // Between opening and locking, the one who held it may have finished and removed it.
      if ((await directory.lookUp(name))?.nodeId === nodeId) return file;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
}
