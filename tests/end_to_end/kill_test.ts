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
