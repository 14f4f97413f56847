/**
 * `deno task bench [cpu|links|files|startup|clients]`: Ferry beside Deno's own QUIC and plain TCP.
 *
 * Every contender moves the same bytes from file to file in the same run, in turn. Medians are of
 * all rounds; ratios are taken round by round. What cannot run on this machine is skipped aloud.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script: its tables are its purpose
import { parseArgs } from "@std/cli";
import { emptyDir, ensureDir } from "@std/fs";
import { join } from "@std/path";
import { startFerryClient, startFerryServer } from "../tools/ferry_process.ts";
import { writeRandomFile } from "../tools/sample_file.ts";
import { type BenchCertificate, makeCertificate } from "./certificate.ts";
import { type Contender, ferry, type Load, yardstick } from "./contender.ts";
import {
  type BenchNetwork,
  emulatedLink,
  findEmulator,
  loopback,
  Unavailable,
  vethPair,
} from "./network.ts";
import { raceClients } from "./clients.ts";
import { race, type RaceResult, raceTable } from "./race.ts";
import {
  LINK_PROFILES,
  linkBytesPerSecond,
  type LinkField,
  linkFields,
  linkTable,
} from "./links.ts";
import { figure, formatTable, median } from "./table.ts";

const USAGE = `deno task bench [cpu|links|files|startup|clients] [options]

  cpu      one large file over loopback and over a veth pair with an MTU of 1500
  files    many small files
  startup  how long a client takes to print a listing
  links    emulated links; needs --wanlab
  clients  1 to 256 clients of one server over loopback, and what idle ones cost

  --size MB          size of the large file (512)
  --rounds N         how often each contender runs (3; links: 1)
  --directory DIR    where the files are (a RAM disk if there is one)
  --only WORD        only contenders with this word in their name
  --wanlab PATH      the tool that emulates links
  --profiles A,B     its profiles to run, or "all" (lossy,wan,satellite)
  --limit S          give a fetch up after this time (120; links: 30)
  --link-seconds S   size of a file on a link: what it carries in this time`;

const QUIC = "QUIC (Deno)";

/** How the yardsticks take part. */
interface FieldOptions {
  /** Streams that they use at a time: one holds them back. */
  readonly streams: number;
}

interface Bench {
  readonly sizeBytes: number;
  readonly rounds: number;
  readonly root: string;
  readonly target: string;
  readonly wanlab: string | undefined;
  readonly profiles: readonly string[];
  /** Null for the profile's own size. */
  readonly linkSeconds: number | null;
  readonly limitSeconds: number;
  /** What must be taken down again, also when the user ends the run. */
  readonly resources: AsyncDisposableStack;
  /** Everybody that takes part. */
  contenders(options: FieldOptions): readonly Contender[];
  /** Everybody that takes part on emulated links. */
  readonly linkFields: readonly LinkField[];
}

async function cpu(bench: Bench): Promise<void> {
  const load = await largeFile(bench, "large.bin", bench.sizeBytes);
  for (const network of [loopback, vethPair]) {
    await over(bench, network, async (network) => {
      const contenders = bench.contenders({ streams: 4 });
      const results = await race({ ...bench, network, contenders, load });
      report(results, raceTable(network.name, results, { reference: QUIC }));
    });
  }
}

async function files(bench: Bench): Promise<void> {
  const load = await smallFiles(bench, 1000, 16 * 1024);
  for (const network of [loopback, vethPair]) {
    await over(bench, network, async (network) => {
      const contenders = bench.contenders({ streams: 16 });
      const results = await race({ ...bench, network, contenders, load });
      const title = `${network.name}, 1000 files of 16 KiB`;
      report(results, raceTable(title, results, { reference: QUIC, perFile: load.files.length }));
    });
  }
}

async function links(bench: Bench): Promise<void> {
  const { wanlab } = bench;
  if (wanlab === undefined) throw new Unavailable("give the emulator's path with --wanlab");
  await findEmulator(wanlab);
  for (const name of bench.profiles) {
    const profile = LINK_PROFILES.find((candidate) => candidate.name === name);
    if (profile === undefined) {
      console.log(`Skipped ${name}: no such profile`);
      continue;
    }
    const sizeBytes = bench.linkSeconds === null
      ? profile.megabytes * 1e6
      : Math.round(linkBytesPerSecond(profile) * bench.linkSeconds);
    const load = await largeFile(bench, `${name}.bin`, sizeBytes);
    const results: RaceResult[] = [];
    for (const { tcpCongestion, contenders } of bench.linkFields) {
      if (contenders.length === 0) continue;
      await over(bench, () => emulatedLink(wanlab, name, tcpCongestion), async (network) => {
        results.push(...await race({ ...bench, network, contenders, load }));
      });
    }
    if (results.length > 0) {
      const title = `${name}, ${figure(sizeBytes / 1e6, 0)} MB`;
      console.log(`${linkTable(title, profile, results)}\n`);
    }
    if (results.some(({ failure, unfinished }) => failure !== null && unfinished === null)) {
      Deno.exitCode = 1;
    }
    await Deno.remove(join(bench.root, load.name));
  }
}

