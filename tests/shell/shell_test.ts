import { assert, assertEquals, assertMatch } from "@std/assert";
import { ShellStage } from "./shell_stage.ts";

async function write(folder: string, name: string, content: string): Promise<void> {
  const path = `${folder}/${name}`;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, content);
}

async function names(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).filter((name) => !name.startsWith(".~ft-")).sort();
}

Deno.test("get and put move files between the folders and tell name and size", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "from the server");
  await write(stage.clientFolder, "b.txt", "from here");
  assertEquals(await stage.run("get a.txt"), 0);
  assertEquals(await stage.run("put b.txt"), 0);
  assertEquals(await Deno.readTextFile(`${stage.clientFolder}/a.txt`), "from the server");
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/b.txt`), "from here");
  assertEquals(stage.terminal.transfers.map(({ name, totalBytes }) => [name, totalBytes]), [
    ["a.txt", 15],
    ["b.txt", 9],
  ]);
});

Deno.test("-o names a file, or the folder for it", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "a");
  await Deno.mkdir(`${stage.serverFolder}/there`);
  await Deno.mkdir(`${stage.clientFolder}/here`);
  for (const line of ["get a.txt -o x.txt", "get -o here a.txt", "get a.txt -o new/"]) {
    assertEquals(await stage.run(line), 0);
  }
  assertEquals(await names(stage.clientFolder), ["here", "new", "x.txt"]);
  assertEquals(await names(`${stage.clientFolder}/here`), ["a.txt"]);
  assertEquals(await names(`${stage.clientFolder}/new`), ["a.txt"]);
  for (const line of ["put x.txt -o y.txt", "put x.txt -o there", "put x.txt -o deep/er/"]) {
    assertEquals(await stage.run(line), 0);
  }
  assertEquals(await names(stage.serverFolder), ["a.txt", "deep", "there", "y.txt"]);
  assertEquals(await names(`${stage.serverFolder}/there`), ["x.txt"]);
  assertEquals(await names(`${stage.serverFolder}/deep/er`), ["x.txt"]);
});

Deno.test("put of one file to a name asks nothing first, and goes into what turns out to be a folder", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "x.txt", "x");
  await write(stage.clientFolder, "large", "l".repeat(3 << 20));
  await Deno.mkdir(`${stage.serverFolder}/there/x.txt/x.txt`, { recursive: true });
  assertEquals(await stage.run("put x.txt -o y.txt"), 0);
  assertEquals(stage.requests, ["put /y.txt"]);
  assertEquals(await stage.run("put large -o there"), 0);
  assertEquals(stage.requests.slice(1), ["put /there", "put /there/large"]);
  assertEquals(await names(`${stage.serverFolder}/there`), ["large", "x.txt"]);
  assertEquals(await stage.run("put x.txt -o there"), 2);
  assertEquals(await stage.run("put x.txt -o there/none/y"), 3);
  assertEquals(stage.terminal.errors, [
    "A folder on the server: there/x.txt",
    "No such folder on the server: there/none/",
  ]);
});

Deno.test("put looks at every name before it connects", async () => {
  await using stage = await ShellStage.set();
  assertEquals(await stage.run("put c.txt"), 3);
  assertEquals(stage.terminal.errors, ["No such file here: c.txt"]);
  assertEquals(stage.connector.attemptCount, 0);
});

Deno.test("local commands and help send nothing", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "x.txt", "x");
  const lines = ["list client", "lpwd", "lmkdir d", "lcd d", "lcd ..", "help", "help get"];
  for (const line of lines) assertEquals(await stage.run(line), 0, line);
  assertEquals(stage.terminal.listed, ["x.txt"]);
  assertEquals(stage.connector.attemptCount, 0);
  const help = stage.terminal.results.join("\n");
  for (const { usage, summary } of stage.shell.commands) {
    assert(help.includes(usage) && help.includes(summary), usage);
  }
});

Deno.test("cd, pwd and paths work as in a shell and never leave the served folder", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "docs/deep/a.txt", "a");
  assertEquals(await stage.run("cd docs/deep"), 0);
  assertEquals(await stage.run("pwd"), 0);
  assertEquals(await stage.run("list"), 0);
  assertEquals(await stage.run("stat ../deep/a.txt"), 0);
  assertEquals(await stage.run("CD.."), 0);
  assertEquals(await stage.run("pwd"), 0);
  assertEquals(await stage.run("cd"), 0);
  assertEquals(await stage.run("cd .."), 0);
  assertEquals(await stage.run("get ../../etc/passwd"), 4);
  assertEquals(await stage.run("cd nowhere"), 3);
  assertEquals(await stage.run("cd docs/deep/a.txt"), 3);
  assertEquals(stage.terminal.results, ["/docs/deep", "/docs"]);
  assertEquals(stage.terminal.listed, ["a.txt"]);
  assertEquals(stage.terminal.facts_["kind"], "file");
});

Deno.test("rename moves into folders, keeps targets, and replaces with -f", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "a");
  await write(stage.serverFolder, "b.txt", "b");
  await Deno.mkdir(`${stage.serverFolder}/docs`);
  assertEquals(await stage.run("rename a.txt b.txt"), 9);
  assertMatch(stage.terminal.errors.at(-1)!, /^It exists on the server: b\.txt/);
  assertEquals(await stage.run("rename nothing.txt x.txt"), 3);
  assertMatch(stage.terminal.errors.at(-1)!, /: nothing\.txt$/);
  assertEquals(await stage.run("mv -f a.txt b.txt"), 0);
  assertEquals(await stage.run("ren b.txt docs"), 0);
  assertEquals(stage.terminal.notes.at(-1), "Renamed b.txt to docs/b.txt");
  assertEquals(await names(`${stage.serverFolder}/docs`), ["b.txt"]);
  await write(stage.serverFolder, "b.txt", "new");
  for (const target of ["docs", "docs/"]) {
    assertEquals(await stage.run(`ren b.txt ${target}`), 9);
    assertMatch(stage.terminal.errors.at(-1)!, /^It exists on the server: docs\/b\.txt/);
  }
  assertEquals(await stage.run("ren -f b.txt docs"), 0);
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/docs/b.txt`), "new");
  assertEquals(await stage.run("ren docs/b.txt ."), 0);
  assertEquals(stage.terminal.notes.at(-1), "Renamed docs/b.txt to b.txt");
  assertEquals(await stage.run("ren -f b.txt docs/none/"), 3);
  assertMatch(stage.terminal.errors.at(-1)!, /^No such folder on the server: docs\/none\/$/);
  assertEquals(await names(stage.serverFolder), ["b.txt", "docs"]);
});

