import { assert, assertEquals } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import {
  FileRoot,
  type PartialOptions,
  REMOTE_ROOT,
  resolveRemotePath,
} from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { rootOf } from "../support/root_of.ts";

const STAGING = "/r/.~ft-staging";
const DAY_MS = 24 * 3600 * 1000;

Deno.test("cleanStaging() removes what is older than a week and not in use", async () => {
  const { disk, root } = await openRoot();
  await park(root, "old");
  const used = await begin(root, "used");
  disk.nowMs += 6 * DAY_MS;
  await park(root, "young");
  const nowMs = disk.nowMs + 2 * DAY_MS;
  const { removed } = await root.cleanStaging({ nowMs });
  assertEquals(removed, 1);
  assertEquals(disk.namesIn("/r/.~ft-staging").length, 4);
  await used.discard();
  assertEquals(await resumeOffset(root, "old"), 0);
  assertEquals(await resumeOffset(root, "young"), LEAF_BYTES);
  assertEquals(disk.openHandles, 1);
});

Deno.test("cleanStaging() removes the oldest until the quota is kept", async () => {
  const { disk, root } = await openRoot();
  for (const name of ["first", "second", "third"]) {
    disk.nowMs += 1000;
    await park(root, name);
  }
  const { removed, bytes } = await root.cleanStaging({
    nowMs: disk.nowMs,
    quotaBytes: 2.5 * LEAF_BYTES,
  });
  assertEquals([removed, bytes > LEAF_BYTES], [1, true]);
  assertEquals(await resumeOffset(root, "first"), 0);
  assertEquals(await resumeOffset(root, "second"), LEAF_BYTES);
});

Deno.test("cleanStaging() removes the others when one cannot be removed", async () => {
  const { disk, root } = await openRoot();
  for (const name of ["first", "second", "third"]) await park(root, name);
  const { nowMs } = disk;
  disk.faults = { failOnly: ["openFile"], failAt: 1, failCode: "EACCES" };
  assertEquals((await root.cleanStaging({ nowMs: nowMs + 8 * DAY_MS })).removed, 2);
  assertEquals(disk.namesIn(STAGING).length, 2);
  disk.onCall = (name) => {
    if (name === "openFile") disk.removeFile(`${STAGING}/${disk.namesIn(STAGING)[0]}`);
  };
  assertEquals((await root.cleanStaging({ nowMs: nowMs + 8 * DAY_MS })).removed, 0);
  assertEquals(disk.openHandles, 1);
});

Deno.test("cleanStaging() keeps a transfer that began under the name of one that just ended", async () => {
  const { disk, root } = await openRoot();
  await park(root, "f");
  const isLog = (name: string) => name.endsWith(".log");
  disk.onCall = (name) => {
    if (name !== "tryLock") return;
    disk.onCall = () => {};
    const path = `${STAGING}/${disk.namesIn(STAGING).find(isLog)}`;
    disk.removeFile(path);
    disk.putFile(path, new Uint8Array(10));
  };
  assertEquals((await root.cleanStaging({ nowMs: disk.nowMs + 8 * DAY_MS })).removed, 0);
  assertEquals(disk.namesIn(STAGING).length, 2);
  assertEquals(disk.openHandles, 1);
});

Deno.test("cleanStaging() removes what is left of a file that has its name, however young, and does not count it", async () => {
  for (const exists of ["overwrite", "fail"] as const) {
    const { disk, root } = await openRoot();
    const part = await begin(root, "f", { exists });
    for (let leaf = 1; leaf < 3; leaf++) await part.write(new Uint8Array(LEAF_BYTES));
    disk.faults = { failOnly: ["removeFile"], failAt: 1, failCode: "EIO" };
    // After a rename it is the journal that stays, after a link the second name as well.
    await part.commit(rootOf(new Uint8Array(3 * LEAF_BYTES))).catch(
      () => {},
    );
    disk.faults = {};
    assertEquals(disk.contentOf("/r/f")?.length, 3 * LEAF_BYTES);
    assert(disk.namesIn(STAGING).length > 0);
    assertEquals(await root.cleanStaging({ nowMs: disk.nowMs }), { removed: 0, bytes: 0 });
    assertEquals(disk.namesIn(STAGING), []);
    assertEquals(disk.contentOf("/r/f")?.length, 3 * LEAF_BYTES);
    assertEquals(disk.openHandles, 1);
  }
});

Deno.test("cleanStaging() keeps an empty journal, and a part that was parked since it looked", async () => {
  const { disk, root } = await openRoot();
  disk.putFile(`${STAGING}/begins.log`, new Uint8Array(0));
  await park(root, "f");
  const part = `${STAGING}/${disk.namesIn(STAGING).find((name) => name.endsWith(".part"))}`;
  const content = disk.contentOf(part)!;
  disk.removeFile(part);
  disk.onCall = (name) => {
    if (name === "tryLock") disk.putFile(part, content);
  };
  await root.cleanStaging({ nowMs: disk.nowMs });
  assertEquals(disk.namesIn(STAGING).length, 3);
});

Deno.test("cleanStaging() keeps young parts without a journal and removes old ones", async () => {
  const { disk, root } = await openRoot();
  disk.putFile("/r/.~ft-staging/small-0.part", new Uint8Array(10));
  const { nowMs } = disk;
  assertEquals((await root.cleanStaging({ nowMs, quotaBytes: 0 })).removed, 0);
  assertEquals(await root.cleanStaging({ nowMs: nowMs + 8 * DAY_MS }), { removed: 1, bytes: 10 });
});

Deno.test("cleanStaging() keeps what is resumable when the clock is set back a year", async () => {
  const { disk, root } = await openRoot();
  disk.nowMs = 500 * DAY_MS;
  await park(root, "f");
  disk.nowMs -= 365 * DAY_MS;
  assertEquals((await root.cleanStaging({ nowMs: disk.nowMs })).removed, 0);
  assertEquals(await resumeOffset(root, "f"), LEAF_BYTES);
});

Deno.test("cleanStaging() has nothing to do in a folder without a staging folder", async () => {
  const { disk, root } = await openRoot();
  assertEquals(await root.cleanStaging({ nowMs: 0 }), { removed: 0, bytes: 0 });
  assertEquals(disk.namesIn("/r"), []);
});

async function openRoot(): Promise<{ disk: MemoryDisk; root: FileRoot }> {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  return { disk, root: await FileRoot.open("/r", { disk }) };
}

async function begin(
  root: FileRoot,
  name: string,
  { exists }: Pick<PartialOptions, "exists"> = { exists: "overwrite" },
) {
  const part = await root.openPartial(resolveRemotePath(REMOTE_ROOT, name), {
    sizeBytes: 3 * LEAF_BYTES,
    modifiedMs: 0,
    mode: 0o644,
    exists,
    sourceToken: name,
  });
  if (part.resumeOffset === 0) await part.write(new Uint8Array(LEAF_BYTES));
  return part;
}

async function park(root: FileRoot, name: string): Promise<void> {
  await (await begin(root, name)).park();
}

async function resumeOffset(root: FileRoot, name: string): Promise<number> {
  const part = await root.openPartial(resolveRemotePath(REMOTE_ROOT, name), {
    sizeBytes: 3 * LEAF_BYTES,
    modifiedMs: 0,
    mode: 0o644,
    exists: "overwrite",
    sourceToken: name,
  });
  const { resumeOffset } = part;
  await part.park();
  return resumeOffset;
}
