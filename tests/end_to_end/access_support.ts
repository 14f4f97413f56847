/**
 * Other people and other machines for tests of access: a second user of this system where that is possible,
 * a network namespace where that is. Elsewhere a person is a home of its own, and far away is loopback.
 *
 * @module
 */

import { join } from "@std/path";
import type { Finished, Program, ProgramOptions, Stage } from "./support.ts";

const NOBODY = "65534";

/** Somebody who starts programs. */
export interface Person {
  readonly options: ProgramOptions;
  /** What is true of this person on this system, for messages. */
  readonly kind: "another user" | "another home";
}

/** Somebody with another home; another user of the system where the tests run as root on Linux. */
export async function somebodyElse(stage: Stage, name: string): Promise<Person> {
  const home = stage.homeOf(name);
  if (!await canBecomeNobody()) return { options: { env: home }, kind: "another home" };
  const folder = stage.folderOf(name);
  const cache = join(folder, "deno");
  await Deno.mkdir(cache, { recursive: true });
  // Packages are in a home that the other user cannot read.
  await run("cp", ["-r", join(await denoCache(), "npm"), cache]);
  await run("chown", ["-R", `${NOBODY}:${NOBODY}`, folder]);
  await Deno.chmod(stage.folder, 0o711);
  await Deno.chmod(stage.clientFiles, 0o777);
  const prefix = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  const env = { ...home, HOME: folder, DENO_DIR: cache };
  return { options: { env, prefix }, kind: "another user" };
}

/** A place from which this machine is reached over a network. */
export class FarAway implements AsyncDisposable {
  /** Address of the server from there. */
  readonly host: string;
  readonly #namespace: string | null;

  private constructor(host: string, namespace: string | null) {
    this.host = host;
    this.#namespace = namespace;
  }

  static async set(): Promise<FarAway> {
    if (!await canMakeNetworks()) return new FarAway("127.0.0.1", null);
    const id = `${Deno.pid % 10_000}`;
    const namespace = `ferryacc-${id}`;
    const [here, there] = [`facc${id}a`, `facc${id}b`];
    const net = `10.213.${Deno.pid % 250}`;
    await ip("netns", "add", namespace);
    const place = new FarAway(`${net}.1`, namespace);
    try {
      await ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", namespace);
      await ip("addr", "add", `${net}.1/24`, "dev", here);
      await ip("link", "set", here, "up");
      await ip("-n", namespace, "addr", "add", `${net}.2/24`, "dev", there);
      await ip("-n", namespace, "link", "set", there, "up");
    } catch (error) {
      await place[Symbol.asyncDispose]();
      throw error;
    }
    return place;
  }

  /** The same person's programs, started there. */
  options(person: ProgramOptions): ProgramOptions {
    if (this.#namespace === null) return person;
    const prefix = ["ip", "netns", "exec", this.#namespace, ...person.prefix ?? []];
    return { ...person, prefix };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#namespace !== null) await ip("netns", "del", this.#namespace);
  }
}

/** Runs one command of somebody's to its end. */
export async function runAs(
  stage: Stage,
  person: ProgramOptions,
  command: readonly string[],
  options: { readonly code?: string; readonly host?: string; readonly args?: readonly string[] } =
    {},
): Promise<Finished> {
  const { host = "127.0.0.1", code = "", args = [] } = options;
  const client: Program = stage.start("client.ts", [
    ...[...args, "--dir", stage.clientFiles, host, String(stage.port), ...command],
  ], { ...person, env: { ...person.env, FERRY_CODE: code } });
  await client.endInput();
  return { code: await client.ended(), stdout: client.stdout, stderr: client.stderr, client };
}

async function canBecomeNobody(): Promise<boolean> {
  return Deno.build.os === "linux" && Deno.uid() === 0 &&
    await isThere("setpriv", ["--reuid", NOBODY, "true"]);
}

async function canMakeNetworks(): Promise<boolean> {
  return Deno.build.os === "linux" && Deno.uid() === 0 && await isThere("ip", ["netns", "list"]);
}

async function isThere(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args);
    return true;
  } catch {
    return false;
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await run("ip", args);
}

async function denoCache(): Promise<string> {
  return (JSON.parse(await run(Deno.execPath(), ["info", "--json"])) as { denoDir: string })
    .denoDir;
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
