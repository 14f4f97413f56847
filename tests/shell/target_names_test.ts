import { assert, assertEquals } from "@std/assert";
import type { ExistsPolicy } from "../../lib/operations/mod.ts";
import {
  areOneName,
  foldedName,
  type TargetFolder,
  TargetNames,
} from "../../lib/shell/target_names.ts";
import { ShellStage } from "./shell_stage.ts";

Deno.test("foldedName() is the same for names that some disk takes for one", () => {
  for (
    const [a, b] of [
      ["README.txt", "Readme.TXT"],
      ["É.txt", "é.txt"],
      ["straße", "STRASSE"],
      ["straße", "STRAẞE"],
      ["ΟΔΟΣ", "οδος"],
      ["ﬁle", "FILE"],
    ] as const
  ) assertEquals(foldedName(a), foldedName(b), `${a} ${b}`);
  assert(foldedName("a.txt") !== foldedName("a.txt2"));
  assert(foldedName("e.txt") !== foldedName("é.txt"));
});

Deno.test("TargetNames.claim() finds the first name that is spelled otherwise, in the same folder only", () => {
  const names = new TargetNames();
  const first = { shown: "x/Readme", name: "Readme" };
  assertEquals(names.claim("f", first), null);
  assertEquals(names.claim("f", { shown: "y/Readme", name: "Readme" }), null);
  assertEquals(names.claim("g", { shown: "README", name: "README" }), null);
  assertEquals(names.claim("f", { shown: "README", name: "README" }), first);
  assertEquals(names.claim("f", { shown: "readme", name: "readme" }), first);
});

Deno.test("areOneName() is what the disk says", async () => {
  const folder = (found: string[], listed: string[]): TargetFolder => ({
    has: (name) => Promise.resolve(found.includes(name)),
    names: () => Promise.resolve(listed),
  });
  const disks = {
    "keeps the first spelling": folder(["A", "a"], ["A", "other"]),
    "shows lower case": folder(["A", "a"], ["a"]),
    "shows what nobody wrote": folder(["A", "a"], ["~A"]),
  };
  for (const [title, disk] of Object.entries(disks)) {
    assert(await areOneName(disk, "A", "a"), title);
  }
  assert(!await areOneName(folder(["A"], ["A"]), "A", "a"), "the second one is not there yet");
  assert(!await areOneName(folder(["a"], ["a"]), "A", "a"), "the first one failed to arrive");
  assert(!await areOneName(folder(["A", "a"], ["A", "a"]), "A", "a"), "two files");
  const decomposed = folder(["É", "é"], ["É", "é"].map((name) => name.normalize("NFD")));
  assert(!await areOneName(decomposed, "É", "é"), "two files, listed in NFD");
});

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, content);
  }
}

/** Content of every file below a folder, by path; empty folders with a slash. */
async function read(folder: string, prefix = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = await Array.fromAsync(Deno.readDir(folder));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (name.startsWith(".~ft-")) continue;
    const path = `${folder}/${name}`;
    if (!isDirectory) found[prefix + name] = (await Deno.readTextFile(path)).slice(0, 20);
    else Object.assign(found, { [`${prefix}${name}/`]: "" }, await read(path, `${prefix}${name}/`));
  }
  return found;
}

/** Two too large for a pack, two that go in one, two folders, and a file beside a folder. */
const SOURCE = {
  "BIG": `1${"x".repeat(300_000)}`,
  "Big": `2${"y".repeat(300_000)}`,
  "Docs/a": "in Docs",
  "Mixed/in": "in",
  "README": "first",
  "Readme": "second",
  "docs/a": "in docs",
  "docs/b": "b",
  "mixed": "file",
  "plain": "plain",
};
const ARRIVED = {
  "BIG": SOURCE.BIG.slice(0, 20),
  "Docs/": "",
  "Docs/a": "in Docs",
  "Mixed/": "",
  "Mixed/in": "in",
  "README": "first",
  "plain": "plain",
};

