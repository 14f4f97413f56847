/**
 * The system's C library, under whichever of its names it goes here.
 *
 * @module
 */

/**
 * Opens the first of these libraries that has the functions; null when none does. Needs FFI: look first
 * whether it is granted, or the user may be asked.
 */
export function openLibrary<Functions extends Deno.ForeignLibraryInterface>(
  names: readonly string[],
  functions: Functions,
): Deno.DynamicLibrary<Functions> | null {
  for (const name of names) {
    try {
      return Deno.dlopen(name, functions);
    } catch {
      // Not this C library: try the next name.
    }
  }
  return null;
}
