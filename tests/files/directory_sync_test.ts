import { assertEquals, assertRejects } from "@std/assert";
import { DirectorySync } from "../../lib/files/directory_sync.ts";
import type { DiskDirectory } from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";

Deno.test("DirectorySync.sync() lets those who come during a flush share the next one", async () => {
  const { disk, directory } = await openDirectory();
  const syncs = new DirectorySync();
  const first = syncs.sync(directory);
  await Promise.resolve();
  await Promise.all([first, ...Array.from({ length: 10 }, () => syncs.sync(directory))]);
  assertEquals(disk.calls.filter((name) => name === "syncDirectory").length, 2);
  await syncs.sync(directory);
  assertEquals(disk.calls.filter((name) => name === "syncDirectory").length, 3);
  directory.close();
});

Deno.test("DirectorySync.sync() makes durable what was done before each call", async () => {
  const { disk, directory } = await openDirectory();
  const syncs = new DirectorySync();
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    for (let turn = 0; turn < index % 7; turn++) await Promise.resolve();
    await directory.makeDirectory(`d${index}`, 0o755);
    await syncs.sync(directory);
    assertEquals(disk.afterPowerLoss(() => 0).statusOf(`/r/d${index}`)?.kind, "directory");
  }));
  directory.close();
});

Deno.test("DirectorySync.sync() tells a failure to all who came before it, and to nobody after it", async () => {
  const { disk, directory } = await openDirectory();
  const syncs = new DirectorySync();
  disk.faults = { failOnly: ["syncDirectory"], failAt: 1 };
  const during = [1, 2, 3].map(() => assertRejects(() => syncs.sync(directory), Error, "EIO"));
  await Promise.all(during);
  assertEquals(disk.calls.filter((name) => name === "syncDirectory").length, 1);
  await syncs.sync(directory);
  await Promise.all([syncs.sync(directory), syncs.sync(directory)]);
  directory.close();
});

async function openDirectory(): Promise<{ disk: MemoryDisk; directory: DiskDirectory }> {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  return { disk, directory: await disk.openRoot("/r", { create: false }) };
}

Deno.test("DirectorySync.sync() leaves the flush to who knows how, once for all who wait", async () => {
  const { disk, directory } = await openDirectory();
  const ends: PromiseWithResolvers<void>[] = [];
  const syncs = new DirectorySync(() => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  const synced = [syncs.sync(directory), syncs.sync(directory), syncs.sync(directory)];
  await Promise.resolve();
  await Promise.resolve();
  ends[0]!.resolve();
  await synced[0];
  ends[1]!.resolve();
  await Promise.all(synced);
  assertEquals([ends.length, disk.calls.includes("syncDirectory")], [2, false]);
  directory.close();
});
