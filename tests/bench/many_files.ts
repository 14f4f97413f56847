/**
 * `deno run -A tests/bench/many_files.ts`: a tree of small files by Ferry, both ways, and what else moves it.
 *
 * Over loopback beside `rsync --fsync`, which copies the same tree on the same disk; with `--wanlab`
 * over an emulated link beside one file of the same total size. Times are whole commands, from
 * start to exit, the start of Deno included; everybody takes turns. TMPDIR chooses the disk.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script: its table is its purpose
import { parseArgs } from "@std/cli";
import { ensureDir } from "@std/fs";
import { basename, dirname, join } from "@std/path";
import { startFerryClient, startFerryServer } from "../tools/ferry_process.ts";
import { writeRandomFile } from "../tools/sample_file.ts";
import { type BenchNetwork, emulatedLink, loopback, run } from "./network.ts";
import { figure, formatTable, median } from "./table.ts";

const USAGE = `deno run -A tests/bench/many_files.ts [options]

  --files N        number of files (10000)
  --bytes N        size of each (4096)
  --folders N      folders that they are in (100)
  --rounds N       how often each contender runs (3)
  --durability D   what Ferry waits for (full)
  --wanlab PATH    the tool that emulates links; then over one of them
  --profile NAME   which (wan)
  --keep           leave the folders there: on ext4 removing them slows down the next run`;

/** One who moves the tree. */
interface Runner {
  readonly name: string;
  /** What it moves. */
  readonly source: string;
  /** Where its folders are made: a new one for each round. */
  readonly parent: string;
  /** Moves everything, once, into a folder that is there and empty. */
  move(target: string): Promise<void>;
}

interface Place {
  readonly network: BenchNetwork;
  readonly port: number;
  readonly served: string;
  readonly local: string;
  readonly durability: string;
}

function ferryRunner(name: string, command: "get" | "put", source: string, place: Place): Runner {
  const { network, port, served, local, durability } = place;
  const { serverHost: host, clientPrefix: prefix } = network;
  const isGet = command === "get";
  return {
    name,
    source: join(isGet ? served : local, source),
    parent: isGet ? local : served,
    async move(target) {
      const words = ["-r", source, ...isGet ? [] : ["-o", `${basename(target)}/${source}`]];
      const directory = isGet ? target : local;
      const args = ["--durability", durability, "--quiet"];
      const options = { host, directory, args, prefix };
      const client = await startFerryClient(port, [command, ...words], options);
      const code = await client.ended();
      if (code !== 0) throw new Error(`${name}: ${code} ${await client.errorText}`);
    },
  };
}

function rsyncRunner(source: string, parent: string): Runner {
  return {
    name: "rsync -a --fsync",
    source,
    parent,
    async move(target) {
      await run("rsync", "-a", "--fsync", source, `${target}/`);
    },
  };
}

/**
 * Lets everybody run in turn; seconds by name. Nothing is removed before the end: ext4 goes out of its
 * way not to use an inode again for minutes, and whoever comes after a removal pays for it.
 */
async function inTurn(runners: readonly Runner[], rounds: number): Promise<Map<string, number[]>> {
  const seconds = new Map(runners.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { name, source, parent, move }] of runners.entries()) {
      const target = join(parent, `copy-${round}-${index}`);
      await ensureDir(target);
      await run("sync");
      const startMs = performance.now();
      await move(target);
      seconds.get(name)!.push((performance.now() - startMs) / 1000);
      await run("diff", "-r", "-q", source, join(target, basename(source)));
    }
  }
  return seconds;
}

function report(title: string, seconds: Map<string, number[]>, reference: string): void {
  const base = median(seconds.get(reference)!);
  const rows = [...seconds].map(([name, values]) => [
    name,
    figure(median(values), 2),
    values.map((value) => figure(value, 2)).join(" "),
    `${figure(median(values) / base, 2)} x`,
  ]);
  console.log(formatTable([title, "median s", "all", `to ${reference}`], rows));
}

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, {
    string: ["files", "bytes", "folders", "rounds", "wanlab", "profile", "durability"],
    boolean: ["help", "keep"],
  });
  if (options.help) return console.log(USAGE);
  const [files, bytes, folders] = [
    Number(options.files ?? 10_000),
    Number(options.bytes ?? 4096),
    Number(options.folders ?? 100),
  ];
  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "ferry-many-" });
  if (!options.keep) resources.defer(() => Deno.remove(directory, { recursive: true }));
  const [served, local] = [join(directory, "served"), join(directory, "local")];
  for (const side of [served, local]) {
    for (let index = 0; index < files; index++) {
      const path = join(side, "tree", `d${index % folders}`, `f${index}.bin`);
      if (index < folders) await ensureDir(dirname(path));
      await writeRandomFile(path, bytes);
    }
    await ensureDir(join(side, "one"));
    await writeRandomFile(join(side, "one", "file.bin"), files * bytes);
  }
  const { wanlab } = options;
  const network = wanlab === undefined
    ? await loopback()
    : await emulatedLink(wanlab, options.profile ?? "wan");
  resources.defer(() => network.close());
  const { program, port } = await startFerryServer(served, {
    host: network.serverHost,
    prefix: network.serverPrefix,
    args: ["--open", "--quiet", "--durability", options.durability ?? "full"],
  });
  resources.defer(async () => void await program.stop());
  const place = { network, port, served, local, durability: options.durability ?? "full" };
  const trees = [
    ferryRunner("get -r", "get", "tree", place),
    ferryRunner("put -r", "put", "tree", place),
  ];
  const others = wanlab === undefined ? [rsyncRunner(join(local, "tree"), directory)] : [
    ferryRunner("get one file", "get", "one", place),
    ferryRunner("put one file", "put", "one", place),
  ];
  const seconds = await inTurn([...others, ...trees], Number(options.rounds ?? 3));
  const title = `${network.name}, ${files} files of ${bytes} bytes in ${folders} folders`;
  for (const { name } of others) report(title, seconds, name);
}

if (import.meta.main) await main();
