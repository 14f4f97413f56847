import type { Disk, DiskDirectory, DiskFile } from "./disk.ts";
import { osCode } from "./file_error.ts";
import { openLocked } from "./locked_file.ts";
import { reviewNotes } from "./notes_review.ts";
import { encodePlace, inPlace, isInUse, type NotedPlace } from "./noted_place.ts";
import {
  openStagingDirectory,
  PLACES_SUFFIX,
  STAGING_DIRECTORY,
  type StagingMemory,
  whileVanishing,
} from "./staging.ts";

/** Bytes of lines: some ten thousand places. A client that makes folder after folder fills no memory with them. */
const MAX_NOTED_BYTES = 1024 * 1024;

/** What {@linkcode PlaceNotes} works with. */
export interface PlaceNotesOptions {
  /** Opens the home. */
  readonly disk: Disk;
  /** The folder that files are received in. */
  readonly root: DiskDirectory;
  /** Its absolute path. */
  readonly directory: string;
  /** Absolute path of the home, whose staging folder keeps the notes; null when the folder is its own home. */
  readonly home: string | null;
}

/**
 * Notes the places outside the staging folder of the home in which this program begins files, so that a later
 * one can clean them: a line each, written before the place is used, in a file that only this program writes.
 *
 * The file stays locked as long as the program lives: no other one takes it for a dead one's. Nothing here
 * fails: a home that takes no notes is no reason not to receive a file.
 */
export class PlaceNotes implements StagingMemory {
  readonly #options: PlaceNotesOptions;
  readonly #noted = new Map<string, Promise<void>>();
  #notedBytes = 0;
  #file: Promise<NotesFile> | null = null;

  /** Notes nothing yet. */
  constructor(options: PlaceNotesOptions) {
    this.#options = options;
  }

  /** The staging folder of the folder is about to be used. */
  async noteStaging(): Promise<void> {
    const { home, directory } = this.#options;
    if (home === null) return; // where it looks anyway
    await this.#note({ kind: "staging", root: directory, below: [] });
  }

  /** A folder that is so far below is about to hold unfinished files itself. */
  async noteParts(below: readonly string[]): Promise<void> {
    const { home, directory } = this.#options;
    await this.#note({ kind: "parts", root: home === null ? null : directory, below });
  }

  async sync(): Promise<void> {
    await quietly(async () => await (await this.#file)?.sync());
  }

  /** Ends the notes, and drops those of dead programs too when nothing is left at their places. */
  async close(): Promise<void> {
    const opening = this.#file;
    if (opening === null) return;
    const { disk } = this.#options;
    await quietly(async () => await (await opening).close(disk));
  }

  async #note(place: NotedPlace): Promise<void> {
    const line = encodePlace(place);
    const key = new TextDecoder().decode(line);
    let noted = this.#noted.get(key);
    if (noted === undefined) {
      if (this.#notedBytes + line.length > MAX_NOTED_BYTES) return;
      this.#notedBytes += line.length;
      this.#file ??= NotesFile.open(this.#options);
      const file = this.#file;
      noted = quietly(async () => await (await file).append(line));
      this.#noted.set(key, noted);
    }
    await noted;
  }
}

/** The notes of one living program. */
class NotesFile {
  readonly #home: DiskDirectory;
  readonly #isHomeBorrowed: boolean;
  readonly #staging: DiskDirectory;
  readonly #file: DiskFile;
  #sizeBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #durableBytes = 0;

  private constructor(
    home: { readonly directory: DiskDirectory; readonly isBorrowed: boolean },
    staging: DiskDirectory,
    file: DiskFile,
  ) {
    this.#home = home.directory;
    this.#isHomeBorrowed = home.isBorrowed;
    this.#staging = staging;
    this.#file = file;
  }

  static async open({ disk, root, home }: PlaceNotesOptions): Promise<NotesFile> {
    const isBorrowed = home === null;
    const directory = isBorrowed ? root : await disk.openRoot(home, { create: false });
    try {
      return await whileVanishing(async () => {
        const staging = await openStagingDirectory(directory);
        try {
          return new NotesFile({ directory, isBorrowed }, staging, await createLocked(staging));
        } catch (error) {
          staging.close();
          throw error;
        }
      });
    } catch (error) {
      if (!isBorrowed) directory.close();
      throw error;
    }
  }

  /** Resolves when the line is written behind the others: it outlives the program. */
  async append(line: Uint8Array): Promise<void> {
    const writing = this.#writing.then(async () => {
      await this.#file.write(line, this.#sizeBytes);
      this.#sizeBytes += line.length;
    });
    this.#writing = writing.catch(() => {});
    await writing;
  }

  async sync(): Promise<void> {
    await this.#writing;
    const sizeBytes = this.#sizeBytes;
    if (sizeBytes === this.#durableBytes) return;
    await this.#file.sync();
    await this.#staging.sync();
    await this.#home.sync();
    this.#durableBytes = sizeBytes;
  }

  async close(disk: Disk): Promise<void> {
    await this.#writing;
    this.#file.close(); // from here on this is a dead program as others are
    try {
      await reviewNotes(this.#staging, async (place) => {
        return await inPlace(disk, this.#home, place, (folder) => isInUse(folder, place)) ?? false;
      });
    } finally {
      this.#staging.close();
      await this.#home.removeDirectory(STAGING_DIRECTORY).catch(() => {}); // others use it
      if (!this.#isHomeBorrowed) this.#home.close();
    }
  }
}

/** A new file with a name that no other has, locked. */
async function createLocked(
  staging: DiskDirectory,
): Promise<DiskFile> {
  for (let number = 0;; number++) {
    const name = `${number}${PLACES_SUFFIX}`;
    try {
      const file = await openLocked(staging, name, { create: "new" });
      if (file !== null) return file;
    } catch (error) {
      if (osCode(error) !== "EEXIST") throw error;
    }
  }
}

async function quietly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch {
    // What is not noted is not cleaned, if the program is killed: no more than that.
  }
}
