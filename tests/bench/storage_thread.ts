/**
 * `deno run -A tests/bench/storage_thread.ts [MIB]`: would a thread of Ferry's own for the disk pay?
 *
 * The storage work of one transfer without the network: a file is received (copied into blocks of one
 * leaf, hashed, written) or sent (read, hashed, copied out), as Ferry does it, on the runtime's threads, and
 * by a Worker that is handed whole blocks and gives them back. What counts is the time of the main thread,
 * which has the packets to move meanwhile, and that of the processor. TMPDIR chooses the disk.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script: its table is its purpose
import { join } from "@std/path";
import { LEAF_BYTES, plainLeaves, Sha256 } from "../../lib/crypto/mod.ts";
import { type DiskFile, LeafBlock, systemDisk } from "../../lib/files/mod.ts";
import { cpuSeconds } from "./cpu_time.ts";
import type { BlockMessage, WorkerOrder } from "./storage_thread_worker.ts";
import { figure, formatTable, median } from "./table.ts";

const ROUNDS = 5;
/** What a stream hands over at once. */
const PIECE_BYTES = 64 * 1024;
/** Blocks of the Worker that are on their way at the same time. */
const WORKER_BLOCKS = 3;

interface Task {
  readonly direction: WorkerOrder["direction"];
  readonly hasPlainHash: boolean;
  readonly leafCount: number;
  readonly directory: string;
}

const WAYS = { "runtime's threads": onRuntimeThreads, "a Worker": inWorker };

async function onRuntimeThreads(task: Task) {
  const root = await systemDisk.openRoot(task.directory, { create: false });
  const isReceiving = task.direction === "receive";
  const file = await root.openFile(FILE, { access: isReceiving ? "write" : "read" });
  const plain = task.hasPlainHash ? new Sha256() : null;
  await (isReceiving ? receive : send)(file, plain, task.leafCount);
  file.close();
  root.close();
}

/** One leaf is filled while the one before is hashed and written. */
async function receive(file: DiskFile, plain: Sha256 | null, leafCount: number): Promise<void> {
  const blocks = [new LeafBlock(), new LeafBlock()] as const;
  const write = async (block: LeafBlock, index: number) => {
    const hashing = block.digest(plainLeaves, index, LEAF_BYTES);
    await file.write(block.data, index * LEAF_BYTES);
    await hashing;
  };
  let writing = Promise.resolve();
  for (let index = 0; index < leafCount; index++) {
    const block = blocks[index % 2 === 0 ? 0 : 1];
    copyPieces(STREAM, block.data);
    plain?.update(block.data);
    await writing;
    writing = write(block, index);
  }
  await writing;
}

/** One leaf is read and hashed while the one before is copied out. */
async function send(file: DiskFile, plain: Sha256 | null, leafCount: number): Promise<void> {
  const blocks = [new LeafBlock(), new LeafBlock()] as const;
  const read = async (index: number) => {
    const block = blocks[index % 2 === 0 ? 0 : 1];
    if (index < leafCount) await file.read(block.data, index * LEAF_BYTES);
    if (index < leafCount) await block.digest(plainLeaves, index, LEAF_BYTES);
    return block.data;
  };
  let reading = read(0);
  for (let index = 0; index < leafCount; index++) {
    const leaf = await reading;
    reading = read(index + 1);
    plain?.update(leaf);
    copyPieces(leaf, STREAM);
  }
}

async function inWorker({ direction, hasPlainHash, leafCount, directory }: Task) {
  const worker = new Worker(new URL("./storage_thread_worker.ts", import.meta.url), {
    type: "module",
  });
  const done = Promise.withResolvers<void>();
  let askedCount = 0;
  let doneCount = 0;
  const hand = (block: ArrayBuffer): void => {
    if (askedCount === leafCount) return;
    if (direction === "receive") copyPieces(STREAM, new Uint8Array(block));
    const message: BlockMessage = { index: askedCount++, block };
    worker.postMessage(message, [block]);
  };
  worker.onmessage = ({ data }: MessageEvent<BlockMessage | "ready">) => {
    if (data === "ready") {
      for (let block = 0; block < WORKER_BLOCKS; block++) hand(new ArrayBuffer(LEAF_BYTES));
      return;
    }
    if (direction === "send") copyPieces(new Uint8Array(data.block), STREAM);
    if (++doneCount === leafCount) done.resolve();
    hand(data.block);
  };
  const order: WorkerOrder = { path: join(directory, FILE), direction, hasPlainHash };
  worker.postMessage(order);
  await done.promise;
  worker.terminate();
}

const FILE = "storage.bin";
/** Stands for what the transport holds of a stream. */
const STREAM = crypto.getRandomValues(new Uint8Array(PIECE_BYTES));

function copyPieces(from: Uint8Array, to: Uint8Array): void {
  for (let position = 0; position < LEAF_BYTES; position += PIECE_BYTES) {
    if (to === STREAM) to.set(from.subarray(position, position + PIECE_BYTES));
    else to.set(from, position);
  }
}

/** Seconds that the main thread ran, or null: only Linux tells. */
function mainThreadSeconds(): number | null {
  try {
    const text = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/schedstat`);
    return Number(text.split(" ")[0]) / 1e9;
  } catch {
    return null;
  }
}

interface Cost {
  readonly wall: number;
  readonly main: number | null;
  readonly processor: number | null;
}

async function costOf(run: (task: Task) => Promise<void>, task: Task): Promise<Cost> {
  const startMs = performance.now();
  const main = mainThreadSeconds();
  const processor = cpuSeconds(Deno.pid);
  await run(task);
  return {
    wall: (performance.now() - startMs) / 1000,
    main: since(main, mainThreadSeconds()),
    processor: since(processor, cpuSeconds(Deno.pid)),
  };
}

function since(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

function row(name: string, costs: readonly Cost[]): string[] {
  const middle = (part: keyof Cost) => figure(median(costs.map((cost) => cost[part] ?? NaN)), 2);
  return [name, middle("main"), middle("processor"), middle("wall")];
}

async function compare(leafCount: number, directory: string): Promise<string[][]> {
  const rows: string[][] = [];
  for (const direction of ["receive", "send"] as const) {
    for (const hasPlainHash of [false, true]) {
      const task = { direction, hasPlainHash, leafCount, directory };
      const costs: Record<string, Cost[]> = {};
      for (let round = 0; round < ROUNDS; round++) {
        for (const [way, run] of Object.entries(WAYS)) {
          (costs[way] ??= []).push(await costOf(run, task));
        }
      }
      const name = direction + (hasPlainHash ? ", plain SHA-256 too" : "");
      for (const way of Object.keys(WAYS)) rows.push(row(`${name}: ${way}`, costs[way]!));
    }
  }
  return rows;
}

if (import.meta.main) {
  const leafCount = Number(Deno.args[0] ?? 1024);
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(directory, FILE), new Uint8Array(LEAF_BYTES));
    await Deno.truncate(join(directory, FILE), leafCount * LEAF_BYTES);
    const rows = await compare(leafCount, directory);
    const heads = [`${leafCount} MiB, seconds of`, "main thread", "processor", "wall"];
    console.log(formatTable(heads, rows));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
