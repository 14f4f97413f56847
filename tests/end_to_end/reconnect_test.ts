/** What the client does when the server goes away and comes back. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { patternBytes, reached, read, sha256, Stage } from "./support.ts";

Deno.test("client: a server started again in the middle of a get: the same command goes on and finishes", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(40_000_000, 21);
  await stage.write(stage.serverFiles, "large.bin", content);
  const first = await stage.startServer(["--max-rate", "10MB"]);
  const client = stage.startClient(["--json", "--timeout", "30", "get", "large.bin"]);
  await reached(client, 8_000_000);
  first.signal("SIGKILL");
  await first.ended();
  await stage.startServer([], stage.port);
  assertEquals(await client.ended(), 0, client.stderr);
  assertMatch(client.stderr, /Trying again…/);
  assertMatch(client.stderr, /^Connected again\.$/m);
  const [transfer] = client.events("transfer");
  assert(Number(transfer?.resumedFrom) > 0, "what had arrived was not sent again");
  assertEquals(transfer?.sha256, await sha256(content));
  assertEquals(await read(stage.clientFiles, "large.bin"), content);
});

Deno.test("client: a server started again in the middle of a put: the same command goes on and finishes", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(40_000_000, 22);
  await stage.write(stage.clientFiles, "large.bin", content);
  const first = await stage.startServer();
  const args = ["--json", "--timeout", "30", "--max-rate", "10MB", "put", "large.bin"];
  const client = stage.startClient(args);
  await reached(client, 8_000_000);
  first.signal("SIGKILL");
  await first.ended();
  await stage.startServer([], stage.port);
  assertEquals(await client.ended(), 0, client.stderr);
  const [transfer] = client.events("transfer");
  assert(Number(transfer?.resumedFrom) > 0, "what had arrived was not sent again");
  assertEquals(await read(stage.serverFiles, "large.bin"), content);
});

Deno.test("client: one command gives a silent server --timeout seconds, keeps the part and leaves with 6", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "large.bin", patternBytes(40_000_000, 23));
  const server = await stage.startServer(["--max-rate", "10MB"]);
  const client = stage.startClient(["--json", "--timeout", "2", "get", "large.bin"]);
  await reached(client, 4_000_000);
  server.signal("SIGSTOP");
  try {
    assertEquals(await client.ended(), 6, client.stderr);
    assertMatch(client.stderr, /lost and not back within 2 s; what arrived is kept$/m);
  } finally {
    server.signal("SIGCONT");
  }
  const again = await stage.run(["get", "large.bin"], ["--json"]);
  assertEquals(again.code, 0, again.stderr);
  assert(Number(again.client.events("transfer")[0]?.resumedFrom) > 0);
});

// The second client has the patience for a dark network, two minutes; the test only sees that both leave.
for (const [name, limits] of [["--timeout 2", ["--timeout", "2"]], ["no --timeout", []]] as const) {
  Deno.test(`client: a server that was killed ends one command with 6, and the part is kept (${name})`, async () => {
    await using stage = await Stage.set();
    await stage.write(stage.serverFiles, "large.bin", patternBytes(40_000_000, 25));
    const server = await stage.startServer(["--max-rate", "10MB"]);
    const client = stage.startClient(["--json", ...limits, "get", "large.bin"]);
    await reached(client, 4_000_000);
    server.signal("SIGKILL");
    await server.ended();
    assertEquals(await client.ended(), 6, client.stderr);
    const seconds = limits[1] ?? 10;
    const [failure] = client.events("error");
    assertMatch(
      String(failure?.message),
      new RegExp(`lost and not back within ${seconds} s; what arrived is kept$`),
    );
    await stage.startServer();
    const again = await stage.run(["get", "large.bin"], ["--json"]);
    assertEquals(again.code, 0, again.stderr);
    assert(Number(again.client.events("transfer")[0]?.resumedFrom) > 0, "the part was lost");
  });
}

Deno.test("client: a server that only paused goes on where it was", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(20_000_000, 24);
  await stage.write(stage.serverFiles, "large.bin", content);
  const server = await stage.startServer(["--max-rate", "10MB"]);
  const client = stage.startClient(["--json", "--timeout", "30", "get", "large.bin"]);
  await reached(client, 4_000_000);
  server.signal("SIGSTOP");
  await client.errorLine(/^No answer from 127\.0\.0\.1 port \d+ any more\. Trying again…$/);
  server.signal("SIGCONT");
  assertEquals(await client.ended(), 0, client.stderr);
  assertEquals(await read(stage.clientFiles, "large.bin"), content);
});
