/**
 * `authorized_clients`: keys that need no code. One `ROLE KEY FOLDER REMARK` a line; the role is `ro`,
 * `rw` or `owner`, the folder is the served one with `%20` for spaces and the like, or `*` for any.
 *
 * Who has paired with one folder does not get another one that the same user serves later.
 *
 * @module
 */
import { constantTimeEqual } from "../crypto/mod.ts";
import { LineFile } from "./line_file.ts";
import type { PrivateFolder } from "./private_folder.ts";
import { publicKeyFromText, publicKeyText } from "./public_key_text.ts";

/** What a client may be allowed. */
export type GrantedRole = "owner" | "read-write" | "read-only";

const ROLE_WORDS: Readonly<Record<GrantedRole, string>> = {
  "owner": "owner",
  "read-write": "rw",
  "read-only": "ro",
};

interface Entry {
  readonly role: GrantedRole;
  readonly key: Uint8Array;
  readonly folder: string;
}

/** The clients that need no code. */
export class AuthorizedClients {
  readonly #file: LineFile;
  readonly #servedFolder: string;

  /** Those in this folder, for one served folder (absolute); without a folder, those of this process. */
  constructor(folder: PrivateFolder | null, servedFolder: string) {
    this.#file = new LineFile(folder, "authorized_clients");
    this.#servedFolder = encodeURI(servedFolder);
  }

  /** The file; null when there is none. */
  get path(): string | null {
    return this.#file.path;
  }

  /** What the holder of a key may do; null when it is not listed. The first line that fits counts. */
  async roleOf(key: Uint8Array): Promise<GrantedRole | null> {
    for (const line of await this.#file.entries()) {
      const entry = readEntry(line);
      if (entry === null || !constantTimeEqual(entry.key, key)) continue;
      if (entry.folder === "*" || entry.folder === this.#servedFolder) return entry.role;
    }
    return null;
  }

  /**
   * Lists a key. `isKept` false: the client makes a new key at every start, so this one is not worth a
   * line. Returns whether it is written.
   */
  async allow(
    key: Uint8Array,
    role: GrantedRole,
    { remark, isKept }: { remark: string; isKept: boolean },
  ): Promise<boolean> {
    const words = [ROLE_WORDS[role], publicKeyText(key), this.#servedFolder];
    const line = [...words, remark.replace(/\s+/g, " ")].join(" ").trim();
    if (!isKept) {
      this.#file.remember(line);
      return false;
    }
    return await this.#file.put(line, (present) => {
      const entry = readEntry(present);
      return entry !== null && entry.folder === this.#servedFolder &&
        constantTimeEqual(entry.key, key);
    });
  }
}

/** An entry; null for a line that cannot be read, which then allows nothing. */
function readEntry(line: string): Entry | null {
  const [word, keyText = "", folder] = line.trim().split(/\s+/);
  const role = (Object.keys(ROLE_WORDS) as GrantedRole[]).find((name) => ROLE_WORDS[name] === word);
  const key = publicKeyFromText(keyText);
  return role === undefined || key === null || folder === undefined ? null : { role, key, folder };
}
