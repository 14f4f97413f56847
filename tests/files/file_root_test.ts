import { assert, assertEquals } from "@std/assert";
import { type FileError, FileRoot, formatRemotePath, REMOTE_ROOT } from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { at, bytes, rejectsWith } from "./parts.ts";

Deno.test("FileRoot.open() makes the folder only when asked", () =>
  inFolders(async ({ outside }) => {
    await rejectsWith("not-found", () => FileRoot.open(`${outside}/a/b`));
    const root = await FileRoot.open(`${outside}/a/b`, { create: true });
    assertEquals(root.directory, `${outside}/a/b`);
    assertEquals(await root.list(REMOTE_ROOT), []);
    await root.close();
    await rejectsWith("not-a-directory", () => FileRoot.open(`${outside}/secret`));
  }));

Deno.test("FileRoot.open() makes folders that a power loss does not take", async () => {
  const disk = new MemoryDisk();
  disk.putNode("/home", "directory");
  const root = await FileRoot.open("/home/a/b", { disk, create: true });
  assertEquals(disk.afterPowerLoss(() => 0).statusOf("/home/a/b")?.kind, "directory");
  const flushCount = disk.calls.filter((name) => name === "syncDirectory").length;
  const again = await FileRoot.open("/home/a/b", { disk, create: true });
  assertEquals(disk.calls.filter((name) => name === "syncDirectory").length, flushCount);
  await again.close();
  await root.close();
  assertEquals(disk.openHandles, 0);
});

Deno.test("FileRoot.open() makes folders in one that cannot be read", async () => {
  const disk = new MemoryDisk();
  disk.putNode("/home", "directory");
  const home = await disk.openRoot("/home", { create: false });
  disk.faults = { failOnly: ["openRoot"], failAt: 3, failCode: "EACCES" };
  const root = await FileRoot.open("/home/a/b", { disk, create: true });
  assertEquals(disk.statusOf("/home/a/b")?.kind, "directory");
  await root.close();
  home.close();
});

Deno.test("FileRoot.list() puts folders first and hides what is Ferry's", () =>
  inFolders(async ({ root, inside }) => {
    await Deno.mkdir(`${inside}/z`);
    await Deno.mkdir(`${inside}/.~ft-staging`);
    await Deno.writeTextFile(`${inside}/b`, "bb");
    await Deno.writeTextFile(`${inside}/a`, "a");
    const entries = await root.list(REMOTE_ROOT);
    assertEquals(entries.map(({ name, kind, sizeBytes }) => [name, kind, sizeBytes]), [
      ["z", "directory", 0],
      ["a", "file", 1],
      ["b", "file", 2],
    ]);
    assert(entries.every(({ readable }) => readable));
  }));

Deno.test("FileRoot.list() shows names that no path can hold as unreadable", () =>
  inFolders(async ({ root, inside }) => {
    await Deno.writeTextFile(`${inside}/a:b`, "x");
    const [entry] = await root.list(REMOTE_ROOT);
    assertEquals([entry?.name, entry?.kind, entry?.readable], ["a:b", "file", false]);
  }));

Deno.test("FileRoot.list() survives names that are not UTF-8", async () => {
  const disk = new MemoryDisk();
  disk.putFile("/r/bad\ufffd", bytes("x"));
  disk.putFile("/r/good", bytes("x"));
  const root = await FileRoot.open("/r", { disk });
  const entries = await root.list(REMOTE_ROOT);
  assertEquals(entries.map(({ readable }) => readable), [false, true]);
  await root.close();
});

