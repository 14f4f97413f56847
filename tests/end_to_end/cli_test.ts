/** Arguments, output, exit codes and scripts of the real client. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { patternBytes, read, Stage } from "./support.ts";

Deno.test("client: one command prints its answer on stdout and nothing else, and leaves with 0", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "b.txt", "bb");
  await stage.write(stage.serverFiles, "a folder/inner.txt", "i");
  await stage.startServer();

  const list = await stage.run(["list"]);
  assertEquals(list.code, 0);
  assertEquals(list.stderr, "");
  const [folder, file, ...rest] = list.stdout.trimEnd().split("\n");
  assertMatch(folder!, /^a folder\/\s+-\s+\d{4}-\d\d-\d\d \d\d:\d\d$/);
  assertMatch(file!, /^b\.txt\s+2\s+\d{4}-\d\d-\d\d \d\d:\d\d$/);
  assertEquals(rest, []);

  const hash = await stage.run(["hash", "b.txt"], ["--quiet"]);
  assertEquals(
    hash.stdout,
    "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf  b.txt\n",
  );
  const quiet = await stage.run(["get", "b.txt"], ["--quiet"]);
  assertEquals([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
});

Deno.test("client: each kind of failure has its exit code and its sentence", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.write(stage.clientFiles, "a.txt", "mine");
  await stage.startServer();
  const cases: [string[], string[], number, RegExp][] = [
    [["frobnicate"], [], 2, /^Unknown command: frobnicate\.\nCommands: list get put /],
    [["lsit"], [], 2, /^Unknown command: lsit\. Did you mean list/],
    [["get"], [], 2, /^get: something is missing\. Usage: get REMOTE…/],
    [["get", "-x", "a.txt"], [], 2, /^get: unknown option -x\./],
    [["list"], ["--frobnicate"], 2, /^Unknown option --frobnicate\. See --help\n$/],
    [["list"], ["--exists", "perhaps"], 2, /^--exists takes overwrite, skip, rename or fail/],
    [["list"], ["--max-rate", "much"], 2, /^Not a rate: "much"/],
    [["list"], ["--timeout", "0"], 2, /^--timeout takes seconds/],
    [["list"], ["--congestion", "../evil"], 2, /^Not a name of a congestion controller/],
    [
      ["list"],
      ["--congestion", "nope"],
      2,
      /^No congestion controller "nope"\. There are: .*cubic/,
    ],
    [["get", "b.txt"], [], 3, /^No such file on the server: b\.txt\n$/],
    [["get", "*.pdf"], [], 3, /^No such file on the server: \*\.pdf\n$/],
    [["put", "c.txt"], [], 3, /^No such file here: c\.txt\n$/],
    [["cd", "nowhere"], [], 3, /^No such folder on the server: nowhere\n$/],
    [["get", "../a.txt"], [], 4, /^Outside the served folder: \.\.\/a\.txt\n$/],
    [["get", "a.txt"], ["--exists", "fail"], 9, /^It exists here: a\.txt\n$/],
    [["put", "a.txt"], ["--exists", "fail"], 9, /It exists on the server: a\.txt\n$/],
    [["get", "a.txt", "b.txt"], [], 11, /1 of 2 failed: b\.txt\n$/],
  ];
  for (const [command, args, code, message] of cases) {
    const result = await stage.run(command, args);
    assertEquals([command, result.code], [command, code], result.stderr);
    assertMatch(result.stderr, message);
  }
});

Deno.test("client: without a server it says so after --timeout, and put of a missing file needs none", async () => {
  await using stage = await Stage.set();
  const server = await stage.startServer();
  server.signal("SIGKILL");
  await server.ended();
  const list = await stage.run(["list"], ["--timeout", "0.5", "--json"]);
  assertEquals(list.code, 5);
  assertMatch(list.stderr, /^Cannot reach 127\.0\.0\.1 port \d+: no answer within 0\.5 s\./);
  const [error] = list.client.events("error");
  assertEquals(
    [error?.command, error?.code, error?.exitCode],
    ["list", "unreachable", 5],
  );
  const put = await stage.run(["put", "c.txt"], ["--timeout", "30"]);
  assertEquals([put.code, put.stderr], [3, "No such file here: c.txt\n"]);
  const host = await stage.start("client.ts", ["no.such.host.invalid", "5555", "list"]).ended();
  assertEquals(host, 5);
  const help = await stage.run(["help", "get"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.stdout, "get REMOTE… [-o LOCAL] [-r]");
});

Deno.test("client: --json prints objects only, as documented, and ends with the exit code", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "12345");
  await stage.write(stage.serverFiles, "d/x.txt", "x");
  const server = await stage.startServer();
  const result = await stage.script(
    ["list", "get a.txt", "put a.txt -o copy.txt", "get b.txt", "list"],
    ["--json"],
  );
  assertEquals(result.code, 3);
  const events = result.client.events();
  assertEquals(events.length, result.stdout.trimEnd().split("\n").length, "only objects");
  assertEquals(
    events.map(({ event }) => event).filter((name) => name !== "progress"),
    ["connected", "entry", "entry", "transfer", "transfer", "error", "end"],
  );
  const [connected] = result.client.events("connected");
  assertEquals([connected?.host, connected?.port], ["127.0.0.1", stage.port]);
  assertEquals(connected?.role, "owner");
  assertEquals(typeof connected?.rttMs, "number");
  assert(Array.isArray(connected?.accelerators));
  const [folder, file] = result.client.events("entry");
  assertEquals([folder?.name, folder?.kind], ["d", "directory"]);
  assertEquals([file?.name, file?.kind, file?.bytes], ["a.txt", "file", 5]);
  assertMatch(String(file?.modified), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const [get, put] = result.client.events("transfer");
  const sha256 = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5";
  const { seconds, ...fields } = get!;
  assertEquals(typeof seconds, "number");
  assertEquals(fields, {
    event: "transfer",
    command: "get",
    name: "a.txt",
    bytes: 5,
    resumedFrom: 0,
    sha256,
    ok: true,
  });
  assertEquals([put?.command, put?.name, put?.sha256], ["put", "a.txt", sha256]);
  const [error] = result.client.events("error");
  assertEquals(error, {
    event: "error",
    command: "get",
    code: "not-found",
    exitCode: 3,
    message: "No such file on the server: b.txt",
  });
  assertEquals(events.at(-1), { event: "end", exitCode: 3 });

  const sent = await server.event("transfer");
  const { seconds: serverSeconds, peer, ...sentFields } = sent;
  assertEquals(typeof serverSeconds, "number");
  assertMatch(String(peer), /^127\.0\.0\.1:\d+$/);
  assertEquals(sentFields, {
    event: "transfer",
    direction: "send",
    name: "a.txt",
    bytes: 5,
    ok: true,
  });
});

Deno.test("client: a script ends at its first failure; a leading dash and comments do what sftp does", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.write(stage.serverFiles, "name with spaces.txt", "n");
  await stage.startServer();
  const good = await stage.script([
    "# a comment",
    "",
    "-get missing.txt",
    "  LS   # what is there",
    'Get "name with spaces.txt" -o with\\ backslash.txt',
    "mkdir 'new folder'",
    "-rm missing.txt",
    "bye",
    "get never.txt",
  ]);
  assertEquals(good.code, 0, good.stderr);
  assertEquals(
    new TextDecoder().decode(await read(stage.clientFiles, "with backslash.txt")),
    "n",
  );
  assert((await Deno.stat(`${stage.serverFiles}/new folder`)).isDirectory);
  const bad = await stage.script(["list", "get missing.txt", "rm a.txt"]);
  assertEquals(bad.code, 3);
  assertEquals(await read(stage.serverFiles, "a.txt"), new TextEncoder().encode("a"));
});

Deno.test("client: patterns and folders go both ways, with one summary line", async () => {
  await using stage = await Stage.set();
  for (const name of ["one.txt", "two.txt", "three.bin", "deep/er/four.txt"]) {
    await stage.write(stage.serverFiles, `tree/${name}`, patternBytes(1000 + name.length, 9));
  }
  await Deno.mkdir(`${stage.serverFiles}/tree/empty`);
  await stage.startServer();

  const some = await stage.run(["get", "tree/*.txt", "-o", "texts/"]);
  assertEquals(some.code, 0, some.stderr);
  assertMatch(some.stdout, /^2 files, 2\.01 kB in .* s \(.*\), 0 skipped, 0 failed$/m);
  assertEquals(await names(`${stage.clientFiles}/texts`), ["one.txt", "two.txt"]);

  const all = await stage.run(["get", "-r", "tree"]);
  assertEquals(all.code, 0, all.stderr);
  assertMatch(all.stdout, /^4 files, .* in .* s \(.*\), 0 skipped, 0 failed$/m);
  assertEquals(await names(`${stage.clientFiles}/tree`), [
    "deep",
    "empty",
    "one.txt",
    "three.bin",
    "two.txt",
  ]);
  assertEquals(
    await read(stage.clientFiles, "tree/deep/er/four.txt"),
    await read(stage.serverFiles, "tree/deep/er/four.txt"),
  );

  const up = await stage.run(["put", "-r", "tree", "-o", "copy"]);
  assertEquals(up.code, 0, up.stderr);
  assertMatch(up.stdout, /^4 files, .* in .* s \(.*\), 0 skipped, 0 failed$/m);
  assertEquals(await names(`${stage.serverFiles}/copy`), await names(`${stage.clientFiles}/tree`));
  const texts = await stage.run(["mput", "texts/*.txt"]);
  assertEquals(texts.code, 0, texts.stderr);
  assertEquals(await names(stage.serverFiles), ["copy", "one.txt", "tree", "two.txt"]);

  const folder = await stage.run(["get", "tree"]);
  assertEquals(folder.code, 2);
  assertMatch(folder.stderr, /tree.*get -r/);
  const removed = await stage.run(["rm", "-r", "copy", "*.txt"]);
  assertEquals(removed.code, 0, removed.stderr);
  assertEquals(await names(stage.serverFiles), ["tree"]);
});

Deno.test("client: --exists decides about targets that are there", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "new");
  await stage.write(stage.clientFiles, "a.txt", "old");
  await stage.startServer();
  const skipped = await stage.run(["get", "a.txt"], ["--exists", "skip"]);
  assertEquals([skipped.code, skipped.stdout], [0, "a.txt: skipped, it exists\n"]);
  const renamed = await stage.run(["get", "a.txt"], ["--exists=rename"]);
  assertEquals(renamed.code, 0);
  assertMatch(renamed.stdout, /^a\.txt: 3 bytes .*, verified, saved as a \(1\)\.txt$/m);
  assertEquals(new TextDecoder().decode(await read(stage.clientFiles, "a.txt")), "old");
  const replaced = await stage.run(["get", "a.txt"]);
  assertEquals(replaced.code, 0);
  assertEquals(new TextDecoder().decode(await read(stage.clientFiles, "a.txt")), "new");
  const refused = await stage.script(["put a.txt -o b.txt", "rename a.txt b.txt"]);
  assertEquals(refused.code, 9);
  assertMatch(refused.stderr, /It exists on the server: b\.txt \(rename -f replaces it\)/);
  assertEquals((await stage.run(["mv", "-f", "a.txt", "b.txt"])).code, 0);
  assertEquals(await names(stage.serverFiles), ["b.txt"]);
});

Deno.test("client: names that would steer a terminal are shown harmless", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "evil\x1b[31m\u202Egpj.exe", "e");
  await stage.startServer();
  const list = await stage.run(["list"]);
  assertEquals(list.code, 0);
  assertStringIncludes(list.stdout, "evil\\u{1b}[31m\\u{202e}gpj.exe");
  const json = await stage.run(["list"], ["--json"]);
  assert(!json.stdout.includes("\x1b") && !json.stdout.includes("\u202E"));
  assertEquals(json.client.events("entry")[0]?.name, "evil\x1b[31m\u202Egpj.exe");
  const missing = await stage.run(["get", "a\x1b]0;title\x07"]);
  assert(!missing.stderr.includes("\x1b"), missing.stderr);
});

Deno.test("client: SIGTERM leaves with 143 and keeps the part", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "large.bin", patternBytes(30_000_000, 4));
  await stage.startServer(["--max-rate", "5MB"]);
  const client = stage.startClient(["--json", "get", "large.bin"]);
  await client.event("progress");
  await client.event("progress");
  client.signal("SIGTERM");
  assertEquals(await client.ended(), 143);
  assertEquals(await names(stage.clientFiles), []);
});

Deno.test("client: works with few permissions, without asking for more", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.startServer();
  const client = stage.startClient(["get", "a.txt"], {
    denoArgs: ["--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env"],
  });
  await client.endInput();
  assertEquals(await client.ended(), 0, client.stderr);
  assertEquals(await read(stage.clientFiles, "a.txt"), new TextEncoder().encode("a"));
});

Deno.test("client: without its configuration it says how to start it", async () => {
  await using stage = await Stage.set();
  for (const script of ["client.ts", "server.ts"]) {
    const program = stage.start(script, ["--help"], { denoArgs: ["--no-config", "--allow-all"] });
    await program.endInput();
    assertEquals(await program.ended(), 2);
    assertStringIncludes(program.stderr, "without --no-config");
    assertStringIncludes(program.stderr, `deno run -A ${script}`);
  }
});

async function names(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).filter((name) => !name.startsWith(".~ft-")).sort();
}

Deno.test("what needs no local folder works where it cannot be made, the rest says why", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.write(stage.folder, "elsewhere/b.txt", "b");
  await stage.write(stage.folder, "in_the_way", "no folder");
  await stage.startServer();
  const nowhere = ["--dir", join(stage.folder, "in_the_way", "client_files")];
  for (
    const [command, code, error] of [
      [["list"], 0, /^$/],
      [["rename", "a.txt", "c.txt"], 0, /^Renamed/],
      [["put", join(stage.folder, "elsewhere", "b.txt")], 0, /b\.txt: 1 bytes/],
      [["get", "c.txt"], 3, /^Not a folder here: .*in_the_way$/m],
      [["put", "b.txt"], 3, /^Not a folder here: b\.txt$/m],
      [["list", "client"], 3, /^Not a folder here: \.$/m],
    ] as const
  ) {
    const { code: left, stderr } = await stage.run(command, nowhere);
    assertEquals(left, code, `${command}: ${stderr}`);
    assertMatch(stderr, error);
  }
});

Deno.test("permissions that cover a part only: both programs say what does not work", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "a.txt", "a");
  const started = ["127.0.0.1", "0", "--root", stage.serverFiles];
  const mute = stage.start("server.ts", started, {
    denoArgs: ["--no-prompt", "--allow-net=127.0.0.1:0", "--allow-read", "--allow-write"],
  });
  await mute.errorLine(/^Warning: Deno was started with --allow-net for some addresses only/);
  const reader = stage.start("server.ts", [...started, "--open", "--json"], {
    denoArgs: ["--no-prompt", "--allow-net", "--allow-read"],
  });
  stage.port = Number((await reader.event("listening")).port);
  await reader.errorLine(/^Warning: Deno was started without permission to write to the folder/);
  const cases: [string[], string, number, RegExp][] = [
    [["--allow-net"], "127.0.0.1", 4, /denies access to a\.txt$/m],
    [["--allow-net=127.0.0.1"], "127.0.0.1", 4, /^Cannot open UDP port .* add --allow-net \(or/m],
    [["--allow-net=127.0.0.1"], "localhost", 4, /permission to look up localhost; add --allow-net/],
  ];
  for (const [flags, host, code, sentence] of cases) {
    const client = stage.start("client.ts", [
      ...["--dir", stage.clientFiles, host, String(stage.port), "put", "a.txt"],
    ], { denoArgs: ["--no-prompt", "--allow-read", "--allow-write", ...flags] });
    assertEquals(await client.ended(), code, client.stderr);
    assertMatch(client.stderr, sentence);
  }
});

Deno.test("without permission for the folders both programs say which flags are missing", async () => {
  await using stage = await Stage.set();
  await stage.startServer(["--open"]);
  const options = { denoArgs: ["--no-prompt", "--allow-net"] };
  const server = stage.start("server.ts", ["127.0.0.1", "0"], options);
  assertEquals(await server.ended(), 4);
  assertMatch(
    server.stderr,
    /^Access denied here: .*server_files \(.*add --allow-read and --allow-write\)$/m,
  );
  const client = stage.startClient(["get", "a.txt"], options);
  assertEquals(await client.ended(), 4);
  assertMatch(
    client.stderr,
    /^Access denied here: .*client_files \(.*add --allow-read and --allow-write\)$/m,
  );
  const lister = stage.startClient(["list"], options);
  assertEquals(await lister.ended(), 0, lister.stderr);
});
