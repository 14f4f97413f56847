/**
 * The entries of a folder in order: its names are read and put in order, and looked up a page at a time.
 *
 * @module
 */
import { type DirectoryEntry, directoryEntry } from "./directory_listing.ts";
import type { DiskDirectory } from "./disk.ts";
import type { HeldNames, ListingMemory } from "./listing_memory.ts";
import { STAGING_PREFIX } from "./remote_path.ts";

/** Names that are looked up together: so many are held even when there is no room. */
const PAGE_ENTRIES = 128;
/** What a name takes beside its characters. */
const NAME_BYTES = 24;
/** What a looked up entry takes beside its name. */
const ENTRY_BYTES = 128;

/** Opens the folder for a moment: one that is being read does not stay open. */
export type UseFolder = <Result>(
  use: (directory: DiskDirectory) => Promise<Result>,
) => Promise<Result>;

/**
 * The entries of a folder: folders first, then by name; Ferry's own files are left out.
 *
 * While nobody takes the next entry, the memory may drop what was read; then the folder is read again, from the
 * last entry on. What came or went meanwhile may be there or not.
 */
export async function* readFolder(
  useFolder: UseFolder,
  memory: ListingMemory,
): AsyncGenerator<DirectoryEntry, void, undefined> {
  let last: Place | null = null;
  let part: FolderPart;
  do {
    part = new FolderPart(memory, last);
    try {
      while (await useFolder((directory) => part.lookUpPage(directory))) {
        for (let next = part.take(); next !== undefined; next = part.take()) {
          last = { name: next.entry.name, isFolder: next.isFolder };
          yield next.entry;
        }
      }
    } finally {
      memory.release(part);
    }
  } while (!part.isRest);
}

/** As much of a folder as there was room for. */
class FolderPart implements HeldNames {
  heldBytes = 0;
  readonly #memory: ListingMemory;
  readonly #after: Place | null;
  /** In order, those of folders first; null before they are read. */
  #names: readonly string[] | null = null;
  #folderCount = 0;
  #lookedUpCount = 0;
  /** Looked up and not taken, the next one at the end. */
  #page: { readonly entry: DirectoryEntry; readonly isFolder: boolean }[] = [];
  #isRest = false;

  /** What comes after this name. */
  constructor(memory: ListingMemory, after: Place | null) {
    this.#memory = memory;
    this.#after = after;
  }

  /** Whether nothing comes after what was taken of it. */
  get isRest(): boolean {
    return this.#isRest;
  }

  /** The next entry of the page. */
  take(): { readonly entry: DirectoryEntry; readonly isFolder: boolean } | undefined {
    return this.#page.pop();
  }

  /** Looks up the next page; false when there is none. */
  async lookUpPage(directory: DiskDirectory): Promise<boolean> {
    this.#names ??= this.#keep(await readInOrder(directory, this.#after));
    const start = this.#lookedUpCount;
    const names = this.#names.slice(start, start + PAGE_ENTRIES);
    if (names.length === 0) return false;
    this.#lookedUpCount += names.length;
    const folderCount = this.#folderCount;
    const statuses = await directory.lookUpEach(names);
    const page = names.flatMap((name, index) => {
      const entry = directoryEntry(name, statuses[index]!);
      return entry === null ? [] : [{ entry, isFolder: start + index < folderCount }];
    });
    this.#page = page.reverse();
    return true;
  }

  /** See {@linkcode HeldNames}. The folder is read again for the rest. */
  drop(): void {
    this.#isRest = false;
    this.#names = [];
    this.#page = [];
  }

  /** Keeps as many of the names as there is room for, but a page at least. */
  #keep({ folders, others }: OrderedNames): readonly string[] {
    const names = folders.concat(others);
    this.heldBytes = Math.min(names.length, PAGE_ENTRIES) * ENTRY_BYTES;
    const roomBytes = this.#memory.roomFor(names.reduce(addNameBytes, this.heldBytes));
    let count = 0;
    for (const name of names) {
      const bytes = addNameBytes(this.heldBytes, name);
      if (bytes > roomBytes && count >= PAGE_ENTRIES) break;
      this.heldBytes = bytes;
      count++;
    }
    this.#memory.hold(this);
    this.#folderCount = folders.length;
    this.#isRest = count === names.length;
    return this.#isRest ? names : names.slice(0, count);
  }
}

/** Where a name has its place in the order. */
interface Place {
  readonly name: string;
  readonly isFolder: boolean;
}

interface OrderedNames {
  readonly folders: string[];
  readonly others: string[];
}

/** Its names that come after this one. */
async function readInOrder(directory: DiskDirectory, after: Place | null): Promise<OrderedNames> {
  const folders: string[] = [];
  const others: string[] = [];
  await directory.read((name, isFolder) => {
    if (name.startsWith(STAGING_PREFIX)) return;
    if (after === null || isBehind({ name, isFolder }, after)) {
      (isFolder ? folders : others).push(name);
    }
  });
  return { folders: folders.sort(), others: others.sort() };
}

function isBehind(place: Place, after: Place): boolean {
  return place.isFolder === after.isFolder ? place.name > after.name : after.isFolder;
}

function addNameBytes(sum: number, name: string): number {
  return sum + NAME_BYTES + 2 * name.length;
}
