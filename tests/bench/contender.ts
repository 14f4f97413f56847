/**
 * What is measured: Ferry with and without native help, and the yardsticks beside it.
 *
 * All run the same way: a server process, and a client process of its own for each fetch.
 *
 * @module
 */
import {
  type ProcessOptions,
  type ProgramEvent,
  ProgramProcess,
  startFerryClient,
  startFerryServer,
} from "../tools/ferry_process.ts";
import type { BenchCertificate } from "./certificate.ts";
import { CpuMeter } from "./cpu_time.ts";
import type { BenchNetwork } from "./network.ts";
import type { RangeRequest, YardstickOrder } from "./yardstick.ts";

/** What is fetched: one file, or every file of a folder. */
export interface Load {
  /** The file, or the folder, below the served one. */
  readonly name: string;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/** What one fetch cost. Processor time is null where the system does not tell. */
export interface Fetched {
  readonly bytes: number;
  readonly seconds: number;
  /** From the start of the client's process to its exit. */
  readonly processSeconds: number;
  readonly serverCpuSeconds: number | null;
  readonly clientCpuSeconds: number | null;
}

/** Where a fetch puts what comes, and when it is given up. */
export interface FetchOptions {
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** A server that runs. */
export interface ContenderServer {
  fetch(load: Load, options: FetchOptions): Promise<Fetched>;
  stop(): Promise<void>;
}

/** One row of a table. */
export interface Contender {
  readonly name: string;
  start(network: BenchNetwork, root: string): Promise<ContenderServer>;
}

/** Ferry itself. */
export function ferry(name: string, args: readonly string[] = []): Contender {
  return {
    name,
    async start(network, root) {
      const { serverHost: host, serverPrefix, clientPrefix } = network;
      const server = await startFerryServer(root, { host, args, prefix: serverPrefix });
      return {
        fetch: (load, { directory, signal }) => {
          const options = { host, directory, args, prefix: clientPrefix, signal };
          const { port, program: { pid } } = server;
          if (load.files.length === 1) {
            // As a user does: --json would add a plain SHA-256 that nobody else computes.
            return measure(pid, (marks) =>
              startFerryClient(port, ["get", load.name], {
                ...options,
                isText: true,
                onText: (line) => readTransferLine(line, marks),
              }));
          }
          return measure(pid, (marks) =>
            startFerryClient(port, ["get", "-r", load.name], {
              ...options,
              onEvent: (event) => readTransferEvent(event, marks),
            }));
        },
        stop: () => ended(server.program, server.program.stop()),
      };
    },
  };
}

/** How the yardstick is set up. */
export interface YardstickOptions {
  readonly transport: "quic" | "tcp";
  readonly streams: number;
  readonly certificate?: BenchCertificate;
  readonly congestionControl?: "default" | "low-latency";
}

/** A plain copy over Deno's QUIC or TCP. */
export function yardstick(name: string, options: YardstickOptions): Contender {
  const { transport, streams, certificate, congestionControl = "default" } = options;
  const start = (order: YardstickOrder, options: ProcessOptions) =>
    new ProgramProcess("tests/bench/yardstick.ts", [JSON.stringify(order)], options);
  return {
    name,
    async start({ serverHost: host, serverPrefix, clientPrefix }, root) {
      const server = start({
        side: "server",
        transport,
        host,
        directory: root,
        certificate: certificate?.certificate ?? "",
        key: certificate?.key ?? "",
        congestionControl,
      }, { prefix: serverPrefix });
      const port = Number((await server.event("listening")).port);
      return {
        fetch: (load, { directory, signal }) =>
          measure(server.pid, async (marks) => {
            const client = start(
              {
                side: "client",
                transport,
                host,
                port,
                directory,
                streams,
                authority: certificate?.authority ?? "",
                congestionControl,
                requests: rangesOf(load, streams),
              },
              {
                prefix: clientPrefix,
                signal,
                onEvent: (event) => readTransferEvent(event, marks),
              },
            );
            await client.closeInput();
            return client;
          }),
        stop: () => server.closeInput().then(() => ended(server, server.ended())),
      };
    },
  };
}

/** Takes what a client says about its progress. */
interface Marks {
  /** It is connected, or begins to move a file. */
  begin(): void;
  /** A file is there; `seconds` by its own clock. */
  moved(bytes: number, seconds: number): void;
}

function readTransferEvent(event: ProgramEvent, marks: Marks): void {
  if (event.event === "connected") marks.begin();
  if (event.event !== "transfer" || event.ok !== true) return;
  marks.moved(Number(event.bytes), Number(event.seconds));
}

/** `NAME: 5 bytes` at the beginning, `NAME: 5 bytes in 0.1 s (50 B/s), verified` at the end. */
function readTransferLine(line: string, marks: Marks): void {
  const end = / (\d+) bytes in ([\d.]+) s[ ,]/.exec(line);
  if (end !== null) marks.moved(Number(end[1]), Number(end[2]));
  else if (/: \d+ bytes$/.test(line)) marks.begin();
}

/** Runs a client; processor time counts from its beginning to the last file. */
async function measure(
  serverPid: number,
  startClient: (marks: Marks) => Promise<ProgramProcess>,
): Promise<Fetched> {
  let client: ProgramProcess | null = null;
  let meters: { server: CpuMeter; client: CpuMeter } | null = null;
  let startMs = 0;
  let bytes = 0;
  let files = 0;
  let lastFileSeconds = 0;
  let seconds = 0;
  let serverCpuSeconds: number | null = null;
  let clientCpuSeconds: number | null = null;
  const processStartMs = performance.now();
  client = await startClient({
    begin: () => {
      startMs = performance.now();
      meters = { server: new CpuMeter(serverPid), client: new CpuMeter(client!.pid) };
    },
    moved: (fileBytes, fileSeconds) => {
      bytes += fileBytes;
      files++;
      lastFileSeconds = fileSeconds;
      if (meters === null) return;
      seconds = (performance.now() - startMs) / 1000;
      serverCpuSeconds = meters.server.seconds();
      clientCpuSeconds = meters.client.seconds();
    },
  });
  const code = await client.ended();
  const processSeconds = (performance.now() - processStartMs) / 1000;
  if (code !== 0) throw new Error(`left with ${code}: ${(await client.errorText).trim()}`);
  // One file tells its own time exactly; of several, the time from first to last counts.
  if (files === 1) seconds = lastFileSeconds;
  return { bytes, seconds, processSeconds, serverCpuSeconds, clientCpuSeconds };
}

/** One range for each file, or as many ranges as streams when there is one file. */
function rangesOf({ files }: Load, streams: number): RangeRequest[] {
  const [only, ...others] = files;
  if (only === undefined || others.length > 0) {
    return files.map(({ name, sizeBytes }) => ({ name, offset: 0, length: sizeBytes }));
  }
  const step = Math.ceil(only.sizeBytes / streams);
  return Array.from({ length: streams }, (_, index) => ({
    name: only.name,
    offset: index * step,
    length: Math.max(0, Math.min(step, only.sizeBytes - index * step)),
  }));
}

async function ended(program: ProgramProcess, exit: Promise<number>): Promise<void> {
  const code = await exit;
  if (code !== 0) throw new Error(`server left with ${code}: ${await program.errorText}`);
}