Deno.test("rename asks nothing else of the server where the new name is free", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "a");
  await Deno.mkdir(`${stage.serverFolder}/docs`);
  for (const line of ["mv a.txt b.txt", "mv b.txt docs/"]) assertEquals(await stage.run(line), 0);
  assertEquals(stage.requests, ["rename /a.txt → /b.txt", "rename /b.txt → /docs/b.txt"]);
});

Deno.test("rm takes patterns and folders with -r, and -f forgives what is missing", async () => {
  await using stage = await ShellStage.set();
  for (const name of ["a.txt", "b.txt", "c.md", "d/e/f.txt"]) {
    await write(stage.serverFolder, name, "x");
  }
  assertEquals(await stage.run("rm *.txt"), 0);
  assertEquals(await stage.run("rm d"), 2);
  assertEquals(await stage.run("rm -r d"), 0);
  assertEquals(await stage.run("rm gone"), 3);
  assertEquals(await stage.run("rm -f gone c.md"), 0);
  assertEquals(await stage.run("rm -r /"), 2);
  assertEquals(await names(stage.serverFolder), []);
});

Deno.test("several files: failures are told one by one and in the end, the others arrive", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "a");
  await write(stage.serverFolder, "b.txt", "b");
  assertEquals(await stage.run("get a.txt missing.txt b.txt"), 11);
  assertEquals(stage.terminal.errors, [
    "No such file on the server: missing.txt",
    "1 of 3 failed: missing.txt",
  ]);
  assertEquals(await names(stage.clientFolder), ["a.txt", "b.txt"]);
  const [batch] = stage.terminal.batches;
  assertEquals([batch?.fileCount, batch?.doneCount, batch?.failed], [3, 2, ["missing.txt"]]);
  assertEquals(await stage.run("get x y"), 3);
});

