/**
 * Many clients of one server: what they get together, how evenly, and what an idle one costs.
 *
 * The clients live in one process of their own connections: hundreds of processes would measure the
 * start of programs. They begin together when all are connected, and each fetches the same file so often, one
 * after the other, that every number of clients moves the same files: what a file costs at its beginning weighs
 * alike, and only what the others take away makes the difference.
 *
 * That process is one thread, which does as much work as the server and shares the machine with it: what
 * they get together can fall because either has more to do. The processor time of each tells which.
 *
 * Numbers of clients take turns, round after round, and medians of the rounds are shown: the first rounds
 * measure memory that the machine has not handed out before, and code that is not compiled yet.
 *
 * @module
 */
import { emptyDir } from "@std/fs";
import { join } from "@std/path";
import { chooseLeafHashing } from "../../lib/cli/ciphers.ts";
import { setUpNetwork } from "../../lib/cli/network.ts";
import { createIdentity } from "../../lib/crypto/mod.ts";
import {
  connect,
  type ConnectionHandle,
  systemClock,
  systemEntropy,
} from "../../lib/driver/mod.ts";
import { FileRoot, remotePathFromComponents } from "../../lib/files/mod.ts";
import { download, FEATURES } from "../../lib/operations/mod.ts";
import { Caller } from "../../lib/request/mod.ts";
import { startFerryServer } from "../tools/ferry_process.ts";
import { writeRandomFile } from "../tools/sample_file.ts";
import { CpuMeter } from "./cpu_time.ts";
import { figure, formatTable, median } from "./table.ts";

const CLIENT_COUNTS = [1, 8, 64, 256];
const MOST_CLIENTS = 256;
const IDLE_COUNT = 256;
const FILE = "share.bin";
const HEADS = [
  ...["clients", "files each", "MB/s together", "to one", "fairness (Jain)"],
  ...["server CPU s/GB", "clients CPU s/GB"],
];

/** Where the bench keeps its files, and how much all clients of a row fetch together. */
export interface ClientsOptions {
  /** Folder that is served. */
  readonly root: string;
  /** Folder to fetch into. */
  readonly target: string;
  /** Bytes that all clients fetch together, in 256 files. */
  readonly sizeBytes: number;
}

/** What so many clients got in one round. */
interface Round {
  /** Together, bytes per second. */
  readonly bytesPerSecond: number;
  /** That as a part of what one client got in this round. */
  readonly toOne: number;
  /** Jain's index. */
  readonly fairness: number;
  /** Processor time of the server, seconds per GB; NaN where the system does not tell. */
  readonly serverCpu: number;
  /** Processor time of all clients together, seconds per GB. */
  readonly clientsCpu: number;
}

/** Runs it and gives the tables. */
export async function raceClients(
  options: ClientsOptions & { readonly rounds: number },
): Promise<string> {
  const { root, target, sizeBytes } = options;
  const { program, port } = await startFerryServer(root, { args: ["--open"] });
  const fileBytes = Math.floor(sizeBytes / MOST_CLIENTS);
  const fetch = (count: number) =>
    crowd(port, count, (clients) => {
      const fetches = MOST_CLIENTS / count;
      return fetchAll(clients, { target, fetches, serverPid: program.pid });
    });
  try {
    await writeRandomFile(join(root, FILE), fileBytes);
    await fetch(1); // warms up
    const rounds: Round[][] = CLIENT_COUNTS.map(() => []);
    for (let round = 0; round < options.rounds; round++) {
      for (const [index, count] of CLIENT_COUNTS.entries()) {
        const crowding = await fetch(count);
        const one = rounds[0]![round]?.bytesPerSecond;
        rounds[index]!.push(roundOf(crowding, MOST_CLIENTS / count * fileBytes, one));
      }
    }
    const rows = CLIENT_COUNTS.map((count, index) => rowOf(count, rounds[index]!));
    // Whatever the transfers have left behind is used again: this is what the system has to add.
    const before = await residentBytes(program.pid);
    const perIdle = await crowd(port, IDLE_COUNT, async () => {
      return Math.max(0, await residentBytes(program.pid) - before) / IDLE_COUNT;
    });
    const title = `Files of ${figure(fileBytes / 1e6, 1)} MB, ${MOST_CLIENTS} in all`;
    return `${title}\n${formatTable(HEADS, rows)}\n\n${IDLE_COUNT} idle connections: ${
      figure(perIdle / 1024, 0)
    } KiB each at the server`;
  } finally {
    await program.stop();
  }
}

