import { assert, assertEquals, assertMatch } from "@std/assert";
import { ShellStage } from "./shell_stage.ts";

async function write(folder: string, name: string, content: string): Promise<void> {
  const path = `${folder}/${name}`;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, content);
}

/** Every path below a folder, folders with a slash. */
async function paths(folder: string, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".~ft-")) continue;
    found.push(`${prefix}${name}${isDirectory ? "/" : ""}`);
    if (isDirectory) found.push(...await paths(`${folder}/${name}`, `${prefix}${name}/`));
  }
  return found.sort();
}

for (const isUpload of [true, false]) {
  const title = isUpload ? "sync to the server" : "sync from the server";
  const line = isUpload ? "sync src server:dst" : "sync server:src dst";
  const sides = (stage: ShellStage) =>
    isUpload
      ? { source: `${stage.clientFolder}/src`, target: `${stage.serverFolder}/dst` }
      : { source: `${stage.serverFolder}/src`, target: `${stage.clientFolder}/dst` };

  Deno.test(`${title} moves only what differs, and nothing the second time`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    for (const name of ["a.txt", "d/b.txt", "d/e/c.txt"]) await write(source, name, name);
    await Deno.mkdir(`${source}/empty`);
    assertEquals(await stage.run(line), 0, stage.terminal.errors.join());
    const all = ["a.txt", "d/", "d/b.txt", "d/e/", "d/e/c.txt", "empty/"];
    assertEquals(await paths(target), all);
    assertEquals(stage.terminal.transfers.length, 3);
    const { mtime } = await Deno.stat(`${source}/a.txt`);
    assertEquals((await Deno.stat(`${target}/a.txt`)).mtime, mtime);

    assertEquals(await stage.run(line), 0);
    assertEquals(stage.terminal.transfers.length, 3);
    assertMatch(stage.terminal.notes.at(-1)!, /^Nothing to move: 3 the same\.$/);

    await write(source, "d/b.txt", "longer than before");
    assertEquals(await stage.run(line), 0);
    assertEquals(stage.terminal.transfers.at(-1)?.name, "d/b.txt");
    assertEquals(await Deno.readTextFile(`${target}/d/b.txt`), "longer than before");
  });

  Deno.test(`${title} with -n shows the plan and does nothing`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "new.txt", "n");
    await write(source, "changed.txt", "after");
    await write(target, "changed.txt", "before it");
    await write(target, "old/extra.txt", "x");
    assertEquals(await stage.run(`${line} -n --delete`), 0);
    assertEquals(stage.terminal.results, [
      "changed  changed.txt",
      "new      new.txt",
      "delete   old",
    ]);
    assertEquals(await paths(target), ["changed.txt", "old/", "old/extra.txt"]);
    assertEquals(stage.terminal.transfers.length, 0);
  });

  Deno.test(`${title} deletes only when told, and names what goes`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "keep.txt", "k");
    await write(target, "extra.txt", "e");
    await write(target, "old/x.txt", "x");
    assertEquals(await stage.run(line), 0);
    assertEquals(await paths(target), ["extra.txt", "keep.txt", "old/", "old/x.txt"]);
    assertEquals(await stage.run(`${line} --delete`), 0);
    assertEquals(await paths(target), ["keep.txt"]);
    const told = stage.terminal.notes.filter((note) => note.startsWith("Deletes "));
    assertEquals(told.map((note) => note.split(" ")[1]), ["old", "extra.txt"]);
  });

  Deno.test(`${title} replaces a thing of another kind only with --delete`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "x", "a file");
    await write(source, "y/in.txt", "in a folder");
    await write(source, "z.txt", "z");
    await write(target, "x/in.txt", "in a folder");
    await write(target, "y", "a file");
    assertEquals(await stage.run(line), 11);
    assertEquals(await paths(target), ["x/", "x/in.txt", "y", "z.txt"]);
    assertEquals(await stage.run(`${line} --delete`), 0, stage.terminal.errors.join());
    assertEquals(await paths(target), ["x", "y/", "y/in.txt", "z.txt"]);
  });

  Deno.test(`${title} with --checksum compares content`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    for (const [name, content] of [["same", "1234"], ["other", "5678"]] as const) {
      await write(source, name, content);
      await write(target, name, "1234");
      await Deno.utime(`${source}/${name}`, 1000, 1000);
      await Deno.utime(`${target}/${name}`, 1000, name === "other" ? 1000 : 2000);
    }
    assertEquals(await stage.run(`${line} --checksum`), 0);
    assertEquals(stage.terminal.transfers.map(({ name }) => name), ["other"]);
    assertEquals(await Deno.readTextFile(`${target}/other`), "5678");
  });

  Deno.test(`${title} deletes nothing when something failed`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "a.txt", "a");
    await write(source, "no:name.txt", "n");
    await write(target, "extra.txt", "e");
    assertEquals(await stage.run(`${line} --delete`), 11);
    assert((await paths(target)).includes("extra.txt"));
    assert((await paths(target)).includes("a.txt"), "what could be moved was");
  });

  Deno.test(`${title} keeps what nothing would come in the place of`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "a/new.txt", "n");
    await write(target, "a", "a file");
    await write(source, "gone", "x");
    await write(target, "gone/kept.txt", "k");
    await write(target, "extra.txt", "e");
    await Deno.symlink("nowhere", `${source}/link`);
    // It is told of the link when both folders have been looked at.
    const note = stage.terminal.note.bind(stage.terminal);
    stage.terminal.note = (text) => {
      if (text.startsWith("Skipped link")) Deno.removeSync(`${source}/gone`);
      note(text);
    };
    assertEquals(await stage.run(`${line} --delete`), 11);
    assertEquals(await Deno.readTextFile(`${target}/a/new.txt`), "n");
    assertEquals(await Deno.readTextFile(`${target}/gone/kept.txt`), "k");
    assertMatch(stage.terminal.notes.at(-1)!, /^1 more in \S*dst stay: not everything could be/);
    assertEquals(await Deno.readTextFile(`${target}/extra.txt`), "e");
  });

  Deno.test(`${title} replaces nothing while not all of the source is known`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "a", "n");
    await write(source, "not a name?", "x");
    await write(target, "a/kept.txt", "k");
    assertEquals(await stage.run(`${line} --delete`), 2);
    assertEquals(await Deno.readTextFile(`${target}/a/kept.txt`), "k");
  });

  Deno.test(`${title} with -n shows what can be done, and fails as without it`, async () => {
    await using stage = await ShellStage.set();
    const { source, target } = sides(stage);
    await write(source, "a/b/new.txt", "n");
    await write(source, "c", "c");
    await write(target, "a", "file");
    await write(target, "extra", "e");
    assertEquals(await stage.run(`${line} -n`), 11);
    assertEquals(stage.terminal.results, ["new      c"]);
    assertMatch(stage.terminal.errors.join(), /^a is of another kind in \S*dst: --delete replaces/);
    await write(source, "not a name?", "x");
    assertEquals(await stage.run(`${line} -n --delete`), 11);
    assertEquals(stage.terminal.results.slice(1), ["new      c"]);
  });
}