Deno.test("FileRoot follows no symbolic link, whatever is asked", () =>
  inFolders(async ({ root, inside, outside }) => {
    await Deno.mkdir(`${outside}/folder`);
    await Deno.writeTextFile(`${outside}/folder/x`, "x");
    await Deno.mkdir(`${inside}/real`);
    await Deno.symlink(`${outside}/folder`, `${inside}/out`);
    await Deno.symlink(`${outside}/secret`, `${inside}/leak`);
    await Deno.symlink("real", `${inside}/in`);
    await Deno.symlink("loop", `${inside}/loop`);
    await Deno.symlink(`${outside}/new`, `${inside}/dangling`);
    for (const link of ["out", "leak", "in", "loop", "dangling"]) {
      assertEquals((await root.status(at(link))).kind, "other");
      await rejectsWith("not-a-file", () => root.openSource(at(link)));
      await rejectsWith("not-a-file", () => root.openPartial(at(link), partialOptions()));
      await rejectsWith("not-a-directory", () => root.list(at(link)));
      await rejectsWith("not-a-directory", () => root.status(at(`${link}/x`)));
      await rejectsWith("not-a-directory", () => root.openSource(at(`${link}/x`)));
      await rejectsWith(
        "not-a-directory",
        () => root.openPartial(at(`${link}/y`), partialOptions()),
      );
      await rejectsWith("not-a-directory", () => root.removeFile(at(`${link}/x`)));
      await rejectsWith("not-a-directory", () => root.removeTree(at(`${link}/x`)));
      await rejectsWith("not-a-directory", () => root.removeDirectory(at(link)));
      await rejectsWith("not-a-directory", () => mkdir(root, `${link}/y`));
      await rejectsWith("not-a-directory", () => mkdir(root, `${link}/y/z`, { parents: true }));
      await rejectsWith("not-a-directory", () => rename(root, `${link}/x`, "stolen"));
      await rejectsWith("not-a-directory", () => rename(root, "real", `${link}/given`));
    }
    const names = await Array.fromAsync(Deno.readDir(`${outside}/folder`), ({ name }) => name);
    assertEquals(names, ["x"]);
    assert(!(await exists(`${outside}/new`)));
  }));

Deno.test("FileRoot.removeTree() removes links, not what they point to", () =>
  inFolders(async ({ root, inside, outside }) => {
    await Deno.mkdir(`${inside}/tree/deep/er`, { recursive: true });
    await Deno.writeTextFile(`${inside}/tree/a:b`, "a name that no path can hold");
    await Deno.writeTextFile(`${inside}/tree/deep/.~ft-x.part`, "left over");
    await Deno.symlink(outside, `${inside}/tree/deep/out`);
    await Deno.symlink(outside, `${inside}/link`);
    assertEquals(await root.removeTree(at("tree")), { removed: 6 });
    assertEquals(await root.removeTree(at("link")), { removed: 1 });
    assert(await exists(`${outside}/secret`));
    assertEquals(await root.list(REMOTE_ROOT), []);
    await rejectsWith("not-found", () => root.removeTree(at("tree")));
  }));

Deno.test("FileRoot refuses pipes and devices without blocking", () =>
  inFolders(async ({ root, inside }) => {
    await new Deno.Command("mkfifo", { args: [`${inside}/pipe`] }).output();
    assertEquals((await root.status(at("pipe"))).kind, "other");
    await rejectsWith("not-a-file", () => root.openSource(at("pipe")));
    await rejectsWith("not-a-file", () => root.openPartial(at("pipe"), partialOptions()));
    await root.removeFile(at("pipe"));
  }));

Deno.test("FileRoot.rename() replaces files only when told to, and folders never", () =>
  inFolders(async ({ root, inside }) => {
    await Deno.writeTextFile(`${inside}/a`, "a");
    await Deno.writeTextFile(`${inside}/b`, "b");
    await Deno.mkdir(`${inside}/folder/sub`, { recursive: true });
    await Deno.mkdir(`${inside}/empty`);
    await rejectsWith("exists", () => rename(root, "a", "b"));
    await rename(root, "a", "b", { replace: true });
    assertEquals(await Deno.readTextFile(`${inside}/b`), "a");
    await rejectsWith("is-a-directory", () => rename(root, "b", "empty", { replace: true }));
    await rejectsWith("is-a-directory", () => rename(root, "folder", "empty", { replace: true }));
    await rejectsWith("not-found", () => rename(root, "none", "x"));
    await rejectsWith("unsupported", () => rename(root, "folder", "folder/sub/x"));
    await rejectsWith("is-a-directory", () => root.rename(REMOTE_ROOT, at("x"), { replace: true }));
    await rename(root, "b", "folder/b");
    assertEquals(await Deno.readTextFile(`${inside}/folder/b`), "a");
    await rename(root, "folder", "moved");
    assert(await exists(`${inside}/moved/sub`));
  }));

