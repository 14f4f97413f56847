/**
 * `syncfs` of the C library: one call brings everything on a file system to stable storage.
 *
 * For many small files that is a fraction of the work of one fsync for each: their data is written
 * together and the journal once. Only where it promises as much as fsync does: Linux from 5.8 on, whose
 * syncfs reports what could not be written, and file systems of which that is known.
 *
 * @module
 */

/** The call, loaded. */
export interface FileSystemFlush {
  /** Flushes the file system of an open descriptor; rejects when something could not be written. */
  run(descriptor: number): Promise<void>;
  /** Unloads it, when no flush is under way. */
  close(): void;
}

/**
 * Types of `statfs` for ext2 to ext4, XFS, btrfs and F2FS, and for tmpfs, which has nothing to write and thus
 * nothing to report. Network and stacked ones promise less.
 */
const TRUSTED_TYPES: ReadonlySet<number> = new Set([
  0xef53,
  0x58465342,
  0x9123683e,
  0xf2f52010,
  0x01021994,
]);

const SYMBOLS = {
  syncfs: { parameters: ["i32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * The flush for a file system of this type, or null where it is not to be had. Asks nobody for permission;
 * to be closed.
 */
export function fileSystemFlush(type: number): FileSystemFlush | null {
  if (Deno.build.os !== "linux" || !TRUSTED_TYPES.has(type)) return null;
  if (!isGranted("ffi") || !isGranted("sys") || !reportsFailures(Deno.osRelease())) return null;
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      return flushOf(Deno.dlopen(name, SYMBOLS));
    } catch {
      // Not this C library: try the next name.
    }
  }
  return null;
}

/** Whether a Linux release such as `6.1.0-13-amd64` reports failures of syncfs. */
export function reportsFailures(release: string): boolean {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

function flushOf(library: Deno.DynamicLibrary<typeof SYMBOLS>): FileSystemFlush {
  return {
    async run(descriptor) {
      if (await library.symbols.syncfs(descriptor) !== 0) throw new Error("syncfs failed");
    },
    close: () => library.close(),
  };
}

function isGranted(name: "ffi" | "sys"): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}
