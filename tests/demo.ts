/**
 * `deno task demo`: a real server and a real client on this machine move a file both ways.
 *
 * Says in plain words what happens, ends by itself, and exits with 0 only when every byte arrived.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script: it explains itself to whoever started it
import { join } from "@std/path";
import { startFerryClient, startFerryServer } from "./tools/ferry_process.ts";
import { sha256File, writeRandomFile } from "./tools/sample_file.ts";

const SIZE_BYTES = 64 * 1024 * 1024;
const LIMIT_MS = 120_000;

/** One transfer to show: what the user would type, and the two files that must be equal. */
interface Step {
  readonly title: string;
  readonly command: readonly string[];
  readonly from: string;
  readonly to: string;
}

async function demonstrate(directory: string): Promise<void> {
  const served = join(directory, "server");
  const local = join(directory, "client");
  await Promise.all([Deno.mkdir(served), Deno.mkdir(local)]);
  await writeRandomFile(join(served, "voyage.bin"), SIZE_BYTES);

  const signal = AbortSignal.timeout(LIMIT_MS);
  const server = await startFerryServer(served, { signal });
  console.log(`A server listens on 127.0.0.1, UDP port ${server.port}, and serves ${served}`);

  const steps: Step[] = [
    {
      title: "A client fetches a file of 64 MiB",
      command: ["get", "voyage.bin"],
      from: join(served, "voyage.bin"),
      to: join(local, "voyage.bin"),
    },
    {
      title: "Another client sends it back under a new name",
      command: ["put", "voyage.bin", "-o", "return.bin"],
      from: join(local, "voyage.bin"),
      to: join(served, "return.bin"),
    },
  ];
  try {
    for (const step of steps) {
      console.log(`\n${step.title}: client.ts 127.0.0.1 ${server.port} ${step.command.join(" ")}`);
      await show(step, server.port, local, signal);
    }
  } catch (error) {
    await server.program.stop();
    throw error;
  }
  const code = await server.program.stop();
  if (code !== 0) {
    throw new Error(`The server left with ${code}: ${(await server.program.errorText).trim()}`);
  }
  console.log("\nThe server was asked to stop, and did.");
}

async function show(step: Step, port: number, local: string, signal: AbortSignal): Promise<void> {
  const client = await startFerryClient(port, step.command, { directory: local, signal });
  const code = await client.ended();
  const transfer = client.events.find(({ event }) => event === "transfer");
  if (code !== 0 || transfer === undefined) {
    throw new Error(`The client left with ${code}: ${(await client.errorText).trim()}`);
  }
  const seconds = Number(transfer.seconds);
  const rate = SIZE_BYTES / 1e6 / Math.max(seconds, 1e-3);
  console.log(
    `  ${SIZE_BYTES} bytes in ${seconds.toFixed(2)} s: ${rate.toFixed(0)} MB/s, encrypted`,
  );

  const [sent, received] = await Promise.all([sha256File(step.from), sha256File(step.to)]);
  if (sent !== received) throw new Error(`The files differ: ${sent} sent, ${received} received`);
  console.log(`  SHA-256 is the same on both sides: ${sent}`);
}

if (import.meta.main) {
  const directory = await Deno.makeTempDir({ prefix: "ferry-demo-" });
  try {
    await demonstrate(directory);
    console.log("Everything arrived and was verified.");
  } catch (error) {
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
