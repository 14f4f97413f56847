/**
 * What is measured: Ferry with and without native help, and the yardsticks beside it.
 *
 * All run the same way: a server process, and a client process of its own for each fetch.
 *
 * @module
 */
import {
  type ProcessOptions,
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
          const recursive = load.files.length > 1 ? ["-r"] : [];
          return measure(
            server.program.pid,
            (onEvent) =>
              startFerryClient(server.port, ["get", ...recursive, load.name], {
                host,
                directory,
                args,
                prefix: clientPrefix,
                signal,
                onEvent,
              }),
          );
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
          measure(server.pid, async (onEvent) => {
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
              { prefix: clientPrefix, signal, onEvent },
            );
            await client.closeInput();
            return client;
          }),
        stop: () => server.closeInput().then(() => ended(server, server.ended())),
      };
    },
  };
}

type OnEvent = (event: { readonly event: string }) => void;

/** Runs a client; processor time counts from "connected" to the last "transfer". */
async function measure(
  serverPid: number,
  startClient: (onEvent: OnEvent) => Promise<ProgramProcess>,
): Promise<Fetched> {
  let client: ProgramProcess | null = null;
  let meters: { server: CpuMeter; client: CpuMeter } | null = null;
  let startMs = 0;
  let seconds = 0;
  let serverCpuSeconds: number | null = null;
  let clientCpuSeconds: number | null = null;
  const processStartMs = performance.now();
  const begin = () => {
    startMs = performance.now();
    meters = { server: new CpuMeter(serverPid), client: new CpuMeter(client!.pid) };
  };
  client = await startClient(({ event }) => {
    if (event === "connected") begin();
    if (event !== "transfer" || meters === null) return;
    seconds = (performance.now() - startMs) / 1000;
    serverCpuSeconds = meters.server.seconds();
    clientCpuSeconds = meters.client.seconds();
  });
  const code = await client.ended();
  const processSeconds = (performance.now() - processStartMs) / 1000;
  if (code !== 0) throw new Error(`left with ${code}: ${(await client.errorText).trim()}`);

  const transfers = client.events.filter(({ event, ok }) => event === "transfer" && ok === true);
  const bytes = transfers.reduce((sum, transfer) => sum + Number(transfer.bytes), 0);
  // One file tells its own time exactly; of several, the time from first to last counts.
  if (transfers.length === 1) seconds = Number(transfers[0]!.seconds);
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
