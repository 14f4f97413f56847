/** The real server: what it prints, what it refuses, and how it stops. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { patternBytes, read, Stage } from "./support.ts";

Deno.test("server: prints what it is, where it listens, what it serves and how to reach it", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "12345");
  const server = stage.start("server.ts", ["0", "--root", stage.serverFiles]);
  const port = /port (\d+)/.exec(await server.outLine(/^Listening on 0\.0\.0\.0 port/))![1];
  await server.outLine(/^Folder .*server_files: 1 file, 5 B$/);
  await server.outLine(/^Key SHA256:[A-Za-z0-9+/]{43}$/);
  await server.outLine(new RegExp(`client\\.ts 127\\.0\\.0\\.1 ${port}$`));
  await server.outLine(new RegExp(`client\\.ts \\S+ ${port}$`));
  assertMatch(server.stdout, /^Ferry \d+\.\d+\.\d+\n/);
  server.signal("SIGINT");
  assertEquals(await server.ended(), 0);
});

Deno.test("server: makes the folder it serves; --help and --version answer and leave", async () => {
  await using stage = await Stage.set();
  const root = `${stage.serverFiles}/not/yet`;
  const server = stage.start("server.ts", ["127.0.0.1", "0", "--root", root, "--json"]);
  const listening = await server.event("listening");
  assertEquals(listening.root, root);
  assertEquals(typeof listening.fingerprint, "string");
  assert((await Deno.stat(root)).isDirectory);
  for (const script of ["server.ts", "client.ts"]) {
    const help = stage.start(script, ["--help"]);
    assertEquals(await help.ended(), 0);
    assertStringIncludes(help.stdout, `deno run -A ${script} [HOST] [PORT] [DEBUG]`);
    const version = stage.start(script, ["--version"]);
    assertEquals(await version.ended(), 0);
    assertMatch(version.stdout, /^Ferry \d+\.\d+\.\d+\n$/);
  }
});

Deno.test("server: says why it cannot start", async () => {
  await using stage = await Stage.set();
  await stage.startServer();
  const cases: [string[], number, RegExp][] = [
    [
      ["127.0.0.1", String(stage.port)],
      1,
      /port .*another program is using it; give another port, or 0 for/,
    ],
    [["127.0.0.1", "70000"], 2, /^Port must be 0 to 65535, not "70000"\n$/],
    [["127.0.0.1", "0", "0", "more"], 2, /^Unexpected "more"/],
    [["--nonsense"], 2, /^Unknown option --nonsense/],
    [["0", "--congestion", "nope"], 2, /^No congestion controller "nope"/],
    [["0", "--root", "/dev/null/x"], 3, /./],
    [
      ["0", "--root", join(stage.folder, "none"), "--read-only"],
      3,
      /^No such folder here: .*none\/\n$/,
    ],
    [["203.0.113.7", "0"], 1, /address/i],
  ];
  for (const [args, code, message] of cases) {
    const folder = args.includes("--root") ? [] : ["--root", stage.serverFiles];
    const program = stage.start("server.ts", [...args, ...folder]);
    assertEquals([args, await program.ended()], [args, code], program.stderr);
    assertMatch(program.stderr, message);
  }
});

Deno.test("server: with --json it says as an object too why it cannot start", async () => {
  await using stage = await Stage.set();
  await stage.startServer();
  const cases: [string[], string, number][] = [
    [["127.0.0.1", String(stage.port), "--root", stage.serverFiles], "address-in-use", 1],
    [["--nonsense"], "usage", 2],
    [["0", "--root", "/dev/null/x"], "not-a-directory", 3],
  ];
  for (const [args, code, exitCode] of cases) {
    const program = stage.start("server.ts", ["--json", ...args]);
    assertEquals(await program.ended(), exitCode);
    const [error, end, ...rest] = program.events();
    const message = program.stderr.trimEnd();
    assertEquals(error, { event: "error", code, exitCode, message });
    assertEquals([end, rest], [{ event: "end", exitCode }, []]);
  }
});

Deno.test("server: --read-only lets read and refuses every change", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.write(stage.serverFiles, "d/b.txt", "b");
  await stage.write(stage.clientFiles, "c.txt", "c");
  await stage.startServer(["--read-only"]);
  assertEquals((await stage.run(["get", "a.txt"])).code, 0);
  const changes = [
    ["put", "c.txt"],
    ["rename", "a.txt", "z.txt"],
    ["mkdir", "new"],
    ["rm", "a.txt"],
    ["rm", "-r", "d"],
    ["rmdir", "d"],
  ];
  for (const change of changes) {
    const result = await stage.run(change);
    assertEquals([change, result.code], [change, 4], result.stderr);
    assertMatch(result.stderr, /^The server is read-only: /m);
  }
  const list = await stage.run(["list"]);
  assertEquals(list.stdout.split("\n").map((line) => line.split(/\s/)[0]), ["d/", "a.txt", ""]);
});

Deno.test("server: SIGTERM lets a running transfer finish and turns new clients away", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(40_000_000, 11);
  await stage.write(stage.serverFiles, "large.bin", content);
  const server = await stage.startServer(["--max-rate", "8MB"]);
  const client = stage.startClient(["--json", "get", "large.bin"]);
  await client.event("progress");
  server.signal("SIGTERM");
  await server.event("draining");
  for (const command of [["list"], ["get", "large.bin", "-o", "again.bin"]]) {
    const refused = await stage.run(command);
    assertEquals([refused.code, refused.stderr], [5, "The server is stopping\n"]);
  }
  const capped = await stage.run(["list"], ["--max-rate", "1MB"]);
  assertEquals([capped.code, capped.stderr], [5, "The server is stopping\n"]);
  const env = { ...stage.homeOf("guest"), FERRY_CODE: "K7QF-9X2M" };
  const guest = stage.startClient(["list"], { env });
  assertEquals(await guest.ended(), 5);
  assertMatch(guest.stderr, /^The server at .* is stopping\n$/);
  assertEquals(await client.ended(), 0, client.stderr);
  assertEquals(await server.ended(), 0);
  assertEquals(await read(stage.clientFiles, "large.bin"), content);
});

Deno.test("server: a client that is stopped does not keep it from stopping", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "large.bin", patternBytes(60_000_000, 12));
  const server = await stage.startServer();
  const client = stage.startClient(["--json", "--max-rate", "4MB", "put", "large.bin"]);
  await client.event("progress");
  client.signal("SIGSTOP");
  server.signal("SIGTERM");
  assertEquals(await server.ended(), 0);
  client.signal("SIGKILL");
  await client.ended();
});

Deno.test("server: a second signal leaves at once", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "large.bin", patternBytes(60_000_000, 12));
  const server = await stage.startServer(["--max-rate", "2MB"]);
  const client = stage.startClient(["--json", "--timeout", "1", "get", "large.bin"]);
  await client.event("progress");
  server.signal("SIGINT");
  await server.event("draining");
  server.signal("SIGINT");
  assertEquals(await server.ended(), 130);
  assertEquals(await client.ended(), 6);
});

Deno.test("server: shutdown stops it with others connected; exit does so only when alone", async () => {
  await using stage = await Stage.set();
  const server = await stage.startServer();
  const other = stage.startClient(["--json"]);
  await other.event("connected");
  const exit = await stage.run(["exit"]);
  assertEquals(exit.code, 0);
  assertMatch(exit.stderr, /^The server keeps running: another client is connected\.$/m);
  const shutdown = await stage.run(["shutdown"]);
  assertEquals(shutdown.code, 0);
  assertMatch(shutdown.stderr, /^The server is stopping/m);
  assertEquals(await server.ended(), 0);
  await other.endInput();
  assertEquals(await other.ended(), 0);

  const next = await stage.startServer();
  assertEquals((await stage.run(["bye"])).code, 0);
  const alone = await stage.run(["exit"]);
  assertMatch(alone.stderr, /^The server stops too\.$/m);
  assertEquals(await next.ended(), 0);
});

Deno.test("server: an IPv6 address, both congestion controllers, no native code", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", patternBytes(100_000, 13));
  // The owner needs no code; one that is given does no harm.
  const codeFile = `${stage.clientFiles}/code`;
  await Deno.writeTextFile(codeFile, "K7QF-9X2M\n");
  const args = ["--root", stage.serverFiles, "--json", "--no-ffi", "--congestion", "new_reno"];
  const server = stage.start("server.ts", ["::1", "0", ...args]);
  const { port, host } = await server.event("listening");
  assertEquals(host, "::1");
  for (const name of ["::1", "[::1]"]) {
    const client = stage.start("client.ts", [
      ...[name, String(port), "--dir", stage.clientFiles, "--no-ffi", "--congestion", "cubic"],
      ...["--code-file", codeFile, "--json", "get", "a.txt"],
    ]);
    await client.endInput();
    assertEquals(await client.ended(), 0, client.stderr);
    assertEquals(client.events("connected")[0]?.accelerators, []);
  }
  assertEquals(await read(stage.clientFiles, "a.txt"), patternBytes(100_000, 13));
});
