/**
 * Short texts kept in the staging folder: what a program wants to find again after it was killed.
 *
 * @module
 */
import { sha256 } from "../crypto/mod.ts";
import type { DiskDirectory, DiskFile } from "./disk.ts";
import { osCode } from "./file_error.ts";
import {
  inStaging,
  NOTE_SUFFIX,
  openStagingDirectory,
  removeIfThere,
  whileVanishing,
} from "./staging.ts";

/** Longest note, bytes of UTF-8. */
const MAX_NOTE_BYTES = 16_384;

/** How a note is kept. */
export interface NoteOptions {
  /** Resolves only when a power loss cannot take it: three flushes. */
  readonly isDurable: boolean;
}

/** Keeps a note; the same text makes the same note. */
export async function keepNote(
  root: DiskDirectory,
  text: string,
  options: NoteOptions,
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > MAX_NOTE_BYTES) throw new RangeError("Expected a shorter note");
  await whileVanishing(() => writeNote(root, bytes, options));
}

async function writeNote(
  root: DiskDirectory,
  bytes: Uint8Array,
  { isDurable }: NoteOptions,
): Promise<void> {
  const staging = await openStagingDirectory(root);
  try {
    const name = noteName(bytes);
    await removeIfThere(staging, name);
    const file = await staging.openFile(name, { access: "write", create: "new" });
    try {
      await file.write(bytes, 0);
      if (isDurable) await file.sync();
    } finally {
      file.close();
    }
    if (!isDurable) return;
    await staging.sync();
    await root.sync(); // the staging folder may just have been made
  } finally {
    staging.close();
  }
}

/** Removes a note; it is fine when there is none. */
export async function dropNote(root: DiskDirectory, text: string): Promise<void> {
  await inStaging(root, (staging) => {
    return removeIfThere(staging, noteName(new TextEncoder().encode(text)));
  });
}

/** All notes, oldest first. One that is not whole any more is removed. */
export async function readNotes(root: DiskDirectory): Promise<string[]> {
  const notes: { text: string; changedMs: number }[] = [];
  await inStaging(root, async (staging) => {
    for (const { name, status } of await staging.list()) {
      if (!name.endsWith(NOTE_SUFFIX) || status?.kind !== "file") continue;
      const text = await readNote(staging, name);
      if (text === null) await removeIfThere(staging, name);
      else notes.push({ text, changedMs: status.changedMs });
    }
  });
  return notes.sort((a, b) => a.changedMs - b.changedMs).map(({ text }) => text);
}

/** Null when the text is not the one its name was made of: the program was killed while it wrote. */
async function readNote(staging: DiskDirectory, name: string): Promise<string | null> {
  let file: DiskFile;
  try {
    file = await staging.openFile(name, { access: "read" });
  } catch (error) {
    if (osCode(error) === "ENOENT") return null; // another program has dropped it
    throw error;
  }
  try {
    const buffer = new Uint8Array(MAX_NOTE_BYTES);
    const bytes = buffer.subarray(0, await file.read(buffer, 0));
    return noteName(bytes) === name ? new TextDecoder().decode(bytes) : null;
  } finally {
    file.close();
  }
}

function noteName(bytes: Uint8Array): string {
  return `${sha256(bytes).toHex().slice(0, 32)}${NOTE_SUFFIX}`;
}
