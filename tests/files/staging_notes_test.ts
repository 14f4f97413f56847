import { assert, assertEquals } from "@std/assert";
import { FileRoot } from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";

const STAGING = "/r/.~ft-staging";
const HOUR_MS = 3600 * 1000;

async function openRoot(): Promise<{ disk: MemoryDisk; root: FileRoot }> {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  return { disk, root: await FileRoot.open("/r", { disk }) };
}

Deno.test("notes are kept once, read oldest first and dropped", async () => {
  const { disk, root } = await openRoot();
  for (const text of ["first", "second", "first"]) {
    disk.nowMs += 1000;
    await root.keepNote(text);
  }
  assertEquals(await root.notes(), ["second", "first"]);
  await root.dropNote("second");
  await root.dropNote("never kept");
  assertEquals(await root.notes(), ["first"]);
  await root.dropNote("first");
  assertEquals(disk.openHandles, 1);
  await root.close();
  assertEquals(disk.namesIn("/r"), []);
});

Deno.test("a note that is asked to be durable survives a power loss", async () => {
  const { disk, root } = await openRoot();
  await root.keepNote("lost");
  assertEquals(disk.calls.filter((name) => name.startsWith("sync")), []);
  await root.keepNote("kept", { isDurable: true });
  const after = await FileRoot.open("/r", { disk: disk.afterPowerLoss(() => 0) });
  assert((await after.notes()).includes("kept"));
});

Deno.test("a note is kept and read whatever another program removes meanwhile", async () => {
  const { disk, root } = await openRoot();
  let openCount = 0;
  disk.onCall = (name) => {
    if (name === "openFile" && openCount++ === 0) disk.removeIfEmpty(STAGING);
  };
  await root.keepNote("first");
  await root.keepNote("second");
  const other = await FileRoot.open("/r", { disk });
  let hasDropped = false;
  disk.onCall = (name) => {
    if (name !== "openFile" || hasDropped) return;
    hasDropped = true;
    disk.removeFile(`${STAGING}/${disk.namesIn(STAGING)[0]}`);
  };
  assertEquals((await other.notes()).length, 1);
});

Deno.test("a note that is not whole is removed", async () => {
  const { disk, root } = await openRoot();
  await root.keepNote("whole");
  disk.putFile(`${STAGING}/${"0".repeat(32)}.note`, new Uint8Array([1, 2, 3]));
  assertEquals(await root.notes(), ["whole"]);
  assertEquals(disk.namesIn(STAGING).length, 1);
});

Deno.test("cleanStaging() removes notes after a week, and small parts of killed programs after an hour", async () => {
  const { disk, root } = await openRoot();
  await root.keepNote("old");
  disk.putFile(`${STAGING}/small-7.part`, new Uint8Array(100));
  const { nowMs } = disk;
  assertEquals((await root.cleanStaging({ nowMs: nowMs + HOUR_MS / 2 })).removed, 0);
  assertEquals(await root.cleanStaging({ nowMs: nowMs + 2 * HOUR_MS }), { removed: 1, bytes: 100 });
  assertEquals(await root.notes(), ["old"]);
  assertEquals((await root.cleanStaging({ nowMs: nowMs + 8 * 24 * HOUR_MS })).removed, 1);
  assertEquals(await root.notes(), []);
});
