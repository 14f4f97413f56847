/**
 * Builds the two standalone executables: `deno task compile` puts them into `dist/`.
 *
 * Arguments go to `deno compile` as they are, so `deno task compile --target
 * x86_64-pc-windows-msvc` builds for another system. Deno downloads the runtime it embeds once.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script: what it prints is all it does besides building
import { ensureDir, expandGlob } from "@std/fs";
import { dirname, fromFileUrl, join, relative } from "@std/path";

const REPOSITORY = dirname(dirname(fromFileUrl(import.meta.url)));

/** The executables by name, and the entry point of each. */
export const EXECUTABLES: Readonly<Record<string, string>> = {
  "ferry-server": "server.ts",
  "ferry": "client.ts",
};

/** How to build some of the executables somewhere. */
export interface CompileOptions {
  /** Folder that receives the executables; made when missing. */
  readonly directory: string;
  /** More arguments for `deno compile`. */
  readonly extra?: readonly string[];
  /** More environment for `deno compile`. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Builds one executable and returns its path.
 *
 * It carries every permission, like `deno run -A`: opening files below a descriptor, which is how
 * the served folder is walked safely, is refused by Deno with anything less.
 *
 * @throws {Error} With the compiler's own words when it fails.
 */
export async function compile(name: string, options: CompileOptions): Promise<string> {
  await ensureDir(options.directory);
  const output = join(options.directory, name);
  const includes = (await workers()).flatMap((worker) => ["--include", worker]);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--allow-all",
      "--no-prompt",
      ...includes,
      ...(options.extra ?? []),
      "--output",
      output,
      EXECUTABLES[name]!,
    ],
    cwd: REPOSITORY,
    env: options.env ?? {},
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(`Cannot compile "${name}": ${new TextDecoder().decode(stderr).trim()}`);
  }
  return output;
}

/** Workers are loaded by URL, so the compiler does not find them by itself. */
async function workers(): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of expandGlob("lib/**/*_worker.ts", { root: REPOSITORY })) {
    found.push(relative(REPOSITORY, entry.path));
  }
  return found.sort();
}

if (import.meta.main) {
  for (const name of Object.keys(EXECUTABLES)) {
    try {
      console.log(await compile(name, { directory: join(REPOSITORY, "dist"), extra: Deno.args }));
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      Deno.exit(1);
    }
  }
}
