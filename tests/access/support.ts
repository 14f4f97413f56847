/**
 * Private folders for tests: real ones in the system's temporary folder, never those of whoever runs them.
 *
 * @module
 */
import { PrivateFolder, type PrivateFolderOptions } from "../../lib/access/mod.ts";
import type { Entropy } from "../../lib/crypto/mod.ts";
import { systemClock } from "../../lib/driver/mod.ts";
import { systemDisk } from "../../lib/files/mod.ts";

/** Bytes that count on: never the same twice in one test. */
export function countingEntropy(first = 1): Entropy {
  let next = first;
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) bytes[index] = (next++ * 37) & 0xff;
    },
  };
}

export const folderOptions: PrivateFolderOptions = {
  disk: systemDisk,
  entropy: countingEntropy(),
  hasModes: Deno.build.os !== "windows",
  pause: (delayMs) => systemClock.sleep(delayMs).done,
};

/** Runs a test with the path of a fresh folder of its own. */
export async function withTemporary(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ferry_access_" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** Runs a test with a fresh private folder. */
export async function withPrivateFolder(
  test: (folder: PrivateFolder) => Promise<void>,
): Promise<void> {
  await withTemporary(async (path) => {
    await test(await PrivateFolder.open(`${path}/config/ferry`, folderOptions));
  });
}