async function startup(bench: Bench): Promise<void> {
  const network = await loopback();
  await Deno.writeTextFile(join(bench.root, "one.txt"), "one\n");
  const { program, port } = await startFerryServer(bench.root, { prefix: network.serverPrefix });
  const list = async (args: readonly string[]) => {
    const client = await startFerryClient(port, ["list"], { directory: bench.target, args });
    if (await client.ended() !== 0) throw new Error((await client.errorText).trim());
  };
  const empty = async () => {
    await new Deno.Command(Deno.execPath(), { args: ["eval", ""] }).output();
  };
  const rows: string[][] = [];
  for (
    const [name, action] of [
      ["Deno with an empty script", empty],
      ["client.ts list", () => list([])],
      ["client.ts list --no-ffi", () => list(["--no-ffi"])],
    ] as const
  ) {
    const seconds: number[] = [];
    for (let round = 0; round < bench.rounds * 3; round++) {
      const startMs = performance.now();
      await action();
      seconds.push((performance.now() - startMs) / 1000);
    }
    rows.push([name, figure(median(seconds), 3), figure(Math.max(...seconds), 3)]);
  }
  await program.stop();
  console.log(formatTable(["from start to end", "median s", "worst s"], rows));
}

async function clients(bench: Bench): Promise<void> {
  console.log(await raceClients(bench));
}

/** Runs something over a network and takes the network down; says so when it cannot be had. */
async function over(
  { resources }: Bench,
  open: () => Promise<BenchNetwork>,
  action: (network: BenchNetwork) => Promise<void>,
): Promise<void> {
  let network: BenchNetwork;
  try {
    network = await open();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log(`Skipped: ${error.message}`);
    return;
  }
  await using scope = resources.use(new AsyncDisposableStack());
  scope.defer(() => network.close());
  await action(network);
}

function report(results: readonly RaceResult[], table: string): void {
  console.log(`${table}\n`);
  if (results.some(({ failure }) => failure !== null)) Deno.exitCode = 1;
}

async function largeFile({ root }: Bench, name: string, sizeBytes: number): Promise<Load> {
  await writeRandomFile(join(root, name), sizeBytes);
  return { name, files: [{ name, sizeBytes }] };
}

async function smallFiles({ root }: Bench, count: number, sizeBytes: number): Promise<Load> {
  const names = Array.from({ length: count }, (_, index) => `many/${index + 1}.bin`);
  await emptyDir(join(root, "many"));
  for (const name of names) await writeRandomFile(join(root, name), sizeBytes);
  return { name: "many", files: names.map((name) => ({ name, sizeBytes })) };
}

/** A certificate for QUIC, which drops out, with a word, where it cannot have one. */
async function quicCertificate(directory: string): Promise<BenchCertificate | undefined> {
  const addresses = ["127.0.0.1", "10.213.77.1", "10.99.0.1"];
  return await makeCertificate(directory, addresses).catch((error) => {
    console.log(`Without QUIC: ${error.message}`);
    return undefined;
  });
}

/** Everybody that takes part without an emulated link. */
function contenders(certificate: BenchCertificate | undefined): Bench["contenders"] {
  return ({ streams }) => {
    const field = [ferry("Ferry"), ferry("Ferry without FFI", ["--no-ffi"])];
    if (certificate !== undefined) {
      const quic = { transport: "quic", streams, certificate } as const;
      field.push(yardstick(QUIC, quic));
    }
    field.push(
      yardstick("TCP, not encrypted", { transport: "tcp", streams: Math.min(streams, 4) }),
    );
    return field;
  };
}

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, {
    string: [
      "size",
      "rounds",
      "directory",
      "only",
      "wanlab",
      "profiles",
      "link-seconds",
      "limit",
      "_",
    ],
    boolean: ["help"],
  });
  const suites = { cpu, links, files, startup, clients };
  const chosen = options._[0] ?? "cpu";
  const suite = Object.entries(suites).find(([name]) => name === chosen)?.[1];
  if (options.help || suite === undefined) {
    console.log(USAGE);
    Deno.exitCode = options.help ? 0 : 2;
    return;
  }
  const base = options.directory ?? await ramDisk();
  const directory = await Deno.makeTempDir({
    prefix: "ferry-bench-",
    ...(base === undefined ? {} : { dir: base }),
  });
  await using resources = new AsyncDisposableStack();
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  // A signal may come twice, from the terminal and from the task that started this.
  let ending: Promise<void> | null = null;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      ending ??= resources.disposeAsync().finally(() => Deno.exit(130));
    });
  }
  try {
    const [root, target] = [join(directory, "served"), join(directory, "fetched")];
    await Promise.all([ensureDir(root), ensureDir(target)]);
    const certificate = await quicCertificate(directory);
    const everybody = contenders(certificate);
    const isChosen = ({ name }: Contender) => name.includes(options.only ?? "");
    const onLinks = chosen === "links";
    const profiles = options.profiles ?? "lossy,wan,satellite";
    console.log(`Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores\n`);
    await suite({
      sizeBytes: Number(options.size ?? 512) * 1e6,
      rounds: Number(options.rounds ?? (onLinks ? 1 : 3)),
      root,
      target,
      resources,
      wanlab: options.wanlab,
      profiles: profiles === "all" ? LINK_PROFILES.map(({ name }) => name) : profiles.split(","),
      linkSeconds: options["link-seconds"] === undefined ? null : Number(options["link-seconds"]),
      limitSeconds: Number(options.limit ?? (onLinks ? 30 : 120)),
      contenders: (field) => everybody(field).filter(isChosen),
      linkFields: linkFields(certificate).map((field) => ({
        ...field,
        contenders: field.contenders.filter(isChosen),
      })),
    });
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log(`Skipped: ${error.message}`);
  }
  await resources.disposeAsync();
  Deno.exit();
}

/** A folder in memory, where the disk does not decide the result. */
async function ramDisk(): Promise<string | undefined> {
  const isThere = await Deno.stat("/dev/shm").then(({ isDirectory }) => isDirectory, () => false);
  return isThere ? "/dev/shm" : undefined;
}

if (import.meta.main) await main();