Deno.test("sync wants one folder on each side, and folders", async () => {
  await using stage = await ShellStage.set();
  await write(stage.clientFolder, "f.txt", "f");
  assertEquals(await stage.run("sync a b"), 2);
  assertEquals(await stage.run("sync server:a server:b"), 2);
  assertEquals(await stage.run("sync f.txt server:f"), 2);
  for (const line of ["sync none server:f", "sync server:none f", "sync -n server:none f"]) {
    assertEquals([line, await stage.run(line)], [line, 3]);
  }
  assertEquals(stage.terminal.errors.slice(-3, -1), [
    "No such folder here: none",
    "No such folder on the server: server:none",
  ]);
  assertEquals(await stage.run("sync . server:x --remove"), 2);
});

for (
  const line of [
    "put -r src/. -o dst/",
    "put -r src -o dst",
    "get -r src/. -o dst/",
    "get -r src -o dst",
    "sync src server:dst",
    "sync server:src dst",
  ]
) {
  Deno.test(`${line} makes folders no looser than their sources`, async () => {
    await using stage = await ShellStage.set();
    const isToServer = line.startsWith("put") || line.includes("server:dst");
    const [source, target] = isToServer
      ? [stage.clientFolder, stage.serverFolder]
      : [stage.serverFolder, stage.clientFolder];
    const modes = { "src": 0o700, "src/open": 0o777, "src/own": 0o500, "src/own/deep": 0o750 };
    for (const name of Object.keys(modes)) await write(`${source}/${name}`, "f", name);
    for (const [name, mode] of Object.entries(modes)) await Deno.chmod(`${source}/${name}`, mode);
    assertEquals(await stage.run(line), 0, stage.terminal.errors.join());
    const found = Object.keys(modes).filter((name) => name !== "src" || !line.includes("/.")).map(
      (name) => (Deno.statSync(`${target}/${name.replace("src", "dst")}`).mode ?? 0) & 0o777,
    );
    const expected = [0o700, 0o755, 0o700, 0o750];
    assertEquals(found, expected.slice(expected.length - found.length));
  });
}
