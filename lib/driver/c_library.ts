/**
 * The system's C library, under whichever of its names it goes here.
 *
 * @module
 */

/** Linux: glibc, then musl. */
const NAMES: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.B.dylib"],
};

/** Whether FFI is granted; asks nobody. */
export function isFfiGranted(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/**
 * Opens the library with these functions; null where it is not known or does not have them. Needs FFI:
 * look at {@linkcode isFfiGranted} first, or the user may be asked.
 */
export function openCLibrary<Functions extends Deno.ForeignLibraryInterface>(
  functions: Functions,
): Deno.DynamicLibrary<Functions> | null {
  for (const name of NAMES[Deno.build.os] ?? []) {
    try {
      return Deno.dlopen(name, functions);
    } catch {
      // Not this C library: try the next name.
    }
  }
  return null;
}
