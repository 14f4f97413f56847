import { assert, assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import {
  FileError,
  type FileErrorKind,
  FileRoot,
  type PartialFile,
  REMOTE_ROOT,
  resolveRemotePath,
} from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { rootOf } from "../support/root_of.ts";

const STAGING = "/r/.~ft-staging";

Deno.test("a guarded disk keeps a twentieth of it free, others none", async () => {
  for (const guardsDisk of [true, false]) {
    const { disk, root } = await openRoot({ guardsDisk });
    disk.capacityBytes = 20 * LEAF_BYTES;
    if (guardsDisk) {
      const error = await refused(() => begin(root, "f", 20 * LEAF_BYTES - 500));
      assert(/ \d+ more bytes/.test(error.message));
      assertEquals(disk.namesIn(STAGING), []);
    }
    const part = await begin(root, "f", (guardsDisk ? 19 : 20) * LEAF_BYTES - 500);
    await part.park();
  }
});

Deno.test("a guarded disk of any size keeps no more than 256 MiB free", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  disk.capacityBytes = 2 ** 40;
  await (await begin(root, "f", 2 ** 40 - 257 * 2 ** 20)).park();
  await refused(() => begin(root, "f", 2 ** 40 - 255 * 2 ** 20));
});

for (const guardsDisk of [true, false]) {
  const title = guardsDisk ? "a guarded disk" : "any other disk";

  Deno.test(`of two files that fit one by one and not together ${title} refuses the second at once`, async () => {
    const { disk, root } = await openRoot({ guardsDisk });
    disk.capacityBytes = 100 * LEAF_BYTES;
    const endings = {
      parked: (part: PartialFile) => part.park(),
      discarded: (part: PartialFile) => part.discard(),
      failed: async (part: PartialFile) => {
        await refused(() => part.commit(new Uint8Array(32)), "changed");
      },
    };
    for (const [ending, end] of Object.entries(endings)) {
      const first = await begin(root, "a", 50 * LEAF_BYTES);
      const before = disk.namesIn(STAGING);
      const error = await refused(() => begin(root, "b", 50 * LEAF_BYTES));
      assert(error.message.includes(`beside ${50 * LEAF_BYTES} that are promised`), error.message);
      assertEquals(disk.namesIn(STAGING), before);
      await end(first);
      await (await begin(root, "b", 50 * LEAF_BYTES)).discard();
      assertEquals(disk.namesIn(STAGING), [], ending);
    }
    const both = ["a", "b"].map((name) => begin(root, name, 50 * LEAF_BYTES));
    const outcomes = await Promise.allSettled(both);
    assertEquals(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    for (const each of outcomes) if (each.status === "fulfilled") await each.value.discard();
    await root.close();
    assertEquals(disk.openHandles, 0);
  });

  Deno.test(`what has come of a file is not counted once more by ${title}`, async () => {
    const { disk, root } = await openRoot({ guardsDisk });
    disk.capacityBytes = 20 * LEAF_BYTES;
    const size = 12 * LEAF_BYTES;
    // Of 20 leaves 12 are spoken for and 1 is reserved. Journals take some bytes, and a leaf that is just being
    // written may be counted twice, but not none.
    const roomLeaves = guardsDisk ? 7 : 8;
    const assertRoomLeft = async () => {
      await refused(() => begin(root, "b", roomLeaves * LEAF_BYTES));
      await (await begin(root, "b", (roomLeaves - 3) * LEAF_BYTES)).discard();
    };
    const first = await begin(root, "a", size);
    await assertRoomLeft();
    await writeLeaves(first, 10);
    await first.park();
    const second = await begin(root, "a", size);
    assertEquals(second.resumeOffset, 10 * LEAF_BYTES);
    await assertRoomLeft();
    // Other content of the source: what was held goes, and comes once more.
    await second.discardFrom(4);
    await assertRoomLeft();
    await writeLeaves(second, 5);
    await assertRoomLeft();
    await writeLeaves(second, 3);
    await second.commit(rootOf(new Uint8Array(size)));
    await assertRoomLeft();
    await root.close();
    assertEquals(disk.openHandles, 0);
  });
}

Deno.test("what is promised on one disk takes nothing of another, and keeps no small file out", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  disk.putNode("/r/mount", "directory", { device: 2 });
  disk.capacityBytes = disk.mountedCapacityBytes = 100 * LEAF_BYTES;
  const first = await begin(root, "a", 90 * LEAF_BYTES);
  const second = await begin(root, "mount/b", 90 * LEAF_BYTES);
  for (let count = 0; count < 8; count++) await putSmall(root, `small${count}`, LEAF_BYTES);
  for (const part of [first, second]) await part.discard();
});

Deno.test("files of two programs that fit one by one and not together leave the reserve free", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  const other = await FileRoot.open("/r", { disk, guardsDisk: true });
  disk.capacityBytes = 100 * LEAF_BYTES;
  const parts = [await begin(root, "a", 80 * LEAF_BYTES), await begin(other, "b", 80 * LEAF_BYTES)];
  const leaf = new Uint8Array(LEAF_BYTES);
  const error = await refused(async () => {
    for (;;) for (const part of parts) await part.write(leaf);
  });
  assertEquals(error.code, undefined, "the disk itself had room");
  for (const part of parts) await part.park();
  const free = disk.capacityBytes - disk.usedBytes;
  // One leaf may be on its way when room for the other is looked for; journals are not counted.
  assert(free > 3.9 * LEAF_BYTES && free < 8 * LEAF_BYTES, `${free / LEAF_BYTES} leaves are free`);
  await refused(() => putSmall(root, "small", LEAF_BYTES));
  disk.capacityBytes = 200 * LEAF_BYTES;
  assert((await begin(root, "a", 80 * LEAF_BYTES)).resumeOffset > 40 * LEAF_BYTES);
});

