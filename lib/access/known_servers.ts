/**
 * `known_servers`: which key a server had when it proved itself. One `HOST:PORT KEY` a line.
 *
 * @module
 */
import { constantTimeEqual } from "../crypto/mod.ts";
import { LineFile } from "./line_file.ts";
import type { PrivateFolder } from "./private_folder.ts";
import { publicKeyFromText, publicKeyText } from "./public_key_text.ts";

/** A server as its user names it. */
export interface ServerName {
  /** Host name or address, as typed. */
  readonly host: string;
  /** UDP port. */
  readonly port: number;
}

/** What is known of a server that shows a key. */
export type ServerStanding =
  /** It has this key. */
  | { readonly kind: "known" }
  /** Nothing is known of it. */
  | { readonly kind: "unknown" }
  /** It had another key. */
  | { readonly kind: "changed"; readonly knownKey: Uint8Array };

/** The servers that have proved themselves to this user. */
export class KnownServers {
  readonly #file: LineFile;

  /** Those in this folder; without one, those of this process. */
  constructor(folder: PrivateFolder | null) {
    this.#file = new LineFile(folder, "known_servers");
  }

  /** The file; null when there is none. */
  get path(): string | null {
    return this.#file.path;
  }

  /** What is known of a server that shows this key. */
  async standing(server: ServerName, key: Uint8Array): Promise<ServerStanding> {
    const name = serverNameText(server);
    let changed: ServerStanding | null = null;
    for (const entry of await this.#file.entries()) {
      const [entryName, keyText = ""] = entry.trim().split(/\s+/);
      if (entryName !== name) continue;
      const knownKey = publicKeyFromText(keyText);
      // A line that cannot be read is no reason to trust: nothing equals it.
      if (knownKey !== null && constantTimeEqual(knownKey, key)) return { kind: "known" };
      changed = { kind: "changed", knownKey: knownKey ?? new Uint8Array(32) };
    }
    return changed ?? { kind: "unknown" };
  }

  /** Remembers the key of a server that has proved itself. Returns whether it is written. */
  async remember(server: ServerName, key: Uint8Array): Promise<boolean> {
    const name = serverNameText(server);
    return await this.#file.put(
      `${name} ${publicKeyText(key)}`,
      (entry) => entry.trim().split(/\s+/)[0] === name,
    );
  }
}

/** A server's name in the file. */
export function serverNameText({ host, port }: ServerName): string {
  const lower = host.toLowerCase();
  return lower.includes(":") ? `[${lower}]:${port}` : `${lower}:${port}`;
}
