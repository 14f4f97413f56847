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

if (import.meta.main) {
  const [mode, ...rest] = Deno.args;
  if (mode === "generate") await generate(Number(rest[0]), Number(rest[1]), Number(rest[2]));
  else await compare();
}

async function compare(): Promise<void> {
  const args = parseArgs(Deno.args, { string: ["rate", "rounds", "mib", "seconds"] });
  const rate = Number(args.rate ?? 20_000);
  const rounds = Number(args.rounds ?? 3);
  const seconds = Number(args.seconds ?? 10);
  const sizeBytes = Number(args.mib ?? 256) << 20;
  const folder = await Deno.makeTempDir({ prefix: "ferry-flood-" });
  const sink = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    await makeFile(join(folder, "server", "big.bin"), sizeBytes);
    await Deno.mkdir(join(folder, "client"));
    const { program, port } = await startFerryServer(join(folder, "server"));
    const rates: Record<typeof CASES[number], number[]> = {
      "no flood": [],
      "flood elsewhere": [],
      "flood to the server": [],
    };
    for (let round = 0; round < rounds; round++) {
      for (const name of CASES) {
        const target = name === "flood to the server" ? port : (sink.addr as Deno.NetAddr).port;
        const flood = name === "no flood" ? null : startGenerator(target, rate, seconds);
        if (flood !== null) await new Promise((resolve) => setTimeout(resolve, 700));
        const goodput = await fetchRepeatedly(port, join(folder, "client"), seconds - 2);
        rates[name].push(goodput);
        const figures = flood === null ? null : await flood;
        report(`${name}: ${(goodput / 1e6).toFixed(0)} MB/s${describe(figures)}`);
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

/** Fetches the file again and again; returns the mean goodput of what was fetched, bytes per second. */
async function fetchRepeatedly(port: number, directory: string, seconds: number): Promise<number> {
  const endAtMs = performance.now() + seconds * 1000;
  let bytes = 0;
  let transferSeconds = 0;
  while (performance.now() < endAtMs) {
    const client = await startFerryClient(port, ["get", "big.bin"], {
      directory,
      args: ["--exists", "overwrite"],
    });
    const code = await client.ended();
    const done = client.events.find(({ event }) => event === "transfer");
    if (code !== 0) throw new Error(`The client ended with ${code}: ${await client.errorText}`);
    bytes += Number(done?.bytes ?? 0);
    transferSeconds += Number(done?.seconds ?? 0);
  }
  return bytes / transferSeconds;
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
    if (count < 64) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const took = (performance.now() - startMs) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 200));
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
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