Deno.test("the size of what a pattern matches is known before the first byte, that of plain names is not", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "1");
  await write(stage.serverFolder, "b.txt", "22");
  await write(stage.serverFolder, "c.md", "333");
  for (const line of ["get *.txt", "get -r *", "get *.txt c.md"]) {
    assertEquals(await stage.run(line), 0);
  }
  assertEquals(stage.terminal.batches.map(({ totalBytes }) => totalBytes), [3, 6, 0]);
});

Deno.test("patterns: what has no name that may be moved is told, and an exact name is no pattern", async () => {
  await using stage = await ShellStage.set();
  for (const folder of [stage.clientFolder, stage.serverFolder]) {
    for (const name of ["12:30.log", "r[1].log", "r1.log"]) {
      await Deno.writeTextFile(`${folder}/${name}`, name);
    }
  }
  await Deno.remove(`${stage.serverFolder}/r1.log`);
  assertEquals(await stage.run("put *.log"), 11);
  assertMatch(stage.terminal.errors.join("\n"), /12:30\.log/);
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/r1.log`), "r1.log");
  stage.terminal.errors.length = 0;
  assertEquals(await stage.run("get *.log"), 11);
  assertMatch(stage.terminal.errors.join("\n"), /12:30\.log/);
  assertEquals(await stage.run("rm r[1].log"), 0);
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/r1.log`), "r1.log");
  assertEquals([await stage.run("put zzz*"), await stage.run("get zzz*")], [3, 3]);
});

Deno.test("folders go both ways with -r, empty ones too; . means what a folder holds", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "tree/one.txt", "1");
  await write(stage.serverFolder, "tree/deep/two.txt", "22");
  await Deno.mkdir(`${stage.serverFolder}/tree/empty`);
  assertEquals(await stage.run("get tree"), 2);
  assertEquals(await stage.run("get -r tree"), 0);
  assertEquals(await names(`${stage.clientFolder}/tree`), ["deep", "empty", "one.txt"]);
  assertEquals(await stage.run("get -r tree/. -o flat/"), 0);
  assertEquals(await names(`${stage.clientFolder}/flat`), ["deep", "empty", "one.txt"]);
  assertEquals(await stage.run("put -r flat -o tree"), 0);
  assertEquals(await names(`${stage.serverFolder}/tree/flat`), ["deep", "empty", "one.txt"]);
  assertEquals(await stage.run("put tree"), 2);
});

Deno.test("put -r of several folders says in which of them a name is that cannot be sent", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "a/sub/x:y", "1");
  await write(stage.clientFolder, "b/sub/x:y", "2");
  await write(stage.clientFolder, "b/fine.txt", "3");
  assertEquals(await stage.run("put -r a b"), 11);
  assertMatch(
    stage.terminal.errors[0]!,
    /^Not a name for a file: a\/sub\/x:y \(name has a control/,
  );
  assertMatch(stage.terminal.errors[1]!, /^Not a name for a file: b\/sub\/x:y/);
  assertEquals(stage.terminal.batches.at(-1)?.failed, ["a/sub/x:y", "b/sub/x:y"]);
  await stage.run("sync b server:b");
  assertMatch(stage.terminal.errors.at(-2)!, /^Not a name for a file: sub\/x:y/);
  await write(stage.serverFolder, "c/x:y", "2");
  await stage.run("get -r c");
  assertMatch(stage.terminal.errors.at(-2)!, /not take this name: \/c\/x:y \(name has a control/);
});

