/**
 * Rounds of get and put in which client or server is killed at some moment, started again, and asked the
 * same thing again.
 *
 * Every round replaces a file by another one of the same size. After each kill the target is the old file
 * or the new one, whole; at the end of the round it is the new one and nothing unfinished is left.
 *
 * @module
 */
import { join } from "@std/path";
import { patternBytes, type Program, sha256, Stage } from "../end_to_end/support.ts";

/** What is done to which side. */
export interface KillRoundsOptions {
  /** Number of rounds. */
  readonly rounds: number;
  /** Size of the file. */
  readonly sizeBytes: number;
  /** Decides about directions, victims and moments. */
  readonly seed: number;
  /** Kills in one round, at most. */
  readonly killsPerRound: number;
  /** Told after each round. */
  readonly onRound?: (round: RoundReport) => void;
}

/** How a round went. */
export interface RoundReport {
  /** Counted from 1. */
  readonly round: number;
  /** Which way the file went. */
  readonly command: "get" | "put";
  /** Who was killed, in order; a side that was faster than its killer does not count. */
  readonly killed: readonly Victim[];
  /** Commands that were needed. */
  readonly runs: number;
  /** Bytes that the last run found there from the ones before. */
  readonly resumedFrom: number;
}

type Victim = "client" | "server";

/** Plays all rounds; throws at the first thing that is not as it must be. */
export async function playKillRounds(options: KillRoundsOptions): Promise<RoundReport[]> {
  await using stage = await Stage.set();
  const loop = new KillLoop(stage, options);
  return await loop.play();
}

/** How long a run takes, until one has shown it. */
const FIRST_RUN_MS = 800;
const NAME = "file.bin";
const STAGING = ".~ft-staging";

class KillLoop {
  readonly #stage: Stage;
  readonly #options: KillRoundsOptions;
  readonly #random: () => number;
  #server: Program | null = null;
  /** Duration of the last run that nobody disturbed: later kills would come too late. */
  #runMs = FIRST_RUN_MS;

  constructor(stage: Stage, options: KillRoundsOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#random = randomNumbers(options.seed);
  }

  async play(): Promise<RoundReport[]> {
    this.#server = await this.#stage.startServer();
    const reports: RoundReport[] = [];
    for (let round = 1; round <= this.#options.rounds; round++) {
      const report = await this.#playRound(round);
      reports.push(report);
      this.#options.onRound?.(report);
    }
    return reports;
  }

  async #playRound(round: number): Promise<RoundReport> {
    const command = this.#random() < 0.5 ? "get" : "put";
    const { serverFiles, clientFiles } = this.#stage;
    const [from, to] = command === "get" ? [serverFiles, clientFiles] : [clientFiles, serverFiles];
    const content = patternBytes(this.#options.sizeBytes, this.#options.seed * 1000 + round);
    const wanted = await sha256(content);
    const old = await hashOf(to);
    await Deno.writeFile(join(from, NAME), content);

    const killed: Victim[] = [];
    let runs = 0;
    let resumedFrom = 0;
    let killsLeft = 1 + Math.floor(this.#random() * this.#options.killsPerRound);
    for (let isDone = false; !isDone;) {
      const victim = killsLeft-- > 0 ? this.#chooseVictim() : null;
      const startMs = performance.now();
      const client = this.#stage.startClient(["--json", "--timeout", "30", command, NAME]);
      runs++;
      const wasKilled = victim !== null && await this.#kill(victim, client);
      if (wasKilled) killed.push(victim);
      const code = await client.ended();
      if (!wasKilled) this.#runMs = performance.now() - startMs;
      resumedFrom = Number(client.events("transfer")[0]?.resumedFrom ?? 0);
      isDone = code === 0;
      const now = await hashOf(to);
      const where = `round ${round}, ${command}, killed ${killed.join(" ")}`;
      if (now !== wanted && (isDone || now !== old)) {
        throw new Error(`${where}: the target is neither old nor new: ${now}\n${client.stderr}`);
      }
      if (!isDone && !(wasKilled && victim === "client")) {
        throw new Error(`${where}: exit code ${code}\n${client.stderr}\n${client.stdout}`);
      }
    }
    await this.#assertNothingUnfinished(round);
    return { round, command, killed, runs, resumedFrom };
  }

  #chooseVictim(): Victim {
    return this.#random() < 0.5 ? "client" : "server";
  }

  /**
   * Kills after a random while; false when the run was over by then. Kills happen at a moment, not at an
   * event: this is the one place that waits for time to pass.
   */
  async #kill(victim: Victim, client: Program): Promise<boolean> {
    const moment = Promise.withResolvers<void>();
    const timer = setTimeout(() => moment.resolve(), this.#random() * this.#runMs);
    const isOver = await Promise.race([
      moment.promise.then(() => false),
      client.ended().then(() => true),
    ]);
    clearTimeout(timer);
    if (isOver) return false;
    if (victim === "client") return hasHit(client);
    const server = this.#server!;
    server.signal("SIGKILL");
    await server.ended();
    this.#server = await this.#stage.startServer([], this.#stage.port);
    return true;
  }

  async #assertNothingUnfinished(round: number): Promise<void> {
    for (const folder of [this.#stage.serverFiles, this.#stage.clientFiles]) {
      const left = await namesIn(join(folder, STAGING));
      if (left.length > 0) throw new Error(`Round ${round} left in ${folder}: ${left.join(" ")}`);
    }
  }
}

/** Kills; false when the program was faster. */
function hasHit(program: Program): boolean {
  try {
    program.signal("SIGKILL");
    return true;
  } catch {
    return false;
  }
}

async function hashOf(folder: string): Promise<string | null> {
  try {
    return await sha256(await Deno.readFile(join(folder, NAME)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e37_79b1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
