/**
 * Floods a real server with forged handshakes while a real client fetches a file from it, and says what
 * is left of the transfer. Ends by itself.
 *
 * ```sh
 * deno run -A tests/bench/flood.ts                       # 20 000 a second
 * deno run -A tests/bench/flood.ts --rate 5000 --rounds 2 --mib 100
 * ```
 * Three cases take turns: no flood; the same flood to a port where nobody reads, which costs the machine
 * as much as it costs to make and deliver it; and the flood to the server. The second is the yardstick
 * for what the server does about it.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { fromFileUrl, join } from "@std/path";
import { openLibcrypto } from "../../lib/crypto/mod.ts";
import { cpuSeconds } from "./cpu_time.ts";
import { median } from "./table.ts";
import { startFerryClient, startFerryServer } from "../tools/ferry_process.ts";
import { RawPeer } from "../hostile/raw_peer.ts";
import { HonestSide } from "../hostile/rig.ts";

/** What a flood did. */
interface FloodFigures {
  /** INITIALs that left. */
  readonly sent: number;
  /** Over this time. */
  readonly seconds: number;
  /** Bytes that left. */
  readonly sentBytes: number;
  /** Packets that came back. */
  readonly answers: number;
  /** Bytes that came back. */
  readonly answerBytes: number;
}

/** Ports that the forged packets come from. */
const SOURCE_PORTS = 64;
const CASES = ["no flood", "flood elsewhere", "flood to the server"] as const;

async function compare(): Promise<void> {
  const args = parseArgs(Deno.args, { string: ["rate", "rounds", "mib", "seconds", "max-rate"] });
  const rate = Number(args.rate ?? 20_000);
  const rounds = Number(args.rounds ?? 3);
  const seconds = Number(args.seconds ?? 10);
  const sizeBytes = Number(args.mib ?? 256) << 20;
  const folder = await Deno.makeTempDir({ prefix: "ferry-flood-" });
  const sink = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    await makeFile(join(folder, "server", "big.bin"), sizeBytes);
    await Deno.mkdir(join(folder, "client"));
    const { program, port } = await startFerryServer(join(folder, "server"), {
      args: args["max-rate"] === undefined ? [] : ["--max-rate", args["max-rate"]],
    });
    const cpuNow = () => cpuSeconds(program.pid) ?? NaN;
    const rates: Record<typeof CASES[number], number[]> = {
      "no flood": [],
      "flood elsewhere": [],
      "flood to the server": [],
    };
    for (let round = 0; round < rounds; round++) {
      for (const name of CASES) {
        const target = name === "flood to the server" ? port : (sink.addr as Deno.NetAddr).port;
        const client = new SteadyClient(port, join(folder, "client"));
        await client.connected;
        const flood = name === "no flood" ? null : startGenerator(target, rate, seconds);
        await client.start();
        await pause(1500);
        const startMs = performance.now();
        const before = client.bytes;
        const cpuBefore = cpuNow();
        await pause((seconds - 3) * 1000);
        const goodput = (client.bytes - before) * 1000 / (performance.now() - startMs);
        const cpuShare = (cpuNow() - cpuBefore) * 1000 / (performance.now() - startMs);
        const connectSeconds = await connectTime(port, join(folder, "client"));
        rates[name].push(goodput);
        const figures = flood === null ? null : await flood;
        await client.stop();
        report(
          `${name}: ${(goodput / 1e6).toFixed(0)} MB/s${describe(figures)}, ` +
            `the server uses ${percent(cpuShare)} of a core, a new client within ${
              connectSeconds.toFixed(1)
            } s`,
        );
        if (figures !== null && figures.answerBytes > 3 * figures.sentBytes) {
          throw new Error("The server sent more than three times what it got");
        }
      }
    }
    report(`without a flood ${mega(rates["no flood"])}`);
    const elsewhere = median(rates["flood elsewhere"]);
    const here = median(rates["flood to the server"]);
    report(
      `of the transfer, ${percent(here / median(rates["no flood"]))} are left under the flood`,
    );
    report(`against a flood that nobody reads, ${percent(here / elsewhere)}`);
    report(`the server's exit code is ${await program.stop()}`);
  } finally {
    sink.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A client that fetches the file again and again over one connection. */
class SteadyClient {
  readonly #child: Deno.ChildProcess;
  readonly #connected = Promise.withResolvers<void>();
  readonly #read: Promise<void>;
  /** Bytes fetched, and how long that took. */
  #bytes = 0;
  #lastBytes = 0;

  constructor(port: number, directory: string) {
    const program = fromFileUrl(new URL("../../client.ts", import.meta.url));
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--allow-all", program],
        ...["--json", "--exists", "overwrite", "--dir", directory, "127.0.0.1", String(port)],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#read = this.#readEvents();
  }

  /** Resolves once it is connected. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Bytes that have arrived so far. */
  get bytes(): number {
    return this.#bytes + this.#lastBytes;
  }

  /** Starts to fetch. */
  async start(): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("get big.bin\n".repeat(1000)));
    writer.releaseLock();
  }

  /** Ends the program. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.stdin.close().catch(() => {});
    await this.#read;
    await this.#child.status;
  }

  async #readEvents(): Promise<void> {
    let pending = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (pending + text).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) {
        const { event, bytes } = JSON.parse(line) as { event: string; bytes?: number };
        if (event === "connected") this.#connected.resolve();
        if (event === "progress") this.#lastBytes = bytes ?? 0;
        if (event === "transfer") {
          this.#bytes += bytes ?? 0;
          this.#lastBytes = 0;
        }
      }
    }
  }
}

/** How long it takes until a new client is connected, seconds; Infinity when it gives up. */
async function connectTime(port: number, directory: string): Promise<number> {
  const startMs = performance.now();
  const client = await startFerryClient(port, ["pwd"], { directory });
  const code = await client.ended();
  return code === 0 ? (performance.now() - startMs) / 1000 : Infinity;
}