Deno.test("put -r names what stands where a folder should be, and send nothing", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "tree/deep/deeper/a.txt", "a");
  await write(stage.serverFolder, "tree/deep", "a file");
  assertEquals(await stage.run("put -r tree"), 3);
  await write(stage.serverFolder, "other", "a file");
  assertEquals(await stage.run("put -r tree -o other"), 3);
  assertEquals(stage.terminal.errors, [
    "Not a folder on the server: /tree/deep",
    "Not a folder on the server: /other",
  ]);
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/tree/deep`), "a file");
  assertEquals(stage.terminal.batches, []);
});

Deno.test("close ends the connection for good, open brings it back", async () => {
  await using stage = await ShellStage.set();
  assertEquals(await stage.run("list"), 0);
  assertEquals(await stage.run("close"), 0);
  assertEquals(await stage.run("list"), 5);
  assertEquals(stage.terminal.errors, ["Not connected. `open` connects again"]);
  assertEquals(await stage.run("con"), 0);
  assertEquals(await stage.run("list"), 0);
  assertEquals(stage.connector.links.length, 2);
});

Deno.test("exit stops the server when alone, says so when not, and leaves either way", async () => {
  for (
    const { connectionCount, stops } of [{ connectionCount: 1, stops: 1 }, {
      connectionCount: 2,
      stops: 0,
    }]
  ) {
    await using stage = await ShellStage.set({ connectionCount });
    const { exitCode, next } = await stage.shell.runLine("exit", new AbortController().signal);
    assertEquals([exitCode, next, stage.shutdownRequests], [0, "leave", stops]);
  }
  await using guest = await ShellStage.set({ role: "read-write" });
  const { exitCode, next } = await guest.shell.runLine("exit", new AbortController().signal);
  assertEquals([exitCode, next, guest.shutdownRequests], [0, "leave", 0]);
  assertMatch(guest.terminal.notes.at(-1)!, /keeps running: only its owner/);
  assertEquals(await guest.run("shutdown"), 5);
});

Deno.test("bye leaves and never stops the server; shutdown does with others connected", async () => {
  await using stage = await ShellStage.set({ connectionCount: 3 });
  assertEquals(await stage.run("shutdown"), 0);
  assertEquals(stage.shutdownRequests, 1);
  assertMatch(stage.terminal.notes.at(-1)!, /stopping; 2 other clients may finish\./);
  const { next } = await stage.shell.runLine("Q", new AbortController().signal);
  assertEquals(next, "leave");
  assertEquals(stage.shutdownRequests, 1);
});

Deno.test("a line's leading dash ignores its failure; comments and blanks do nothing", async () => {
  await using stage = await ShellStage.set();
  assertEquals(await stage.run("-get missing.txt"), 0);
  assertEquals(await stage.run("-frobnicate"), 0);
  assertEquals(await stage.run("# nothing"), 0);
  assertEquals(await stage.run("   "), 0);
  assertEquals(await stage.run("frobnicate"), 2);
  assertEquals(await stage.run("get 'open"), 2);
  assertEquals(await stage.run("-get 'open"), 0);
  assertEquals(await stage.run("-get back\\"), 0);
  assertEquals(stage.terminal.errors.length, 6);
});

Deno.test("rm, hash, mkdir and rmdir do the rest when one name fails, and leave with 11", async () => {
  await using stage = await ShellStage.set();
  for (const name of ["a", "b", "c", "full/x"]) await write(stage.serverFolder, name, name);
  await Deno.mkdir(`${stage.serverFolder}/empty`);
  for (
    const [line, exitCode, errors] of [
      ["hash a gone b", 11, ["No such file on the server: gone", "1 of 3 failed: gone"]],
      ["hash *", 11, ["A folder on the server: empty", "A folder on the server: full"]],
      ["rm gone* a full b", 11, [
        "No such file on the server: gone*",
        "2 of 4 failed: gone*, full",
      ]],
      ["rm -f gone* gone c", 0, []],
      ["rm gone lost", 3, ["2 of 2 failed: gone, lost"]],
      ["rm gone", 3, ["No such file on the server: gone"]],
      ["mkdir full new", 11, ["It exists on the server: full"]],
      ["rmdir full empty", 11, ["1 of 2 failed: full"]],
      ["lmkdir one one two", 11, ["It exists here: one"]],
    ] as const
  ) {
    stage.terminal.errors.length = 0;
    assertEquals(await stage.run(line), exitCode, line);
    for (const error of errors) {
      assert(
        stage.terminal.errors.some((told) => told.startsWith(error)),
        `${line}: ${stage.terminal.errors}`,
      );
    }
  }
  assertEquals(stage.terminal.results.map((line) => line.slice(66)), ["a", "b", "a", "b", "c"]);
  assertEquals(await names(stage.serverFolder), ["full", "new"]);
  assertEquals(await names(stage.clientFolder), ["one", "two"]);
});

Deno.test("put does the rest when a pattern matches nothing", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "a.txt", "a");
  assertEquals(await stage.run("put *.none a.txt"), 11);
  assertEquals(stage.terminal.errors, ["No such file here: *.none", "1 of 2 failed: *.none"]);
  assertEquals(await names(stage.serverFolder), ["a.txt"]);
});

Deno.test("an error about a target names the target, not the source", async () => {
  await using stage = await ShellStage.set({ exists: "fail" });
  for (const folder of [stage.serverFolder, stage.clientFolder]) {
    for (const name of ["a.txt", "taken", "dir/x"]) await write(folder, name, name);
  }
  await write(stage.serverFolder, "tree/sub/x", "x");
  await write(stage.clientFolder, "new/tree/sub", "no folder");
  for (
    const [line, exitCode, error] of [
      ["put a.txt -o none/y", 3, "No such folder on the server: none/"],
      ["put a.txt -o taken/y", 3, "Not a folder on the server: taken"],
      ["put a.txt -o taken", 9, "It exists on the server: taken"],
      ["put dir/x -o dir", 9, "It exists on the server: dir/x"],
      ["put none.txt -o taken", 3, "No such file here: none.txt"],
      ["get a.txt -o taken/y", 3, "Not a folder here: taken"],
      ["get a.txt -o taken", 9, "It exists here: taken"],
      ["get dir/x -o dir", 9, "It exists here: dir/x"],
      ["get none.txt -o free", 3, "No such file on the server: none.txt"],
      ["get -r tree -o new", 3, "Not a folder here: new/tree/sub"],
      ["rename a.txt none/y", 3, "No such folder on the server: none/"],
      ["rename a.txt taken/y", 3, "Not a folder on the server: taken"],
      ["rename a.txt none/", 3, "No such folder on the server: none/"],
      ["rename none.txt a.txt", 3, "No such file on the server: none.txt"],
      ["rename dir dir/y", 2, "A folder cannot be moved into itself: dir to dir/y"],
      ["mkdir none/y", 3, "No such folder on the server: none/"],
      ["mkdir taken/y", 3, "Not a folder on the server: taken"],
      ["lmkdir none/y", 3, "No such folder here: none/"],
    ] as const
  ) {
    stage.terminal.errors.length = 0;
    assertEquals([await stage.run(line), stage.terminal.errors[0]], [exitCode, error], line);
  }
});

Deno.test("two sources of one name are told before anything moves, and the first one is moved", async () => {
  await using stage = await ShellStage.set();
  for (const folder of [stage.serverFolder, stage.clientFolder]) {
    for (const name of ["a/x", "b/x", "b/y"]) await write(folder, name, name);
  }
  assertEquals(await stage.run("get a/x b/x b/y"), 11);
  assertEquals(stage.terminal.errors, [
    "Both a/x and b/x would become x here: only a/x is fetched",
    "1 of 3 failed: b/x",
  ]);
  assertEquals(await Deno.readTextFile(`${stage.clientFolder}/x`), "a/x");
  assertEquals(await names(stage.clientFolder), ["a", "b", "x", "y"]);
  stage.terminal.errors.length = 0;
  assertEquals(await stage.run("put */x -o both"), 11);
  assertEquals(
    stage.terminal.errors[0],
    "Both a/x and b/x would become x on the server: only a/x is sent",
  );
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/both/x`), "a/x");
  assertEquals(await stage.run("put -r a b -o both"), 0);
});

