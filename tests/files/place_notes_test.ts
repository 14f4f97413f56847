import { assert, assertEquals } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import { FileRoot, type PartialFile, REMOTE_ROOT, resolveRemotePath } from "../../lib/files/mod.ts";
import { StoppedError } from "../support/faulty_calls.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { rootOf } from "../support/root_of.ts";

const DAY_MS = 24 * 3600 * 1000;
const STAGING = ".~ft-staging";
const SMALL = new Uint8Array(10).fill(7);
const BIG = new Uint8Array(LEAF_BYTES + 5000).fill(9);

/** Where a program that lives in /home receives: the folder it opens, and the file in it. */
const PLACES = {
  "another folder": { folder: "/else", name: "f" },
  "another disk below": { folder: "/home", name: "m/sub/f" },
  "another disk below another folder": { folder: "/else", name: "m/f" },
};

for (const [where, { folder, name }] of Object.entries(PLACES)) {
  for (const content of [SMALL, BIG]) {
    const what = `${content === BIG ? "a big" : "a small"} file for ${where}`;

    Deno.test(`${what}, killed at any call, leaves nothing that the home does not clean`, async () => {
      for (let call = 1;; call++) {
        const disk = newDisk();
        disk.faults = { stopAt: call };
        if (!await isStopped(() => putAndClose(disk, folder, name, content))) break;
        const after = disk.afterKill();
        await clean(after, after.nowMs + 8 * DAY_MS);
        assertEquals(leftovers(after), [], `after call ${call}`);
      }
    });

    Deno.test(`${what} that cannot be noted is received`, async () => {
      const disk = newDisk();
      const put = () => putAndClose(disk, folder, name, content);
      disk.onCall = (call) => {
        if (call === "makeDirectory") disk.faults = { failAt: 1, failCode: "EROFS" };
        disk.onCall = () => {};
      };
      await put();
      assertEquals(disk.contentOf(`${folder}/${name}`), content);
      assertEquals([leftovers(disk), disk.openHandles], [[], 0]);
    });
  }

  Deno.test(`what is parked for ${where} is found until it is resumed, or too old`, async () => {
    for (const end of ["resumed", "old"] as const) {
      const disk = newDisk();
      const root = await openFolder(disk, folder);
      await (await begin(root, name)).park();
      await root.close();
      await clean(disk, disk.nowMs + 6 * DAY_MS);
      assert(leftovers(disk).some((path) => path.endsWith(".places")), "the note is gone");
      if (end === "old") await clean(disk, disk.nowMs + 8 * DAY_MS);
      else {
        const again = await openFolder(disk, folder);
        const part = await begin(again, name);
        assertEquals(part.resumeOffset, LEAF_BYTES);
        await part.discard();
        await again.close();
      }
      assertEquals([leftovers(disk), disk.openHandles], [[], 0], end);
    }
  });

  Deno.test(`the notes of a program that lives outlast the cleaning of another, for ${where}`, async () => {
    const disk = newDisk();
    const root = await openFolder(disk, folder);
    await (await begin(root, name)).discard();
    await clean(disk, disk.nowMs + 8 * DAY_MS);
    const part = await begin(root, name);
    const other = await openFolder(disk, folder);
    const others = await begin(other, `${name}2`);
    await others.discard();
    await other.close();
    const after = disk.afterKill();
    await clean(after, after.nowMs + 8 * DAY_MS);
    assertEquals(leftovers(after), []);
    await part.discard();
    await root.close();
    await clean(disk, disk.nowMs); // the other one saw a part and kept its own note
    assertEquals([leftovers(disk), disk.openHandles], [[], 0]);
  });

  Deno.test(`what is old and in use stays, for ${where}`, async () => {
    const disk = newDisk();
    const root = await openFolder(disk, folder);
    const part = await begin(root, name);
    await clean(disk, disk.nowMs + 8 * DAY_MS);
    await part.write(BIG.subarray(LEAF_BYTES));
    await part.commit(rootOf(BIG));
    await root.close();
    assertEquals(disk.contentOf(`${folder}/${name}`), BIG);
    assertEquals([leftovers(disk), disk.openHandles], [[], 0]);
  });

  Deno.test(`a checkpoint makes the note durable, for ${where}`, async () => {
    const disk = newDisk();
    let nowMs = 0;
    const root = await FileRoot.open(folder, { disk, home: "/home", nowMs: () => nowMs });
    const part = await root.openPartial(resolveRemotePath(REMOTE_ROOT, name), options(BIG));
    nowMs = 6000;
    await part.write(BIG.subarray(0, LEAF_BYTES));
    await part.park();
    const after = disk.afterPowerLoss(() => 0);
    assert(leftovers(after).some((path) => path.endsWith(".part")), "the part is gone");
    await clean(after, after.nowMs + 8 * DAY_MS);
    assertEquals(leftovers(after), []);
  });
}

Deno.test("a copy that a kill left beside its target is cleaned", async () => {
  const disk = newDisk();
  disk.onCall = (call) => {
    // The next write is that of the copy.
    if (call === "rename") disk.faults = { failOnly: ["rename"], failAt: 1, failCode: "EXDEV" };
  };
  const writesOf = (calls: readonly string[]) => calls.filter((call) => call === "write").length;
  const isKilled = await isStopped(async () => {
    const root = await openFolder(disk, "/home");
    const { onCall } = disk;
    disk.onCall = (call) => {
      onCall(call);
      if (call === "write" && writesOf(disk.calls) === 3) disk.faults = { stopAt: 1 };
    };
    await put(root, "folder/f", SMALL);
  });
  assert(isKilled);
  const after = disk.afterKill();
  assertEquals(after.namesIn("/home/folder"), [".~ft-small-0.part"]);
  await clean(after, after.nowMs + 8 * DAY_MS);
  assertEquals(leftovers(after), []);
});

