/**
 * Who may import whom. lib/README.md explains the layers; this table is the rule.
 *
 * @module
 */

/** What the files of one layer may import from inside `lib/`, besides their own folder. */
export interface LayerRule {
  readonly imports: readonly string[];
  /** Other layers enter only by the folder's `mod.ts`. */
  readonly hasDoor: boolean;
}

/**
 * Every folder of `lib/`, highest layer first. Arrows point down only.
 *
 * `cli` wires the programs and is the only layer that sees both sides, the service and the protocol.
 * Of `crypto`, `files` and `transfer` take the hashes alone.
 */
export const LAYERS: Readonly<Record<string, LayerRule>> = {
  cli: {
    imports: [
      ...["shell", "operations", "transfer", "request", "access", "files"],
      ...["driver", "transport", "crypto", "bytes"],
    ],
    hasDoor: false,
  },
  shell: { imports: ["operations", "transfer", "request", "files", "bytes"], hasDoor: false },
  operations: { imports: ["transfer", "request", "access", "files", "bytes"], hasDoor: true },
  transfer: { imports: ["files", "crypto", "bytes"], hasDoor: true },
  request: { imports: ["bytes"], hasDoor: true },
  access: { imports: ["files", "crypto", "bytes"], hasDoor: true },
  driver: { imports: ["transport", "crypto", "bytes"], hasDoor: true },
  files: { imports: ["crypto", "collections", "bytes"], hasDoor: true },
  transport: { imports: ["wire", "crypto", "collections", "bytes"], hasDoor: true },
  wire: { imports: ["collections", "bytes"], hasDoor: false },
  crypto: { imports: ["bytes"], hasDoor: true },
  collections: { imports: ["bytes"], hasDoor: false },
  bytes: { imports: [], hasDoor: false },
};

/** Layers that are handed time, bytes and randomness: synchronous, and replayable from a seed. */
export const PURE_CORE: readonly string[] = ["bytes", "collections", "wire", "crypto", "transport"];

/** Packages and built-in modules that `lib/` and the entry points may import, and from where. */
export const OUTSIDE_MODULES: Readonly<Record<string, readonly string[]>> = {
  "@noble/curves/ed25519.js": ["lib/crypto/ristretto255.ts"],
  "@std/cli": ["lib/cli/"],
  "@std/cli/prompt-secret": ["lib/cli/"],
  "@std/fs": ["lib/files/"],
  "@std/path": ["lib/files/", "lib/shell/", "lib/cli/", "server.ts", "client.ts"],
  "node:buffer": ["lib/crypto/"],
  "node:crypto": ["lib/crypto/"],
  "node:dns/promises": ["lib/cli/host_lookup.ts"],
  "node:fs": ["lib/files/system_disk/"],
  "node:fs/promises": ["lib/files/system_disk/"],
  "node:process": ["lib/cli/tty.ts", "lib/cli/cpu_time.ts"],
  "node:readline": ["lib/cli/tty.ts"],
  "node:timers": ["lib/driver/clock.ts"],
  "node:zlib": ["lib/request/compressed_stream.ts"],
};

const REPOSITORY = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** A file's path from the top of the repository, with forward slashes: `lib/wire/frame.ts`. */
export function repositoryPath(fileName: string): string {
  const path = fileName.replaceAll("\\", "/").replace(/^file:\/\//, "");
  return path.startsWith(REPOSITORY) ? path.slice(REPOSITORY.length) : path.replace(/^\//, "");
}

/** The folder of `lib/` that a repository path belongs to, or null. */
export function layerOf(path: string): string | null {
  return /^lib\/([^/]+)\/.+/.exec(path)?.[1] ?? null;
}

/** True for the program's own sources; tests and tools may import and call anything. */
export function isProgram(path: string): boolean {
  return path.startsWith("lib/") || path === "server.ts" || path === "client.ts";
}

/** True when an owner list (folders end in "/") names this file. */
export function isOwner(owners: readonly string[], path: string): boolean {
  return owners.some((owner) => owner.endsWith("/") ? path.startsWith(owner) : path === owner);
}
