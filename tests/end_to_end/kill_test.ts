/** A few rounds of what `deno task soak` does for long, and what one killed client means to the next. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { playKillRounds } from "../soak/kill_rounds.ts";
import { patternBytes, read, Stage } from "./support.ts";

Deno.test("get and put survive that client or server is killed, and leave nothing behind", async () => {
  const options = { rounds: 4, sizeBytes: 20_000_000, seed: 4, killsPerRound: 2 };
  const reports = await playKillRounds(options);
  assertEquals(reports.length, 4);
});

Deno.test("put goes on at once where a killed client stopped", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(30_000_000, 31);
  await stage.write(stage.clientFiles, "large.bin", content);
  await stage.startServer();
  const killed = stage.startClient(["--json", "--max-rate", "10MB", "put", "large.bin"]);
  while (Number((await killed.event("progress")).bytes) < 10_000_000);
  killed.signal("SIGKILL");
  await killed.ended();
  const again = await stage.run(["put", "large.bin"], ["--json"]);
  assertEquals(again.code, 0, again.stderr);
  assert(Number(again.client.events("transfer")[0]?.resumedFrom) > 0, "it was all sent again");
  assertEquals(await read(stage.serverFiles, "large.bin"), content);
});

Deno.test("put to a file that another live client is sending is refused as busy", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "large.bin", patternBytes(30_000_000, 32));
  await stage.write(stage.clientFiles, "other.bin", patternBytes(2_000_000, 33));
  await stage.startServer();
  const first = stage.startClient(["--json", "--max-rate", "10MB", "put", "large.bin"]);
  while (Number((await first.event("progress")).bytes) < 2_000_000);
  const second = await stage.run(["put", "other.bin", "-o", "large.bin"]);
  assertEquals(second.code, 1, second.stderr);
  assertStringIncludes(second.stderr, "In use on the server by another transfer");
  assertEquals(await first.ended(), 0, first.stderr);
});

/** Enough small files that a kill comes in the middle. */
const SMALL_FILES = 2000;

async function writeTree(stage: Stage, folder: string): Promise<void> {
  for (let index = 0; index < SMALL_FILES; index++) {
    await stage.write(folder, treeName(index), patternBytes(4000, index + 1));
  }
}

function treeName(index: number): string {
  return `tree/d${index % 10}/f${index}`;
}

async function assertTree(folder: string): Promise<void> {
  for (let index = 0; index < SMALL_FILES; index++) {
    assertEquals(await read(folder, treeName(index)), patternBytes(4000, index + 1));
  }
}

Deno.test("put -r of many small files goes on after its client was killed, and no file is torn", async () => {
  await using stage = await Stage.set();
  await writeTree(stage, stage.clientFiles);
  await stage.startServer();
  const killed = stage.startClient(["--json", "put", "-r", "tree"]);
  for (let count = 0; count < 300; count++) await killed.event("transfer");
  killed.signal("SIGKILL");
  await killed.ended();
  const again = await stage.run(["put", "-r", "tree"], ["--json", "--exists", "skip"]);
  assertEquals(again.code, 0, again.stderr);
  const { skipped } = again.client.events("batch")[0] ?? {};
  assert(Number(skipped) >= 300, "what had been told as done was there");
  await assertTree(stage.serverFiles);
});

Deno.test("get -r of many small files goes on by itself when the server is started again", async () => {
  await using stage = await Stage.set();
  await writeTree(stage, stage.serverFiles);
  const first = await stage.startServer();
  const client = stage.startClient(["--json", "--timeout", "30", "get", "-r", "tree"]);
  for (let count = 0; count < 300; count++) await client.event("transfer");
  first.signal("SIGKILL");
  await first.ended();
  await stage.startServer([], stage.port);
  assertEquals(await client.ended(), 0, client.stderr);
  assertEquals(client.events("transfer").length, SMALL_FILES);
  await assertTree(stage.clientFiles);
});
