/**
 * Runs contenders in turn over one network, so that each round meets the same machine.
 *
 * @module
 */
import { emptyDir, walk } from "@std/fs";
import { join } from "@std/path";
import { sha256File } from "../tools/sample_file.ts";
import type { Contender, ContenderServer, Fetched, Load } from "./contender.ts";
import type { BenchNetwork } from "./network.ts";
import { figure, formatTable, median } from "./table.ts";

/** What to run and how often. */
export interface RaceOptions {
  readonly network: BenchNetwork;
  readonly contenders: readonly Contender[];
  /** Folder that is served, with the load in it. */
  readonly root: string;
  /** Folder to fetch into; emptied before every fetch. */
  readonly target: string;
  readonly load: Load;
  readonly rounds: number;
  /** A fetch that takes longer is given up, and its contender drops out. */
  readonly limitSeconds: number;
}

/** What a contender did in every round, or why it dropped out. */
export interface RaceResult {
  readonly name: string;
  readonly rounds: readonly Fetched[];
  readonly failure: string | null;
  /** What had arrived of a fetch that took too long, when it was given up. */
  readonly unfinished: { readonly bytes: number; readonly seconds: number } | null;
}

/** Lets every contender fetch the load once in each round; their servers stay up meanwhile. */
export async function race(options: RaceOptions): Promise<RaceResult[]> {
  const entries = options.contenders.map((contender) => new Entry(contender, options));
  try {
    for (const entry of entries) await entry.attempt((self) => self.start());
    for (let round = 0; round < options.rounds; round++) {
      for (const entry of entries) await entry.attempt((self) => self.fetch(round));
    }
  } finally {
    for (const entry of entries) await entry.attempt((self) => self.stop());
  }
  return entries;
}

/** One contender in a race; it drops out at its first failure, and the others go on. */
class Entry implements RaceResult {
  readonly name: string;
  readonly rounds: Fetched[] = [];
  failure: string | null = null;
  unfinished: RaceResult["unfinished"] = null;
  readonly #contender: Contender;
  readonly #options: RaceOptions;
  #server: ContenderServer | null = null;

  constructor(contender: Contender, options: RaceOptions) {
    this.name = contender.name;
    this.#contender = contender;
    this.#options = options;
  }

  async attempt(action: (self: Entry) => Promise<void>): Promise<void> {
    try {
      await action(this);
    } catch (error) {
      this.failure ??= (error as Error).message.split("\n")[0] ?? "failed";
    }
  }

  async start(): Promise<void> {
    const { network, root } = this.#options;
    this.#server = await this.#contender.start(network, root);
  }

  async fetch(round: number): Promise<void> {
    if (this.#server === null || this.failure !== null) return;
    const { target, load, limitSeconds } = this.#options;
    await emptyDir(target);
    const signal = AbortSignal.timeout(limitSeconds * 1000);
    const fetched = await this.#server.fetch(load, { directory: target, signal })
      .catch(async (error) => {
        if (!signal.aborted) throw error;
        this.unfinished = { bytes: await occupiedBytes(target), seconds: limitSeconds };
        throw new Error(`not done after ${limitSeconds} s`);
      });
    await check(fetched, this.#options, round);
    this.rounds.push(fetched);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }
}

/** Bytes on the disk of everything in a folder; ranges that were not written do not count. */
async function occupiedBytes(directory: string): Promise<number> {
  let bytes = 0;
  for await (const { isFile, path } of walk(directory)) {
    if (isFile) bytes += ((await Deno.stat(path)).blocks ?? 0) * 512;
  }
  return bytes;
}

/** Bytes are counted in every round, and hashed in the first. */
async function check(fetched: Fetched, options: RaceOptions, round: number): Promise<void> {
  const { root, target, load } = options;
  const expected = load.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (fetched.bytes !== expected) {
    throw new Error(`${fetched.bytes} of ${expected} bytes arrived`);
  }
  const { name } = load.files[0]!;
  if (round > 0) return;
  const [sent, received] = await Promise.all([
    sha256File(join(root, name)),
    sha256File(join(target, name)),
  ]);
  if (sent !== received) throw new Error("what arrived differs from what was sent");
}

/** The results as a table: rate, ratio to the reference, processor time on both ends. */
export function raceTable(
  title: string,
  results: readonly RaceResult[],
  options: { readonly reference: string; readonly perFile?: number },
): string {
  const { reference, perFile } = options;
  const referenceRounds = results.find(({ name }) => name === reference)?.rounds ?? [];
  const rows = results.map(({ name, rounds, failure }) => {
    if (failure !== null) return [name, "-", "-", "-", "-", `failed: ${failure}`];
    const ratios = rounds.map((round, index) => rateOf(round) / rateOf(referenceRounds[index]));
    const rate = median(rounds.map(rateOf));
    const other = perFile !== undefined
      ? figure(perFile / median(rounds.map(({ seconds }) => seconds)), 0)
      : "";
    return [
      name,
      figure(rate / 1e6, rate < 1e8 ? 2 : 0),
      referenceRounds.length === 0 ? "-" : `${figure(median(ratios), 2)} x`,
      figure(median(rounds.map((round) => perGigabyte(round.serverCpuSeconds, round.bytes))), 2),
      figure(median(rounds.map((round) => perGigabyte(round.clientCpuSeconds, round.bytes))), 2),
      other,
    ];
  });
  const last = perFile !== undefined ? "files/s" : "";
  const heads = [title, "MB/s", "to QUIC", "CPU s/GB sent", "CPU s/GB received", last];
  return formatTable(heads, rows);
}

function rateOf(fetched: Fetched | undefined): number {
  return fetched === undefined ? NaN : fetched.bytes / fetched.seconds;
}

function perGigabyte(seconds: number | null, bytes: number): number {
  return seconds === null ? NaN : seconds / (bytes / 1e9);
}