Deno.test("small files are refused before they take of the reserve", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  disk.capacityBytes = 10 * LEAF_BYTES;
  let count = 0;
  await refused(async () => {
    for (;; count++) await putSmall(root, `f${count}`, 100_000);
  });
  assertEquals(count, Math.floor(9.5 * LEAF_BYTES / 100_000));
  assertEquals(disk.namesIn(STAGING), []);
  assertEquals(disk.openHandles, 1);
});

Deno.test("who has left a quarter of the disk unfinished begins nothing new before something is continued", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  disk.capacityBytes = 100 * LEAF_BYTES;
  for (const name of ["a", "b", "c"]) await leave(root, name, 9, "one");
  const before = disk.namesIn(STAGING);
  await refused(() => begin(root, "d", 2 * LEAF_BYTES, "one"), "quota");
  assertEquals(disk.namesIn(STAGING), before, "nothing is lost, and nothing came");
  await putSmall(root, "small", 1000, "one");
  await (await begin(root, "d", 2 * LEAF_BYTES, "two")).discard();

  const resumed = await begin(root, "a", 20 * LEAF_BYTES, "one");
  assertEquals(resumed.resumeOffset, 9 * LEAF_BYTES);
  const other = await begin(root, "d", 2 * LEAF_BYTES, "one");
  await other.discard();
  await resumed.park();
  await refused(() => begin(root, "d", 2 * LEAF_BYTES, "one"), "quota");
  await root.close();
  assertEquals(disk.openHandles, 0);
});

Deno.test("counting what a sender has left keeps nobody from going on with it", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  disk.capacityBytes = 8 * LEAF_BYTES;
  const left = await begin(root, "a", 4 * LEAF_BYTES);
  for (let leaf = 0; leaf < 3; leaf++) await left.write(new Uint8Array(LEAF_BYTES));
  await left.park();
  // At whatever moment of the counting it is gone on with.
  for (let turns = 0; turns < 60; turns++) {
    const counting = begin(root, "d", 2 * LEAF_BYTES).then((part) => part.discard(), () => {});
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    const resumed = await begin(root, "a", 4 * LEAF_BYTES);
    assertEquals(resumed.resumeOffset, 3 * LEAF_BYTES);
    await counting;
    await resumed.park();
  }
  await root.close();
  assertEquals(disk.openHandles, 0);
});

Deno.test("what is being received does not count as left", async () => {
  const { disk, root } = await openRoot({ guardsDisk: true });
  disk.capacityBytes = 100 * LEAF_BYTES;
  const parts = [];
  for (const name of ["a", "b", "c", "d"]) {
    const part = await begin(root, name, 20 * LEAF_BYTES, "one");
    for (let leaf = 0; leaf < 19; leaf++) await part.write(new Uint8Array(LEAF_BYTES));
    parts.push(part);
  }
  parts.push(await begin(root, "e", 2 * LEAF_BYTES, "one"));
  for (const part of parts) await part.discard();
});

Deno.test("a disk that is not guarded takes whatever it has room for", async () => {
  const { disk, root } = await openRoot({ guardsDisk: false });
  disk.capacityBytes = 100 * LEAF_BYTES;
  for (const name of ["a", "b", "c"]) await leave(root, name, 19, "one");
  await (await begin(root, "d", 2 * LEAF_BYTES, "one")).discard();
});

async function openRoot(options: { guardsDisk: boolean }) {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  return { disk, root: await FileRoot.open("/r", { disk, ...options }) };
}

async function begin(root: FileRoot, name: string, sizeBytes: number, sender = "") {
  return await root.openPartial(resolveRemotePath(REMOTE_ROOT, name), {
    ...{ sizeBytes, sender, modifiedMs: 0, mode: 0o644, exists: "overwrite", sourceToken: "t" },
  });
}

async function writeLeaves(part: PartialFile, count: number) {
  for (let leaf = 0; leaf < count; leaf++) await part.write(new Uint8Array(LEAF_BYTES));
}

/** Parks so many leaves of a file that has 20. */
async function leave(root: FileRoot, name: string, leafCount: number, sender: string) {
  const part = await begin(root, name, 20 * LEAF_BYTES, sender);
  for (let leaf = 0; leaf < leafCount; leaf++) await part.write(new Uint8Array(LEAF_BYTES));
  await part.park();
}

async function putSmall(root: FileRoot, name: string, sizeBytes: number, sender = "") {
  const part = await begin(root, name, sizeBytes, sender);
  const content = new Uint8Array(sizeBytes);
  await part.write(content);
  await part.commit(rootOf(content));
}

async function refused(
  work: () => Promise<unknown>,
  kind: FileErrorKind = "no-space",
): Promise<FileError> {
  const error = await assertRejects(work, FileError);
  assertEquals(error.kind, kind);
  return error;
}
