/**
 * Where a user's programs keep what is theirs alone, on each system.
 *
 * @module
 */

/** The two folders of Ferry; null where the environment does not say. Nothing is made here. */
export interface PrivatePaths {
  /** For what lives as long as a process, gone after a restart of the machine. */
  readonly runtime: string | null;
  /** For what is kept. */
  readonly config: string | null;
}

/** Chooses the folders. `variable` looks into the environment. XDG Base Directory 0.8, and what others do. */
export function privatePaths(
  os: string,
  variable: (name: string) => string | undefined,
): PrivatePaths {
  const given = (name: string): string | null => {
    const value = variable(name);
    // Relative values are invalid by the specification: they would lead anywhere.
    return value !== undefined && isAbsolute(value) ? value : null;
  };
  const below = (folder: string | null, name: string): string | null =>
    folder === null ? null : `${folder.replace(/[/\\]+$/, "")}/${name}`;
  const runtime = below(given("XDG_RUNTIME_DIR"), "ferry");
  const chosen = below(given("XDG_CONFIG_HOME"), "ferry");
  if (chosen !== null) return { runtime, config: chosen };
  switch (os) {
    case "windows":
      return { runtime, config: below(given("LOCALAPPDATA"), "Ferry") };
    case "darwin":
      return { runtime, config: below(given("HOME"), "Library/Application Support/ferry") };
    default:
      return { runtime, config: below(given("HOME"), ".config/ferry") };
  }
}

function isAbsolute(path: string): boolean {
  return path.startsWith("/") || /^[A-Za-z]:[/\\]/.test(path) || path.startsWith("\\\\");
}
