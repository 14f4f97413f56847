/**
 * `deno run -A tests/bench/large_file.ts`: what resuming a large file costs, and what memory it takes to move one.
 *
 * A client is killed at nine tenths and the same command given again: bytes sent again, and the time from
 * the start of the new process to the first bytes of the file that are reported. Then a file is moved
 * whole, both ways, while the resident memory of both processes is read. TMPDIR chooses the disk.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script: its tables are its purpose
import { parseArgs } from "@std/cli";
import { ensureDir } from "@std/fs";
import { join } from "@std/path";
import {
  type ProgramEvent,
  type ProgramProcess,
  startFerryClient,
  startFerryServer,
} from "../tools/ferry_process.ts";
import { sha256File, writeRandomFile } from "../tools/sample_file.ts";
import { figure, formatTable } from "./table.ts";

const MIB = 1 << 20;
const COMMANDS = ["get", "put"] as const;

type Command = typeof COMMANDS[number];

interface Sides {
  readonly port: number;
  readonly server: ProgramProcess;
  readonly served: string;
  readonly local: string;
}

async function start(
  { port, local }: Sides,
  command: Command,
  name: string,
  onEvent: (event: ProgramEvent) => void,
): Promise<ProgramProcess> {
  const words = [command, name, "-o", `${command}-${name}`];
  return await startFerryClient(port, words, { directory: local, onEvent });
}

async function succeeds(client: ProgramProcess): Promise<void> {
  const code = await client.ended();
  if (code !== 0) throw new Error(`left with ${code}: ${await client.errorText}`);
}

async function assertSame(
  { served, local }: Sides,
  command: Command,
  name: string,
): Promise<void> {
  const [from, to] = command === "get" ? [served, local] : [local, served];
  const [sent, received] = [join(from, name), join(to, `${command}-${name}`)];
  if (await sha256File(sent) !== await sha256File(received)) throw new Error("the files differ");
  await Deno.remove(received);
}

async function resumeAt(sides: Sides, command: Command, sizeBytes: number): Promise<string[]> {
  const killed = await start(sides, command, "resume.bin", ({ event, bytes }) => {
    if (event === "progress" && Number(bytes) >= 0.9 * sizeBytes) killed.kill();
  });
  await killed.ended();
  const startMs = performance.now();
  let firstBytes = NaN;
  let firstMs = NaN;
  const again = await start(sides, command, "resume.bin", ({ event, bytes }) => {
    if (event !== "progress" || !Number.isNaN(firstMs)) return;
    firstBytes = Number(bytes);
    firstMs = performance.now() - startMs;
  });
  await succeeds(again);
  const totalMs = performance.now() - startMs;
  const { resumedFrom } = await again.event("transfer");
  await assertSame(sides, command, "resume.bin");
  return [
    command,
    figure(Number(resumedFrom) / sizeBytes * 100, 1),
    figure((1 - Number(resumedFrom) / sizeBytes) * 100, 1),
    figure(firstMs / 1000, 2),
    figure((firstBytes - Number(resumedFrom)) / MIB, 1),
    figure(totalMs / 1000, 2),
  ];
}

/** Resident memory of a process in MiB, `VmHWM` being its peak. */
async function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
}

async function memory(sides: Sides, command: Command, sizeBytes: number): Promise<string[]> {
  const readings: Promise<[server: number, client: number]>[] = [];
  const client = await start(sides, command, "memory.bin", ({ event, bytes }) => {
    if (event !== "progress" || Number(bytes) < (readings.length + 1) / 9 * sizeBytes) return;
    readings.push(Promise.all([
      memoryOf(sides.server.pid, "VmRSS"),
      memoryOf(client.pid, "VmRSS"),
    ]));
  });
  await succeeds(client);
  const all = await Promise.all(readings);
  await assertSame(sides, command, "memory.bin");
  const series = (side: 0 | 1) => all.map((reading) => figure(reading[side], 0)).join(" ");
  const peak = await memoryOf(sides.server.pid, "VmHWM");
  return [command, series(0), figure(peak, 0), series(1)];
}

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, { string: ["resume", "memory"], boolean: ["help"] });
  if (options.help) {
    console.log(
      "deno run -A tests/bench/large_file.ts [--resume MIB (1024)] [--memory MIB (2048)]",
    );
    return;
  }
  const sizes = {
    resume: Number(options.resume ?? 1024) * MIB,
    memory: Number(options.memory ?? 2048) * MIB,
  };
  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "ferry-large-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  const [served, local] = [join(directory, "served"), join(directory, "local")];
  await ensureDir(served);
  await ensureDir(local);
  const { program: server, port } = await startFerryServer(served);
  resources.defer(async () => void await server.stop());
  const sides = { port, server, served, local };
  const rows: Record<keyof typeof sizes, string[][]> = { resume: [], memory: [] };
  for (const [what, sizeBytes] of Object.entries(sizes) as [keyof typeof sizes, number][]) {
    if (sizeBytes === 0) continue;
    for (const command of COMMANDS) {
      const source = join(command === "get" ? served : local, `${what}.bin`);
      await writeRandomFile(source, sizeBytes);
      const measure = what === "resume" ? resumeAt : memory;
      rows[what].push(await measure(sides, command, sizeBytes));
      await Deno.remove(source);
    }
  }
  const resumeHeads = ["held %", "sent again %", "first bytes s", "these MiB", "whole s"];
  console.log(formatTable([`resume, ${sizes.resume / MIB} MiB`, ...resumeHeads], rows.resume));
  const memoryHeads = ["server, MiB at each ninth", "peak", "client"];
  console.log(formatTable([`\nmemory, ${sizes.memory / MIB} MiB`, ...memoryHeads], rows.memory));
}

if (import.meta.main) await main();