function roundOf(crowding: Crowding, share: number, one: number | undefined): Round {
  const { spans, serverCpuSeconds, clientsCpuSeconds } = crowding;
  const totalBytes = spans.length * share;
  const bytesPerSecond = totalBytes / Math.max(...spans);
  return {
    bytesPerSecond,
    toOne: bytesPerSecond / (one ?? bytesPerSecond),
    fairness: jainIndex(spans.map((seconds) => share / seconds)),
    serverCpu: serverCpuSeconds / totalBytes * 1e9,
    clientsCpu: clientsCpuSeconds / totalBytes * 1e9,
  };
}

function rowOf(count: number, rounds: readonly Round[]): string[] {
  const middle = (part: keyof Round) => median(rounds.map((round) => round[part]));
  return [
    String(count),
    String(MOST_CLIENTS / count),
    figure(middle("bytesPerSecond") / 1e6, 0),
    `${figure(middle("toOne"), 2)} x`,
    figure(middle("fairness"), 3),
    figure(middle("serverCpu"), 2),
    figure(middle("clientsCpu"), 2),
  ];
}

/** Does something with so many connections, then ends them. */
async function crowd<T>(
  port: number,
  count: number,
  action: (clients: readonly ConnectionHandle[]) => Promise<T>,
): Promise<T> {
  const { driver } = setUpNetwork({
    identity: createIdentity(systemEntropy),
    ...{ ffi: true, maxRateBytesPerSecond: Infinity, isPolite: false, congestion: null },
  });
  // As programs do it, but nobody here asks what limits a transfer.
  const config = { ...driver.config, features: FEATURES.knowsHeld + FEATURES.leafSchemes };
  const clients: ConnectionHandle[] = [];
  try {
    for (let i = 0; i < count; i++) {
      clients.push(
        await connect({
          ...driver,
          config,
          hostname: "127.0.0.1",
          port,
          identity: createIdentity(systemEntropy),
        }),
      );
    }
    return await action(clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** What fetching took. */
interface Crowding {
  /** Seconds that each client took. */
  readonly spans: readonly number[];
  /** Processor time of the server; NaN where the system does not tell. */
  readonly serverCpuSeconds: number;
  /** Processor time of all clients together. */
  readonly clientsCpuSeconds: number;
}

/** Every client fetches the file so often, all at the same time. */
async function fetchAll(
  clients: readonly ConnectionHandle[],
  { target, fetches, serverPid }: {
    readonly target: string;
    readonly fetches: number;
    readonly serverPid: number;
  },
): Promise<Crowding> {
  await emptyDir(target);
  const folder = await FileRoot.open(target, {
    leafHashing: chooseLeafHashing({ ffi: true }),
    nowMs: () => systemClock.nowMs(),
  });
  const [serverCpu, clientsCpu] = [new CpuMeter(serverPid), new CpuMeter(Deno.pid)];
  const startMs = performance.now();
  try {
    const spans = await Promise.all(clients.map(async (client, index) => {
      const caller = new Caller(client);
      const name = `${index}.bin`;
      const place = { root: folder, path: remotePathFromComponents([name]) };
      const options = { exists: "overwrite", peerFeatures: client.peerFeatures } as const;
      for (let left = fetches; left > 0; left--) {
        await download(caller, remotePathFromComponents([FILE]), place, options);
        if (left > 1) await Deno.remove(join(target, name)); // or it would be compared instead
      }
      const seconds = (performance.now() - startMs) / 1000;
      await caller.settle();
      return seconds;
    }));
    return {
      spans,
      serverCpuSeconds: serverCpu.seconds() ?? NaN,
      clientsCpuSeconds: clientsCpu.seconds() ?? NaN,
    };
  } finally {
    await folder.close();
  }
}

/** 1 when all got the same, 1/n when one got everything. */
function jainIndex(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate * rate, 0);
  return sum * sum / (rates.length * squares);
}

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return Number(status.match(/VmRSS:\s+(\d+) kB/)?.[1] ?? NaN) * 1024;
}