Deno.test("a file that is named twice is moved once", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "a");
  assertEquals(await stage.run("get a.txt ./a.txt *.txt"), 0);
  assertEquals(stage.terminal.transfers.map(({ name }) => name), ["a.txt"]);
});

Deno.test("put follows a link that is named, sends it under its own name, and passes over those in folders", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "a.txt", "a");
  await write(stage.clientFolder, "tree/b.txt", "b");
  for (
    const [link, to] of [["link", "a.txt"], ["way", "tree"], ["lost", "gone"], ["tree/in", "b.txt"]]
  ) {
    await Deno.symlink(to!, `${stage.clientFolder}/${link}`);
  }
  assertEquals(await stage.run("put link"), 0);
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/link`), "a");
  assertEquals(await stage.run("put lost"), 3);
  assertEquals(await stage.run("put way"), 2);
  assertEquals(await stage.run("put -r way"), 0);
  assertEquals(await names(`${stage.serverFolder}/way`), ["b.txt"]);
  assertEquals(await stage.run("put way/b.txt lin*"), 0);
  assertEquals(await names(stage.serverFolder), ["b.txt", "link", "way"]);
  assertEquals(stage.terminal.errors, [
    "No such file here: lost",
    "way is a folder: put -r sends it",
  ]);
  assert(stage.terminal.notes.includes("Skipped way/in: it is neither a file nor a folder"));
});

Deno.test("an empty argument, or an empty command, is told as what it is", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "a", "a");
  const lines = [
    ...[
      "put ''",
      "get ''",
      "rm ''",
      "mkdir a ''",
      "rename '' b",
      "rename a ''",
      "cd ''",
      "list ''",
    ],
    ...["put a -o ''", "list client ''", "open ''", "sync '' server:", "help ''", "hash ''"],
  ];
  for (const line of lines) {
    assertEquals(await stage.run(line), 2, line);
    assertMatch(stage.terminal.errors.at(-1)!, /^[a-z]+: an argument is empty\. Usage: /, line);
  }
  assertEquals(await stage.run('"" a'), 2);
  assertEquals(stage.terminal.errors.at(-1), "The command is an empty word");
  assertEquals(stage.connector.attemptCount, 0);
});

Deno.test("list and list client take patterns and single files alike", async () => {
  await using stage = await ShellStage.set();
  for (const folder of [stage.serverFolder, stage.clientFolder]) {
    for (const name of ["a.txt", "b.txt", "c.md", "dir/d"]) await write(folder, name, name);
  }
  for (const command of ["list", "list client"]) {
    for (
      const [path, listed] of [
        ["*.txt", ["a.txt", "b.txt"]],
        ["*", ["dir/", "a.txt", "b.txt", "c.md"]],
        ["di*", ["d"]],
        ["dir/*", ["dir/d"]],
        ["c.md", ["c.md"]],
        ["dir", ["d"]],
      ] as const
    ) {
      stage.terminal.listed.length = 0;
      assertEquals(await stage.run(`${command} ${path}`), 0);
      assertEquals(stage.terminal.listed, [...listed], `${command} ${path}`);
    }
    assertEquals(await stage.run(`${command} *.none`), 3);
    assertEquals(await stage.run(`${command} none`), 3);
    assertMatch(stage.terminal.errors.at(-1)!, /^No such file (here|on the server): none$/);
  }
  stage.terminal.listed.length = 0;
  await write(stage.clientFolder, "12:30.md", "a name that is not sent");
  assertEquals(await stage.run("list client *.md"), 0);
  assertEquals(stage.terminal.listed, ["12:30.md", "c.md"]);
});

Deno.test("habits of ls do no harm: -l and -a show what is always shown", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, ".dot", "x");
  await write(stage.clientFolder, ".dot", "x");
  for (const line of ["ls -l", "ls -la", "list -a .", "lls -al", "list client -l"]) {
    stage.terminal.listed.length = 0;
    assertEquals([line, await stage.run(line)], [line, 0]);
    assertEquals([line, stage.terminal.listed], [line, [".dot"]]);
  }
  assertEquals(await stage.run("ls -R"), 2);
});

Deno.test("lcd alone goes back to where the session began", async () => {
  await using stage = await ShellStage.set();
  await Deno.mkdir(`${stage.clientFolder}/d/e`, { recursive: true });
  for (const line of ["lcd d/e", "lcd", "lpwd"]) assertEquals(await stage.run(line), 0);
  assertEquals(stage.terminal.results, [stage.clientFolder]);
});

Deno.test("who names a copy as with sftp is told how, and nobody else", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a b.txt", "a");
  await write(stage.clientFolder, "c.txt", "c");
  await Deno.mkdir(`${stage.clientFolder}/dir`);
  const { notes } = stage.terminal;
  const cases: [string, string | null][] = [
    ["get 'a b.txt' new.txt", "To name the copy: get a\\ b.txt -o new.txt"],
    ["put c.txt new.txt", "To name the copy: put c.txt -o new.txt"],
    ["put c.txt dir", "To name the copy: put c.txt -o dir"],
    ["get new.txt 'a b.txt'", null],
    ["get none.txt new.txt", null],
    ["get 'a b.txt' new.txt -o dir", null],
    ["get 'a b.txt' new.txt newer.txt", null],
  ];
  for (const [line, hint] of cases) {
    notes.length = 0;
    assert(await stage.run(line) !== 0, line);
    assertEquals([line, notes.filter((note) => note.startsWith("To name"))], [
      line,
      hint === null ? [] : [hint],
    ]);
  }
});

Deno.test("the served folder itself is neither removed nor renamed", async () => {
  await using stage = await ShellStage.set();
  for (const line of ["rm -r /", "rmdir .", "rename / a"]) assertEquals(await stage.run(line), 2);
  assertEquals(stage.terminal.errors, [
    "The served folder itself cannot be removed",
    "The served folder itself cannot be removed",
    "The served folder itself cannot be renamed",
  ]);
});

Deno.test("help fits a window of 80 columns", async () => {
  await using stage = await ShellStage.set();
  const names = stage.shell.commands.map(({ name }) => name);
  for (const name of ["", ...names]) assertEquals(await stage.run(`help ${name}`), 0);
  assertEquals(stage.terminal.results.filter((line) => line.length > 80), []);
});

Deno.test("help COMMAND shows every other word for it, beginnings of its name too", async () => {
  await using stage = await ShellStage.set();
  assertEquals(await stage.run("help rename"), 0);
  assert(stage.terminal.results.includes("  Other words for it: change, mv, ren"));
});

Deno.test("rmdir says what holds a folder that a listing shows as empty", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "dir/.~ft-0011.part", "begun");
  await write(stage.serverFolder, "full/x", "x");
  assertEquals(await stage.run("rmdir full"), 1);
  assertEquals(stage.terminal.notes, []);
  assertEquals(await stage.run("rmdir dir"), 1);
  assertEquals(stage.terminal.notes, [
    "dir holds nothing but unfinished transfers, which no listing shows",
  ]);
  assertMatch(stage.terminal.errors.at(-1)!, /^The folder on the server is not empty: dir/);
  assertEquals(await Deno.readTextFile(`${stage.serverFolder}/dir/.~ft-0011.part`), "begun");
});

Deno.test("what was done is told to programs too, with what came of it", async () => {
  await using stage = await ShellStage.set();
  await write(stage.serverFolder, "a.txt", "a");
  await write(stage.serverFolder, "old/x.txt", "x");
  await Deno.mkdir(`${stage.clientFolder}/here`);
  const { done_ } = stage.terminal;
  const cases: [string, number, Record<string, unknown>[]][] = [
    ["mkdir d", 0, [{ command: "mkdir", name: "d" }]],
    ["md d e", 11, [{ command: "mkdir", name: "e" }]],
    ["rmdir e", 0, [{ command: "rmdir", name: "e" }]],
    ["mv a.txt b.txt", 0, [{ command: "rename", name: "a.txt", newName: "b.txt" }]],
    ["mv b.txt d", 0, [{ command: "rename", name: "b.txt", newName: "d/b.txt" }]],
    ["mv nothing d", 3, []],
    ["cd d", 0, [{ command: "cd", path: "/d" }]],
    ["rm *", 0, [{ command: "rm", name: "b.txt" }]],
    ["rm -f b.txt", 0, []],
    ["cd..", 0, [{ command: "cd", path: "/" }]],
    ["cd ..", 0, [{ command: "cd", path: "/" }]],
    ["sync --delete here server:old", 0, [{ command: "sync", action: "delete", path: "x.txt" }]],
    ["lmkdir new", 0, [{ command: "lmkdir", name: "new" }]],
    ["lcd new", 0, [{ command: "lcd", path: `${stage.clientFolder}/new` }]],
    ["close", 0, [{ command: "close", wasConnected: true }]],
    ["close", 0, [{ command: "close", wasConnected: false }]],
    ["open", 0, []],
    ["exit", 0, [{ command: "exit", stopping: true }]],
    ["open", 0, []],
    ["shutdown", 0, [{ command: "shutdown", others: 0 }]],
  ];
  for (const [line, exitCode, done] of cases) {
    done_.length = 0;
    assertEquals([line, await stage.run(line)], [line, exitCode], stage.terminal.errors.join());
    assertEquals([line, done_], [line, done]);
  }
});

Deno.test("exit leaves at once when the server has gone, and tries to reach one that was never seen", async () => {
  await using stage = await ShellStage.set({ isInteractive: true });
  const signal = new AbortController().signal;
  stage.connector.isReachable = false;
  const first = stage.shell.runLine("exit", signal);
  await stage.clock.pass(11_000);
  assertEquals(await first, { exitCode: 5, next: "go-on" });
  stage.connector.isReachable = true;
  assertEquals(await stage.run("list"), 0);
  stage.connector.isReachable = false;
  stage.connector.links[0]!.lose();
  assertEquals(await stage.shell.runLine("exit", signal), { exitCode: 0, next: "leave" });
  assertMatch(stage.terminal.notes.at(-1)!, /^Not connected/);
});
