import { assert, assertEquals } from "@std/assert";
import { systemDisk } from "../../lib/files/mod.ts";
import { testDisk } from "../conformance/disk_suite.ts";
import { MemoryDisk } from "../support/memory_disk.ts";

testDisk("systemDisk", async () => {
  const path = await Deno.makeTempDir();
  return {
    disk: systemDisk,
    path,
    makeLink: (name, target) => Deno.symlink(target, `${path}/${name}`),
    remove: () => Deno.remove(path, { recursive: true }),
  };
});

testDisk("MemoryDisk", () => {
  const disk = new MemoryDisk();
  disk.putNode("/root", "directory");
  return Promise.resolve({
    disk,
    path: "/root",
    makeLink: (name, _target) => Promise.resolve(disk.putNode(`/root/${name}`, "symlink")),
    remove: () => Promise.resolve(assertEquals(disk.openHandles, 0)),
  });
});

Deno.test("systemDisk knows the free space", async () => {
  const directory = await systemDisk.openRoot(Deno.cwd(), { create: false });
  const space = await directory.space();
  assert(space === null || space.freeBytes > 0 && space.totalBytes >= space.freeBytes);
  directory.close();
});

Deno.test("systemDisk reads short and long directories the same way", async () => {
  const path = await Deno.makeTempDir();
  try {
    const directory = await systemDisk.openRoot(path, { create: false });
    const expected: string[] = [];
    for (const count of [0, 3, 1500]) {
      while (expected.length < count) {
        const name = `name ${String(expected.length).padStart(5, "0")}`;
        await Deno.writeTextFile(`${path}/${name}`, "");
        expected.push(name);
      }
      assertEquals((await directory.names()).sort(), expected);
      assertEquals((await directory.list()).map(({ name }) => name).sort(), expected);
      const together = await Promise.all([1, 2, 3].map(() => directory.names()));
      assertEquals(together.map((names) => names.length), [count, count, count]);
    }
    directory.close();
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
