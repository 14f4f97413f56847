/**
 * The long-term key of a program, in a file that only its user can read.
 *
 * @module
 */
import {
  createIdentity,
  type Entropy,
  type Identity,
  identityFromPrivateKey,
} from "../crypto/mod.ts";
import type { PrivateFolder } from "./private_folder.ts";

/** A key, and whether it will be the same next time. */
export interface StoredIdentity {
  /** The key pair. */
  readonly identity: Identity;
  /** False when it could not be kept: the next start makes another one. */
  readonly isKept: boolean;
  /** What the user should know about it, one sentence; null when all is well. */
  readonly warning: string | null;
}

const KEY_BYTES = 32;

/**
 * The key of one of the two programs; made at the first start. Without a folder, or when the file cannot be
 * used, a key for this start only.
 */
export async function loadIdentity(
  folder: PrivateFolder | null,
  program: "client" | "server",
  entropy: Entropy,
): Promise<StoredIdentity> {
  const fresh = createIdentity(entropy);
  const name = `${program}_key`;
  const forNow = (reason: string): StoredIdentity => ({
    identity: fresh,
    isKept: false,
    warning: `The key of this ${program} is for this start only: ${reason}`,
  });
  if (folder === null) return forNow("there is no folder of this user to keep it in");
  try {
    if (await folder.isExposed(name)) {
      return forNow(`others may read ${folder.path}/${name} (chmod 600)`);
    }
    const content = await folder.read(name) ??
      await folder.create(name, new TextEncoder().encode(`${fresh.privateKey.toBase64()}\n`));
    const identity = identityFrom(content);
    if (identity === null) return forNow(`${folder.path}/${name} holds no key`);
    return { identity, isKept: true, warning: null };
  } catch (error) {
    return forNow(error instanceof Error ? error.message : String(error));
  }
}

function identityFrom(content: Uint8Array): Identity | null {
  try {
    const key = Uint8Array.fromBase64(new TextDecoder().decode(content).trim());
    return key.length === KEY_BYTES ? identityFromPrivateKey(key) : null;
  } catch {
    return null;
  }
}
