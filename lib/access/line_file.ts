/**
 * A list that people may edit: one entry a line, `#` for remarks. What cannot be written is remembered
 * as long as the program runs.
 *
 * @module
 */
import type { PrivateFolder } from "./private_folder.ts";

/** A file of lines in a private folder, or only in memory. */
export class LineFile {
  readonly #folder: PrivateFolder | null;
  readonly #name: string;
  /** Entries that could not be written. */
  #remembered: string[] = [];
  /** The change under way: the next one waits, or one of the two would be lost. */
  #changing: Promise<unknown> = Promise.resolve();

  /** The file of this name; without a folder there is only memory. */
  constructor(folder: PrivateFolder | null, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  /** Where the file is; null when there is only memory. */
  get path(): string | null {
    return this.#folder === null ? null : `${this.#folder.path}/${this.#name}`;
  }

  /** Entries, without remarks and empty lines. What is remembered comes first. */
  async entries(): Promise<string[]> {
    return [...this.#remembered, ...await this.#read()].filter(isEntry);
  }

  /** Adds an entry in place of those that it replaces. Returns whether it is written, not only remembered. */
  async put(entry: string, replaces: (entry: string) => boolean): Promise<boolean> {
    const change = this.#changing.then(() => this.#put(entry, replaces));
    this.#changing = change;
    return await change;
  }

  /** Adds an entry until the program ends. */
  remember(entry: string): void {
    this.#remembered.push(entry);
  }

  async #put(entry: string, replaces: (entry: string) => boolean): Promise<boolean> {
    const keep = (line: string) => !isEntry(line) || !replaces(line);
    this.#remembered = this.#remembered.filter(keep);
    try {
      if (this.#folder !== null) {
        await this.#folder.update(this.#name, (content) => {
          const lines = [...linesOf(content).filter(keep), entry];
          return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
        });
        return true;
      }
    } catch {
      // A full or read-only disk is no reason to refuse somebody who has proved himself.
    }
    this.remember(entry);
    return false;
  }

  async #read(): Promise<string[]> {
    return linesOf(await this.#folder?.read(this.#name) ?? null);
  }
}

function linesOf(content: Uint8Array | null): string[] {
  if (content === null) return [];
  return new TextDecoder().decode(content).split("\n").map((line) => line.trimEnd())
    .filter((line) => line !== "");
}

function isEntry(line: string): boolean {
  return line.trim() !== "" && !line.trimStart().startsWith("#");
}
