/**
 * The cookie: 32 random bytes that only the server's own user can read, so whoever shows them is that user.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { PrivateFolder, type PrivateFolderOptions } from "./private_folder.ts";
import type { PrivatePaths } from "./config_folder.ts";

const COOKIE_BYTES = 32;

/** A cookie that stands in a file as long as the server runs. */
export interface Cookie {
  /** 32 secret bytes. */
  readonly secret: Uint8Array;
  /** Where it is. */
  readonly path: string;
  /** Removes the file, unless another server has put its own there. */
  remove(): Promise<void>;
}

/**
 * Writes a fresh cookie for the server on a port, in the first folder that takes it. Null when none does.
 */
export async function writeCookie(
  paths: PrivatePaths,
  port: number,
  options: PrivateFolderOptions & { readonly entropy: Entropy },
): Promise<Cookie | null> {
  const secret = new Uint8Array(COOKIE_BYTES);
  options.entropy.fill(secret);
  const content = new TextEncoder().encode(`${secret.toHex()}\n`);
  const name = cookieName(port);
  for (const path of [paths.runtime, paths.config]) {
    if (path === null) continue;
    try {
      const folder = await PrivateFolder.open(path, options);
      await folder.write(name, content);
      return {
        secret,
        path: `${path}/${name}`,
        remove: async () => {
          try {
            await folder.removeIf(name, content);
          } catch {
            // A cookie that cannot be removed opens nothing any more.
          }
        },
      };
    } catch {
      // The next folder, or none.
    }
  }
  return null;
}

/** The cookies of servers on a port of this machine, as far as this user has any. */
export async function readCookies(
  paths: PrivatePaths,
  port: number,
  options: PrivateFolderOptions,
): Promise<Uint8Array[]> {
  const secrets: Uint8Array[] = [];
  const name = cookieName(port);
  for (const path of [paths.runtime, paths.config]) {
    if (path === null) continue;
    try {
      const folder = await PrivateFolder.find(path, options);
      // One that others can read proves nothing, and one that they can write is theirs.
      if (folder === null || await folder.isExposed(name)) continue;
      const secret = cookieFrom(await folder.read(name));
      if (secret !== null) secrets.push(secret);
    } catch {
      // Not ours to read: there are other ways to get in.
    }
  }
  return secrets;
}

function cookieName(port: number): string {
  return `cookie-${port}`;
}

function cookieFrom(content: Uint8Array | null): Uint8Array | null {
  if (content === null) return null;
  const text = new TextDecoder().decode(content).trim();
  return /^[0-9a-f]{64}$/.test(text) ? Uint8Array.fromHex(text) : null;
}