Deno.test("FileRoot.makeDirectory() makes parents only when asked", () =>
  inFolders(async ({ root, inside }) => {
    await rejectsWith("not-found", () => mkdir(root, "a/b/c"));
    await mkdir(root, "a/b/c", { parents: true });
    await mkdir(root, "a/b/c", { parents: true });
    await rejectsWith("exists", () => mkdir(root, "a/b"));
    await Deno.writeTextFile(`${inside}/f`, "x");
    await rejectsWith("not-a-directory", () => mkdir(root, "f/x", { parents: true }));
    await rejectsWith("exists", () => mkdir(root, "f"));
  }));

Deno.test("FileRoot.removeFile() and removeDirectory() remove what their names say", () =>
  inFolders(async ({ root, inside }) => {
    await Deno.mkdir(`${inside}/folder`);
    await Deno.writeTextFile(`${inside}/folder/f`, "x");
    await rejectsWith("is-a-directory", () => root.removeFile(at("folder")));
    await rejectsWith("not-empty", () => root.removeDirectory(at("folder")));
    await rejectsWith("not-a-directory", () => root.removeDirectory(at("folder/f")));
    await rejectsWith("not-found", () => root.removeFile(at("none")));
    await root.removeFile(at("folder/f"));
    await root.removeDirectory(at("folder"));
    await rejectsWith("is-a-directory", () => root.removeTree(REMOTE_ROOT));
  }));

Deno.test("FileRoot.walk() visits folders before their contents and tells what it skips", () =>
  inFolders(async ({ root, inside, outside }) => {
    await Deno.mkdir(`${inside}/b/c`, { recursive: true });
    for (const name of ["b/c/1", "b/2", "a", "b/x:y"]) {
      await Deno.writeTextFile(`${inside}/${name}`, "");
    }
    await Deno.symlink(outside, `${inside}/b/link`);
    const skipped: string[] = [];
    const visited: string[] = [];
    const onSkipped = (error: FileError) => void skipped.push(error.path);
    for await (const { path, status } of root.walk(REMOTE_ROOT, { onSkipped })) {
      visited.push(`${formatRemotePath(path)} ${status.kind}`);
    }
    assertEquals(visited, [
      "/ directory",
      "/b directory",
      "/b/c directory",
      "/b/c/1 file",
      "/b/2 file",
      "/b/link other",
      "/a file",
    ]);
    assertEquals(skipped, ["/b/x:y"]);
    await rejectsWith("invalid-name", async () => {
      for await (const _ of root.walk(REMOTE_ROOT));
    });
  }));

Deno.test("FileRoot.measure() counts files and bytes, but not unfinished ones", () =>
  inFolders(async ({ root, inside, outside }) => {
    await Deno.mkdir(`${inside}/.~ft-staging`);
    await Deno.writeTextFile(`${inside}/.~ft-staging/x.part`, "12345");
    await Deno.mkdir(`${inside}/folder`);
    await Deno.writeTextFile(`${inside}/folder/f`, "123");
    await Deno.writeTextFile(`${inside}/g`, "1");
    await Deno.symlink(outside, `${inside}/link`);
    assertEquals(await root.measure(), { files: 2, bytes: 4 });
  }));

Deno.test("a source reads what it was opened as", () =>
  inFolders(async ({ root, inside }) => {
    await Deno.writeTextFile(`${inside}/f`, "0123456789");
    const source = await root.openSource(at("f"));
    const buffer = new Uint8Array(4);
    assertEquals(await source.readInto(buffer, 8), 2);
    assertEquals(buffer.subarray(0, 2), bytes("89"));
    assertEquals(await source.readInto(buffer, 10), 0);
    await Deno.rename(`${inside}/f`, `${inside}/g`);
    assert(!(await source.hasChanged()));
    await Deno.writeTextFile(`${inside}/g`, "more", { append: true });
    assertEquals(await source.readInto(buffer, 10), 0);
    assert(await source.hasChanged());
    await Deno.truncate(`${inside}/g`, 3);
    await rejectsWith("changed", () => source.readInto(buffer, 0));
    await source.close();
    await source.close();
  }));