Deno.test("cleaning noted places touches only what is Ferry's, and follows no link", async () => {
  const disk = newDisk();
  const lines = [
    ["staging", "/linked"],
    ["parts", "/else"],
    ["parts", "/else", "link"],
    ["parts", null, "..", "victim"],
    ["other", "/victim"],
    ["parts", 7],
    ["parts", "/else", 7],
  ].map((fields) => JSON.stringify(fields));
  const torn = '["parts","/vic';
  const text = [...lines, "no json", torn].join("\n");
  disk.putFile(`/home/${STAGING}/0.places`, new TextEncoder().encode(text));
  disk.putNode(`/linked/${STAGING}`, "symlink");
  disk.putNode("/else/link", "symlink");
  disk.putNode("/else/.~ft-folder.part", "directory");
  const untouched = [
    "/else/x.part",
    "/else/.~ft-x.txt",
    "/else/.~ft-x.note",
    "/victim/.~ft-x.part",
  ];
  for (const path of [...untouched, "/else/.~ft-x.part"]) disk.putFile(path, SMALL);
  await clean(disk, disk.nowMs + 8 * DAY_MS);
  for (const path of untouched) assertEquals(disk.contentOf(path), SMALL, path);
  assertEquals(disk.statusOf(`/linked/${STAGING}`)?.kind, "symlink");
  assertEquals(disk.statusOf("/else/.~ft-folder.part")?.kind, "directory");
  assertEquals(disk.contentOf("/else/.~ft-x.part"), null);
});

Deno.test("places that are gone are forgotten", async () => {
  const disk = newDisk();
  const text = '["staging","/nowhere"]\n["parts",null,"no","folder"]\n["parts","/else/f"]\n';
  disk.putFile(`/home/${STAGING}/3.places`, new TextEncoder().encode(text));
  disk.putFile("/else/f", SMALL);
  await clean(disk, disk.nowMs);
  assertEquals(leftovers(disk), []);
});

Deno.test("receiving many files elsewhere writes one note and flushes it never", async () => {
  const disk = newDisk();
  const root = await openFolder(disk, "/else");
  for (let index = 0; index < 20; index++) await put(root, `f${index}`, SMALL);
  assertEquals(disk.calls.filter((call) => call === "write").length, 21);
  assertEquals(disk.calls.filter((call) => call === "sync").length, 20);
  await root.close();
  assertEquals([leftovers(disk), disk.openHandles], [[], 0]);
});

Deno.test("no more than a megabyte is noted, whatever number of folders is received in", async () => {
  const disk = newDisk();
  const root = await openFolder(disk, "/home");
  const above = `m/${Array(15).fill("x".repeat(250)).join("/")}`;
  for (let index = 0; index < 300; index++) {
    const folder = `${above}/${index}`;
    await root.makeDirectory(resolveRemotePath(REMOTE_ROOT, folder), { parents: true });
    await put(root, `${folder}/f`, SMALL);
    assertEquals(disk.contentOf(`/home/${folder}/f`), SMALL);
  }
  const { length } = disk.contentOf(`/home/${STAGING}/0.places`)!;
  assert(length > 1_000_000 && length <= 1_048_576, `${length} bytes`);
  await root.close();
  assertEquals([leftovers(disk), disk.openHandles], [[], 0]);
});

function newDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  for (const path of ["/home/folder", "/else"]) disk.putNode(path, "directory");
  for (const path of ["/home/m", "/else/m"]) disk.putNode(path, "directory", { device: 2 });
  disk.putNode("/home/m/sub", "directory");
  return disk;
}

async function openFolder(disk: MemoryDisk, folder: string): Promise<FileRoot> {
  return await FileRoot.open(folder, { disk, home: "/home" });
}

const options = (content: Uint8Array) => ({
  sizeBytes: content.length,
  modifiedMs: 0,
  mode: 0o644,
  exists: "overwrite" as const,
  sourceToken: "token",
});

/** A big file of which the first leaf is there. */
async function begin(root: FileRoot, name: string): Promise<PartialFile> {
  const part = await root.openPartial(resolveRemotePath(REMOTE_ROOT, name), options(BIG));
  if (part.resumeOffset === 0) await part.write(BIG.subarray(0, LEAF_BYTES));
  return part;
}

async function put(root: FileRoot, name: string, content: Uint8Array): Promise<void> {
  const part = await root.openPartial(resolveRemotePath(REMOTE_ROOT, name), options(content));
  await part.write(content);
  await part.commit(rootOf(content));
}

async function putAndClose(
  disk: MemoryDisk,
  folder: string,
  name: string,
  content: Uint8Array,
): Promise<void> {
  const root = await openFolder(disk, folder);
  await put(root, name, content);
  await root.close();
}

/** Whether the program was killed on its way; anything else that goes wrong is passed on. */
async function isStopped(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      if (cause instanceof StoppedError) return true;
    }
    throw error;
  }
}

/** What a program does that starts in /home. */
async function clean(disk: MemoryDisk, nowMs: number): Promise<void> {
  const home = await FileRoot.open("/home", { disk });
  await home.cleanStaging({ nowMs });
  await home.close();
}

/** Whatever has one of Ferry's names. */
function leftovers(disk: MemoryDisk): string[] {
  const below = (path: string): string[] =>
    disk.namesIn(path).flatMap((name) => [
      ...name.startsWith(".~ft-") || path.endsWith(STAGING) ? [`${path}/${name}`] : [],
      ...below(`${path}/${name}`),
    ]);
  return below("");
}
