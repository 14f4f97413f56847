/**
 * The user's own folders, as far as this process may see them. Never asks for permission.
 *
 * @module
 */

import { PrivateFolder, type PrivateFolderOptions, type PrivatePaths } from "../access/mod.ts";
import { privatePaths } from "../access/mod.ts";
import { systemClock, systemEntropy } from "../driver/mod.ts";
import { systemDisk } from "../files/mod.ts";
import { environmentVariable } from "./environment.ts";

/** Where keys and cookies are. */
export interface PrivateFiles {
  /** Folders that may be read and written. */
  readonly paths: PrivatePaths;
  /** The folder for what is kept; null when it cannot be had. */
  readonly folder: PrivateFolder | null;
  /** How folders are opened. */
  readonly options: PrivateFolderOptions;
}

/** Opens the folder for what is kept, and makes it at the first start. */
export async function openPrivateFiles(): Promise<PrivateFiles> {
  const wanted = privatePaths(Deno.build.os, environmentVariable);
  const paths = { runtime: usable(wanted.runtime), config: usable(wanted.config) };
  const options = {
    disk: systemDisk,
    entropy: systemEntropy,
    hasModes: Deno.build.os !== "windows",
    pause: (delayMs: number) => systemClock.sleep(delayMs).done,
  };
  let folder: PrivateFolder | null = null;
  try {
    if (paths.config !== null) folder = await PrivateFolder.open(paths.config, options);
  } catch {
    // A home that is read-only or somebody else's: the programs say what they lose by it.
  }
  return { paths, folder, options };
}

function usable(path: string | null): string | null {
  if (path === null) return null;
  const mayUse = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path }).state === "granted"
  );
  return mayUse ? path : null;
}
