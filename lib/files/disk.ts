/**
 * The disk as Ferry sees it: what its files and folders can be asked for.
 *
 * Everything below a served folder is reached by name from an open directory, one component at a
 * time, and a symbolic link is never followed. The shape is that of POSIX `openat`.
 *
 * Errors are those of the operating system, with `code`; `file_error.ts` translates them.
 *
 * @module
 */

/** What a name stands for. Links are reported, never followed. */
export type NodeKind = "file" | "directory" | "symlink" | "other";

/** What the disk knows about a file, folder or link. */
export interface NodeStatus {
  /** What it is. */
  readonly kind: NodeKind;
  /** Length in bytes; meaningless unless a file. */
  readonly sizeBytes: number;
  /** Last change of the content, milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Last change of anything, content, attributes or names. */
  readonly changedMs: number;
  /** Permission bits, `0o777` at most. */
  readonly mode: number;
  /** The file system it lives on. */
  readonly device: number;
  /** Names the node as long as it exists: device and inode. */
  readonly nodeId: string;
  /** Number of names (hard links) the node has. */
  readonly linkCount: number;
}

/** What tells a node from every other. */
export type NodeIdentity = Pick<NodeStatus, "device" | "nodeId">;

/** {@linkcode NodeStatus} of an open file, with what tells versions of it apart. */
export interface OpenFileStatus extends NodeStatus {
  /** Changes whenever the content may have: node, size and modification time. */
  readonly contentVersion: string;
  /** {@linkcode contentVersion} and the time of the last change of any kind. */
  readonly version: string;
}

/** The room on a file system. */
export interface DiskSpace {
  /** Bytes that an ordinary user can still write. */
  readonly freeBytes: number;
  /** Bytes of all of it. */
  readonly totalBytes: number;
}

/**
 * Takes one name in a folder, as reading the folder tells: as the runtime decoded it (bytes that are not UTF-8 have
 * become U+FFFD), and whether it is a folder's.
 */
export type NameVisitor = (name: string, isFolder: boolean) => void;

/** What a name stands for: null when there is nothing of it, `"unknown"` when it cannot be looked up. */
export type ListedStatus = NodeStatus | "unknown" | null;

/** One name in a folder, and what it stands for. */
export interface ListedNode {
  /** The name, as a {@linkcode NameVisitor} gets it. */
  readonly name: string;
  /** `null` when the name cannot be looked up under that spelling, or vanished meanwhile. */
  readonly status: NodeStatus | null;
}

/** How {@linkcode DiskDirectory.openFile} opens. */
export interface OpenFileOptions {
  /** `"write"` reads as well. */
  readonly access: "read" | "write";
  /** `"new"` fails with EEXIST when there is anything; `"if-missing"` opens what is there. */
  readonly create?: "new" | "if-missing";
}

/** How {@linkcode DiskFile.write} writes. */
export interface WriteOptions {
  /** On the thread that asks, however much it is and before it returns. False by default. */
  readonly isHere?: boolean;
}

/** An open regular file. Positions are absolute; calls may overlap. */
export interface DiskFile {
  /** What is known about the file now, whatever its names have become. */
  status(): Promise<OpenFileStatus>;
  /** Reads at most `buffer.length` bytes; returns how many, 0 at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes`, which must stay unchanged until then. */
  write(bytes: Uint8Array, position: number, options?: WriteOptions): Promise<void>;
  /** Cuts or extends to a length. */
  truncate(sizeBytes: number): Promise<void>;
  /** Sets permission bits and modification time. */
  setAttributes(attributes: { mode: number; modifiedMs: number }): Promise<void>;
  /** Brings content and attributes to stable storage (fsync). Never repeat one that failed. */
  sync(): Promise<void>;
  /** As {@linkcode sync}, without attributes that reading does not need (fdatasync). */
  syncData(): Promise<void>;
  /** Takes the exclusive advisory lock, released by {@linkcode close} or the end of the process. */
  tryLock(): Promise<boolean>;
  /** Closes. No other call may be under way. */
  close(): void;
}

/** An open directory. Every `name` is one component and is never followed when a link. */
export interface DiskDirectory {
  /** What is known about the directory itself. */
  status(): Promise<NodeStatus>;
  /** Which directory it is: does not change while it is open, and is cheap to ask for. */
  identity(): Promise<NodeIdentity>;
  /** What `name` is; `null` when there is nothing. */
  lookUp(name: string): Promise<NodeStatus | null>;
  /** What each of these is. */
  lookUpEach(names: readonly string[]): Promise<ListedStatus[]>;
  /** Goes through the names in it, in no order. Gathers less than {@linkcode names} where the visitor does. */
  read(visit: NameVisitor): Promise<void>;
  /** Everything in it, in no order, looked up. */
  list(): Promise<ListedNode[]>;
  /** The names in it, in no order, as the runtime decoded them. */
  names(): Promise<string[]>;
  /** Opens a folder in it; a link fails with ENOTDIR. */
  openDirectory(name: string): Promise<DiskDirectory>;
  /** Opens a regular file in it; EISDIR for a folder, ELOOP or ENXIO for anything else. */
  openFile(name: string, options: OpenFileOptions): Promise<DiskFile>;
  /** Makes a folder; EEXIST when there is anything. */
  makeDirectory(name: string, mode: number): Promise<void>;
  /** Removes a name that is not a folder. */
  removeFile(name: string): Promise<void>;
  /** Removes an empty folder. */
  removeDirectory(name: string): Promise<void>;
  /**
   * Moves a name, replacing a file that has the new one. EXDEV between file systems. `isNew` says that
   * nobody had the new name a moment ago, which saves a look.
   */
  rename(
    name: string,
    target: DiskDirectory,
    targetName: string,
    hint?: { readonly isNew: boolean },
  ): Promise<void>;
  /** Gives a file a second name; EEXIST when that is taken. */
  link(name: string, target: DiskDirectory, targetName: string): Promise<void>;
  /** The room on its file system, or `null` when the system does not say. */
  space(): Promise<DiskSpace | null>;
  /** Brings the names in it to stable storage. */
  sync(): Promise<void>;
  /**
   * Brings everything on its file system to stable storage, whoever wrote it; null where the system has no
   * such call, or one that does not report what could not be written. Needs native code.
   */
  syncFileSystem(): Promise<void> | null;
  /** Closes. Names of it cannot be used afterwards. */
  close(): void;
}

/** A source of directories: the real one is {@linkcode systemDisk}. */
export interface Disk {
  /** Permission bits that new files should not have. */
  readonly umask: number;
  /** Now, on the clock that gives files their times: milliseconds since 1970. */
  readonly nowMs: number;
  /** The absolute form of a path of the user. */
  absolutePath(path: string): string;
  /**
   * Opens the directory at a trusted path of this system, links included; makes it when asked, with these
   * permission bits if any are given.
   */
  openRoot(path: string, options: { create: boolean; mode?: number }): Promise<DiskDirectory>;
}
