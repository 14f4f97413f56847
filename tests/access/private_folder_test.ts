import { assert, assertEquals, assertRejects } from "@std/assert";
import { PrivateFolder } from "../../lib/access/mod.ts";
import { folderOptions, withPrivateFolder, withTemporary } from "./support.ts";

const HAS_MODES = folderOptions.hasModes;

Deno.test("PrivateFolder makes folder and files for one user alone", async () => {
  await withPrivateFolder(async (folder) => {
    await folder.write("a", text("one"));
    await folder.write("a", text("two"));
    assertEquals(await folder.read("a"), text("two"));
    assertEquals(await folder.read("b"), null);
    assertEquals(await namesIn(folder.path), ["a"]);
    if (!HAS_MODES) return;
    assertEquals((await Deno.stat(folder.path)).mode! & 0o777, 0o700);
    assertEquals((await Deno.stat(`${folder.path}/a`)).mode! & 0o777, 0o600);
    assert(!await folder.isExposed("a"));
    await Deno.chmod(`${folder.path}/a`, 0o640);
    assert(await folder.isExposed("a"));
  });
});

Deno.test("PrivateFolder.create() keeps what is there", async () => {
  await withPrivateFolder(async (folder) => {
    assertEquals(await folder.create("a", text("one")), text("one"));
    assertEquals(await folder.create("a", text("two")), text("one"));
    const all = await Promise.all([1, 2, 3].map((n) => folder.create("b", text(`${n}`))));
    const kept = await folder.read("b");
    assertEquals(all, [kept!, kept!, kept!]);
    assertEquals((await namesIn(folder.path)).toSorted(), ["a", "b"]);
  });
});

Deno.test("PrivateFolder.removeIf() removes only what it knows", async () => {
  await withPrivateFolder(async (folder) => {
    await folder.write("a", text("theirs"));
    await folder.removeIf("a", text("ours"));
    assertEquals(await folder.read("a"), text("theirs"));
    await folder.removeIf("a", text("theirs"));
    assertEquals(await folder.read("a"), null);
    await folder.removeIf("a", text("theirs"));
  });
});

Deno.test("PrivateFolder refuses a folder that others may write to", async () => {
  if (!HAS_MODES) return;
  await withTemporary(async (path) => {
    await Deno.chmod(path, 0o777);
    await assertRejects(() => PrivateFolder.open(path, folderOptions), Error, "others may");
    assertEquals(await PrivateFolder.find(path, folderOptions), null);
  });
});

Deno.test("PrivateFolder does not follow a link in place of a file", async () => {
  await withPrivateFolder(async (folder) => {
    await Deno.writeTextFile(`${folder.path}/../outside`, "x");
    await Deno.symlink("../outside", `${folder.path}/a`);
    await assertRejects(() => folder.read("a"));
    await folder.write("a", text("y"));
    assertEquals(await Deno.readTextFile(`${folder.path}/../outside`), "x");
  });
});

Deno.test("PrivateFolder.find() makes nothing", async () => {
  await withTemporary(async (path) => {
    assertEquals(await PrivateFolder.find(`${path}/none`, folderOptions), null);
    assertEquals(await namesIn(path), []);
  });
});

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}