async function startGenerator(port: number, rate: number, seconds: number): Promise<FloodFigures> {
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--allow-all", fromFileUrl(import.meta.url)],
      ...["generate", String(port), String(rate), String(seconds)],
    ],
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as FloodFigures;
}

/** Sends forged INITIALs at a rate, for a time, and counts what comes back. */
async function generate(port: number, rate: number, seconds: number): Promise<void> {
  openLibcrypto();
  const initial = new RawPeer(new HonestSide("server"), "client").initial().initial;
  const target: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  let answers = 0;
  let answerBytes = 0;
  const sockets = Array.from(
    { length: SOURCE_PORTS },
    () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  );
  const listeners = sockets.map(async (socket) => {
    try {
      for (;;) {
        const [bytes] = await socket.receive();
        answers++;
        answerBytes += bytes.length;
      }
    } catch {
      // Closed: the flood is over.
    }
  });
  const startMs = performance.now();
  let sent = 0;
  for (;;) {
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs >= seconds * 1000) break;
    const due = Math.floor(elapsedMs * rate / 1000) - sent;
    // After a stall the flood goes on at its rate: what was missed is not made up for.
    const count = Math.min(due, 256);
    const sends: Promise<number>[] = [];
    for (let i = 0; i < count; i++) {
      initial[13] = sent >>> 16;
      initial[14] = sent >>> 8;
      initial[15] = sent;
      sends.push(sockets[sent++ % SOURCE_PORTS]!.send(initial, target));
    }
    await Promise.all(sends);
    if (count < 64) await pause(2);
  }
  const took = (performance.now() - startMs) / 1000;
  await pause(200);
  for (const socket of sockets) socket.close();
  await Promise.all(listeners);
  const figures: FloodFigures = {
    sent,
    seconds: took,
    sentBytes: sent * initial.length,
    answers,
    answerBytes,
  };
  report(JSON.stringify(figures));
}

async function makeFile(path: string, sizeBytes: number): Promise<void> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  using file = await Deno.open(path, { create: true, write: true });
  const block = new Uint8Array(1 << 20);
  for (let at = 0; at < sizeBytes; at += block.length) {
    block[0] = at >>> 20;
    await file.write(block);
  }
}

function describe(figures: FloodFigures | null): string {
  if (figures === null) return "";
  const { sent, seconds, sentBytes, answers, answerBytes } = figures;
  return `, ${Math.round(sent / seconds)} forged a second, ${answers} answers in ${answerBytes} ` +
    `bytes (${percent(answerBytes / sentBytes)} of what was sent)`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

function mega(values: readonly number[]): string {
  return `${(median(values) / 1e6).toFixed(0)} MB/s`;
}

function report(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const [mode, ...rest] = Deno.args;
  if (mode === "generate") await generate(Number(rest[0]), Number(rest[1]), Number(rest[2]));
  else await compare();
}