Deno.test("the identity of a source follows its content", () =>
  inFolders(async ({ root, inside }) => {
    const identity = async () => {
      const source = await root.openSource(at("f"));
      await source.close();
      return source.identity;
    };
    await Deno.writeTextFile(`${inside}/f`, "one");
    const first = await identity();
    assertEquals(await identity(), first);
    await Deno.writeTextFile(`${inside}/f`, "three");
    assert(await identity() !== first);
  }));

Deno.test("with permission for one folder only, everything still works and links are refused", () =>
  inFolders(async ({ root, inside, outside }) => {
    await Deno.mkdir(`${inside}/folder`);
    await Deno.writeTextFile(`${inside}/folder/f`, "hello");
    await Deno.symlink(outside, `${inside}/out`);
    await Deno.symlink(`${outside}/secret`, `${inside}/leak`);
    await root.list(REMOTE_ROOT);
    const files = import.meta.resolve("../../lib/files/mod.ts");
    const crypto = import.meta.resolve("../../lib/crypto/mod.ts");
    const rootOf = import.meta.resolve("../support/root_of.ts");
    const program = `
      import { FileRoot, REMOTE_ROOT, remotePathFromComponents } from "${files}";
      import { LEAF_BYTES } from "${crypto}";
      import { rootOf } from "${rootOf}";
      const at = (...names: string[]) => remotePathFromComponents(names);
      const kindOf = (call: Promise<unknown>) => call.then(() => "ok", (error) => error.kind ?? error);
      const root = await FileRoot.open(Deno.args[0]!);
      const size = LEAF_BYTES + 5;
      const content = new Uint8Array(size).fill(7);
      const part = await root.openPartial(at("folder", "big"), {
        sizeBytes: size, modifiedMs: 1000, mode: 0o644, exists: "overwrite", sourceToken: "t",
      });
      await part.write(content);
      await part.commit(rootOf(content));
      await root.makeDirectory(at("made"), { parents: false });
      await root.rename(at("folder", "big"), at("made", "big"), { replace: false });
      console.log(JSON.stringify([
        (await root.list(REMOTE_ROOT)).map(({ name, kind }) => name + " " + kind),
        (await root.status(at("made", "big"))).sizeBytes,
        await kindOf(root.list(at("out"))),
        await kindOf(root.openSource(at("leak"))),
        await kindOf(root.openSource(at("out", "secret"))),
        await kindOf(root.removeTree(at("made"))),
      ]));
      await root.close();
    `;
    const config = new URL(import.meta.resolve("../../deno.json")).pathname;
    const script = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(script, program);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        `--config=${config}`,
        `--allow-read=${inside}`,
        `--allow-write=${inside}`,
        script,
        inside,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    await Deno.remove(script);
    const text = new TextDecoder().decode(stdout);
    assert(text !== "", new TextDecoder().decode(stderr));
    assertEquals(JSON.parse(text), [
      ["folder directory", "made directory", "leak other", "out other"],
      (1 << 20) + 5,
      "not-a-directory",
      "not-a-file",
      "not-a-directory",
      "ok",
    ]);
  }));

interface Folders {
  readonly root: FileRoot;
  readonly inside: string;
  readonly outside: string;
}

/** A served folder and a place beside it that holds `secret`; both are removed afterwards. */
async function inFolders(use: (folders: Folders) => Promise<void>): Promise<void> {
  const inside = await Deno.makeTempDir();
  const outside = await Deno.makeTempDir();
  await Deno.writeTextFile(`${outside}/secret`, "secret");
  const root = await FileRoot.open(inside);
  try {
    await use({ root, inside, outside });
  } finally {
    await root.close();
    await Deno.remove(inside, { recursive: true });
    await Deno.remove(outside, { recursive: true });
  }
}

function mkdir(root: FileRoot, path: string, options = { parents: false }): Promise<void> {
  return root.makeDirectory(at(path), options);
}

function rename(
  root: FileRoot,
  from: string,
  to: string,
  options = { replace: false },
): Promise<void> {
  return root.rename(at(from), at(to), options);
}

function partialOptions() {
  return {
    sizeBytes: 1,
    modifiedMs: 0,
    mode: 0o644,
    exists: "overwrite",
    sourceToken: "",
  } as const;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