for (const command of ["get", "put"] as const) {
  const [from, to] = command === "get"
    ? ["server", "client"] as const
    : ["client", "server"] as const;
  const [where, done] = command === "get" ? ["here", "fetched"] : ["on the server", "sent"];
  const told = (first: string, other: string) =>
    `${first} and ${other} are one name ${where}: ${other} is not ${done}`;
  const sides = (stage: ShellStage) => ({
    source: from === "server" ? stage.serverFolder : stage.clientFolder,
    target: to === "server" ? stage.serverFolder : stage.clientFolder,
  });
  const setStage = async () => {
    const stage = await ShellStage.set({ foldsNamesAt: to });
    await write(`${sides(stage).source}/src`, SOURCE);
    return stage;
  };
  const collisions = [
    told("BIG", "Big"),
    told("Docs", "docs"),
    told("Mixed", "mixed"),
    told("README", "Readme"),
  ];
  const lines = [
    `${command} -r src/. -o dst/`,
    command === "get" ? "sync server:src dst" : "sync src server:dst",
    command === "get" ? "sync server:src dst --delete" : "sync src server:dst --delete",
  ];

  for (const line of lines) {
    Deno.test(`${line} replaces nothing of its own on a disk that ignores case, however often`, async () => {
      await using stage = await setStage();
      for (let time = 1; time <= 3; time++) {
        stage.terminal.errors.length = 0;
        // What sync finds unchanged does not count: only collisions are left then.
        const isAllThatIsLeft = line.startsWith("sync") && time > 1;
        assertEquals(await stage.run(line), isAllThatIsLeft ? 9 : 11);
        assertEquals(await read(`${sides(stage).target}/dst`), ARRIVED, `time ${time}`);
        const errors = stage.terminal.errors.filter((error) => !/ of \d+ failed: /.test(error));
        assertEquals(errors.sort(), collisions, `time ${time}`);
      }
    });

    Deno.test(`${line} moves everything where the disk tells the names apart`, async () => {
      await using stage = await ShellStage.set();
      await write(`${sides(stage).source}/src`, SOURCE);
      for (let time = 1; time <= 2; time++) {
        assertEquals(await stage.run(line), 0, stage.terminal.errors.join());
        assertEquals(
          await read(`${sides(stage).target}/dst`),
          await read(`${sides(stage).source}/src`),
        );
      }
    });
  }

  Deno.test(`${command} of names that are one at the target moves the one that was named first`, async () => {
    await using stage = await setStage();
    assertEquals(await stage.run(`${command} src/Readme src/README src/plain`), 11);
    assertEquals(stage.terminal.errors[0], told("src/Readme", "src/README"));
    assertEquals(await read(sides(stage).target), { "Readme": "second", "plain": "plain" });
    stage.terminal.errors.length = 0;
    assertEquals(await stage.run(`${command} -r src/docs src/Docs`), 11);
    assertEquals(stage.terminal.errors[0]?.replaceAll("src/", ""), told("docs", "Docs"));
    assertEquals((await read(sides(stage).target))["docs/a"], "in docs");
  });

  const policies: Record<Exclude<ExistsPolicy, "overwrite">, Record<string, string>> = {
    skip: { "README": "first" },
    fail: { "README": "first" },
    rename: { "README": "first", "Readme (1)": "second" },
  };
  for (const [exists, arrived] of Object.entries(policies)) {
    Deno.test(`${command} with --exists ${exists} says which two names are one`, async () => {
      await using stage = await ShellStage.set({
        foldsNamesAt: to,
        exists: exists as ExistsPolicy,
      });
      await write(sides(stage).source, { "README": "first", "Readme": "second" });
      const exitCode = await stage.run(`${command} README Readme`);
      assertEquals(await read(sides(stage).target), arrived);
      const isSaved = exists === "rename";
      assertEquals(exitCode, isSaved ? 0 : 11);
      assertEquals(stage.terminal.errors.slice(0, 1), isSaved ? [] : [told("README", "Readme")]);
    });
  }

  const sync = command === "get" ? "sync server:src dst" : "sync src server:dst";
  for (const isPrecise of [false, true]) {
    const line = `${sync} --delete${isPrecise ? " -c" : ""}`;
    Deno.test(`${line} takes what is only spelled otherwise for what it is`, async () => {
      await using stage = await ShellStage.set({ foldsNamesAt: to });
      const { source, target } = sides(stage);
      await write(`${source}/src`, { "docs/b": "b", "docs/new": "n", "plain": "plain" });
      await write(`${target}/dst`, { "Docs/B": "b", "Docs/extra": "e", "PLAIN": "plain" });
      for (
        const [folder, names] of [["src", ["docs/b", "plain"]], ["dst", [
          "Docs/B",
          "PLAIN",
        ]]] as const
      ) {
        const side = folder === "src" ? source : target;
        for (const name of names) await Deno.utime(`${side}/${folder}/${name}`, 1000, 1000);
      }
      for (let time = 1; time <= 2; time++) {
        assertEquals(await stage.run(line), 0, stage.terminal.errors.join());
        assertEquals(await read(`${target}/dst`), {
          "Docs/": "",
          "Docs/B": "b",
          "Docs/new": "n",
          "PLAIN": "plain",
        });
      }
      assertEquals(stage.terminal.transfers.map(({ name }) => name), ["docs/new"]);
    });
  }
}
