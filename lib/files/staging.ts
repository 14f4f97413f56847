/**
 * Where unfinished files are kept: a folder of the served folder that nobody else sees.
 *
 * @module
 */
import type { DiskDirectory, DiskFile } from "./disk.ts";
import { osCode } from "./file_error.ts";
import { STAGING_PREFIX } from "./remote_path.ts";
import type { SharedDirectories } from "./shared_directories.ts";

/** Name of the staging folder. */
export const STAGING_DIRECTORY = `${STAGING_PREFIX}staging`;
/** Ending of unfinished files. */
export const PART_SUFFIX = ".part";
/** Ending of their journals. */
export const JOURNAL_SUFFIX = ".log";
/** Begins the names of files that are written at once. */
export const SMALL_PART_PREFIX = "small-";
/** Ending of notes. */
export const NOTE_SUFFIX = ".note";

/** Ending of the files that name places outside the staging folder of the home. */
export const PLACES_SUFFIX = ".places";

/** What a staging place is found with. */
export interface StagingContext {
  /** The served folder. */
  readonly root: DiskDirectory;
  /** Directories held open together. */
  readonly directories: SharedDirectories;
  /** Remembers where the staging folder is. */
  readonly places: StagingMemory;
}

/** What lets a later program find unfinished files, should this one be killed. */
export interface StagingMemory {
  /** Resolves when the staging folder would be found; to be asked before there is one. */
  noteStaging(): Promise<void>;
  /** Resolves when a power loss takes nothing of what was noted. */
  sync(): Promise<void>;
}

/** Where a file is to go once it is complete. */
export interface StagingTarget {
  /** The folder, held open meanwhile. */
  readonly parent: DiskDirectory;
  /** Makes sure that unfinished files in this very folder are found by a later program, before there are any. */
  noteParts(): Promise<void>;
}

/** A directory for unfinished files, and how their names begin there. */
export interface StagingPlace {
  /** Where they are. */
  readonly directory: DiskDirectory;
  /** Put before every name. */
  readonly prefix: string;
  /** Makes the names in it durable, and its own. */
  sync(): Promise<void>;
  /** The directory does not exist any more: it is not given to anybody else. */
  forget(): void;
  /** Lets go of the directory. */
  close(): void;
}

/** Tries to make something in the staging folder before its vanishing counts as a failure. */
const MAX_TRIES = 16;

/**
 * Runs `attempt`, which opens the staging folder and makes something in it, until the folder lasts that long:
 * every program removes it when it finds it empty, whoever else has it open.
 */
export async function whileVanishing<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let triesLeft = MAX_TRIES - 1;; triesLeft--) {
    try {
      return await attempt();
    } catch (error) {
      if (osCode(error) !== "ENOENT" || triesLeft === 0) throw error;
    }
  }
}

/**
 * Opens the place to prepare a file for `target` and begins the file with `begin`, which leaves nothing behind
 * when it fails.
 */
export async function beginStaged<Begun>(
  context: StagingContext,
  target: StagingTarget,
  begin: (place: StagingPlace) => Promise<Begun>,
): Promise<{ place: StagingPlace; begun: Begun }> {
  return await whileVanishing(async () => {
    const place = await openStagingPlace(context, target);
    try {
      return { place, begun: await begin(place) };
    } catch (error) {
      if (osCode(error) === "ENOENT") place.forget();
      place.close();
      throw error;
    }
  });
}

/**
 * The place to prepare a file for `target`: the staging folder of `root`, or hidden in the folder of the
 * target itself when that is on another file system, because publishing is a rename.
 */
async function openStagingPlace(
  { root, directories, places }: StagingContext,
  { parent, noteParts }: StagingTarget,
): Promise<StagingPlace> {
  const isElsewhere = parent !== root &&
    (await parent.identity()).device !== (await root.identity()).device;
  if (isElsewhere) {
    await noteParts();
    const sync = async () => {
      await parent.sync();
      await places.sync();
    };
    const forget = () => directories.forget();
    return { directory: parent, prefix: STAGING_PREFIX, sync, forget, close: () => {} };
  }
  const { directory, forget, release } = await directories.use(STAGING_DIRECTORY, async () => {
    await places.noteStaging();
    return await openStagingDirectory(root);
  });
  const sync = async () => {
    await directory.sync();
    await root.sync(); // it may just have been made
    await places.sync();
  };
  return { directory, prefix: "", sync, forget, close: release };
}

/** Makes an empty file with a name that no other has, whichever program chose it. */
export async function createUniquePart(
  { directory, prefix }: StagingPlace,
  numbers: Iterator<number, never>,
): Promise<{ file: DiskFile; name: string }> {
  for (;;) {
    const name = `${prefix}${SMALL_PART_PREFIX}${numbers.next().value}${PART_SUFFIX}`;
    try {
      return { file: await directory.openFile(name, { access: "write", create: "new" }), name };
    } catch (error) {
      if (osCode(error) !== "EEXIST") throw error;
    }
  }
}

/** Removes a name; it is fine when there is none. */
export async function removeIfThere(directory: DiskDirectory, name: string): Promise<void> {
  try {
    await directory.removeFile(name);
  } catch (error) {
    if (osCode(error) !== "ENOENT") throw error;
  }
}

/** Opens the staging folder of a served folder, making it when there is none. */
export async function openStagingDirectory(root: DiskDirectory): Promise<DiskDirectory> {
  for (;;) {
    try {
      return await root.openDirectory(STAGING_DIRECTORY);
    } catch (error) {
      if (osCode(error) !== "ENOENT") throw error;
    }
    try {
      await root.makeDirectory(STAGING_DIRECTORY, 0o700);
    } catch (error) {
      if (osCode(error) !== "EEXIST") throw error; // another program was faster
    }
  }
}

/** Runs `work` on the staging folder of `root`; null when there is none. */
export async function inStaging<Result>(
  root: DiskDirectory,
  work: (staging: DiskDirectory) => Promise<Result>,
): Promise<Result | null> {
  let staging: DiskDirectory;
  try {
    staging = await root.openDirectory(STAGING_DIRECTORY);
  } catch (error) {
    if (osCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    return await work(staging);
  } finally {
    staging.close();
  }
}
