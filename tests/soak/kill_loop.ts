// deno-lint-ignore-file no-console -- a script: it explains itself to whoever started it
/**
 * `deno task soak [ROUNDS] [MEGABYTES] [SEED]`: kills client or server of real transfers at random moments
 * and checks that nothing is lost. TMPDIR chooses the disk.
 *
 * @module
 */
import { playKillRounds, type RoundReport } from "./kill_rounds.ts";

const numbers = Deno.args.map(Number);
if (numbers.length > 3 || numbers.some((number) => !Number.isSafeInteger(number) || number < 1)) {
  console.error("deno task soak [ROUNDS] [MEGABYTES] [SEED], whole numbers");
  Deno.exit(2);
}
const [rounds = 200, megabytes = 50, seed = Date.now() % 100_000] = numbers;

console.log(`${rounds} rounds with ${megabytes} MB, seed ${seed}`);
const startedMs = performance.now();
const reports = await playKillRounds({
  rounds,
  sizeBytes: megabytes * 1_000_000,
  seed,
  killsPerRound: 3,
  onRound: ({ round }) => {
    if (round % 20 === 0) console.log(`${round} rounds, ${secondsSince(startedMs)} s`);
  },
});

const kills = (victim: string) =>
  sum(reports, ({ killed }) => killed.filter((k) => k === victim).length);
const resumed = reports.filter(({ resumedFrom }) => resumedFrom > 0).length;
console.log(
  `${reports.length} rounds survived in ${secondsSince(startedMs)} s: ` +
    `${sum(reports, ({ runs }) => runs)} runs, client killed ${kills("client")} times, ` +
    `server ${
      kills("server")
    } times, ${resumed} rounds continued a part; nothing lost, nothing left over`,
);
Deno.exit(0);

function sum(all: readonly RoundReport[], count: (report: RoundReport) => number): number {
  return all.reduce((total, report) => total + count(report), 0);
}

function secondsSince(startMs: number): string {
  return ((performance.now() - startMs) / 1000).toFixed(0);
}
