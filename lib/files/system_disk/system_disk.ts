/**
 * The file system of this machine as a {@linkcode Disk}: where a walk begins.
 *
 * With all permissions on Linux it is exactly what `openat` gives: the walk goes through
 * `/proc/self/fd/N/name` with O_NOFOLLOW, which no swapped link can escape. Elsewhere every component is
 * looked at (`lstat`) and compared around each step; there somebody with write access on the same machine
 * can win a race. Only the files of this folder ask the operating system for its disk.
 *
 * @module
 */
import { openSync } from "node:fs";
import { resolve } from "@std/path";
import type { Disk } from "../disk.ts";
import { canWalkDescriptors, OPEN_DIRECTORY } from "./descriptor_walk.ts";
import { SystemDirectory } from "./system_directory.ts";

/** The file system of this machine. */
export const systemDisk: Disk = {
  get umask() {
    return currentUmask();
  },

  get nowMs() {
    return Date.now();
  },

  absolutePath: (path) => resolve(path),

  async openRoot(path, { create, mode }) {
    if (create) await makeDirectories(path, mode);
    const realPath = await Deno.realPath(path);
    if (!canWalkDescriptors()) return SystemDirectory.at(realPath, null);
    return SystemDirectory.of(openSync(realPath, OPEN_DIRECTORY));
  },
};

/** A file in the way is left for the opening to report. */
async function makeDirectories(path: string, mode: number | undefined): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

let umask: number | undefined;

/** Read once: reading it sets it for a moment, for the whole process. */
function currentUmask(): number {
  umask ??= Deno.permissions.querySync({ name: "sys" }).state === "granted" ? Deno.umask() : 0o022;
  return umask;
}
