import { assertEquals } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import { FileRoot } from "../../lib/files/mod.ts";
import { at, BIG, bytes, openMemoryRoot, options, STAGING } from "./parts.ts";

async function parkAt(root: FileRoot, path: string, sender = ""): Promise<void> {
  const part = await root.openPartial(at(path), { ...options(BIG), sender });
  await part.write(BIG.subarray(0, LEAF_BYTES));
  await part.park();
}

Deno.test("dropPart() removes what one sender has left for one path", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/below", "directory");
  const left = [["f", ""], ["f", "somebody"], ["g", ""], ["below/f", ""]] as const;
  for (const [path, sender] of left) await parkAt(root, path, sender);
  for (const [index, [path, sender]] of left.entries()) {
    assertEquals(disk.namesIn(STAGING).length, 2 * (left.length - index));
    await root.dropPart(at(path), { sender });
    const part = await root.openPartial(at(path), { ...options(BIG), sender });
    assertEquals(part.resumeOffset, 0);
    await part.discard();
  }
  await root.close();
  assertEquals(disk.namesIn("/r"), ["below"]);
  assertEquals(disk.openHandles, 0);
});

Deno.test("dropPart() finds what is hidden on another file system", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/mount", "directory", { device: 2 });
  await parkAt(root, "mount/f");
  assertEquals(disk.namesIn("/r/mount").length, 2);
  await root.dropPart(at("mount/f"));
  assertEquals(disk.namesIn("/r/mount"), []);
  await root.close();
});

Deno.test("dropPart() finds a copy that a killed program was making", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/mount", "directory");
  await parkAt(root, "mount/f");
  const part = disk.namesIn(STAGING).find((name) => name.endsWith(".part"))!;
  disk.putFile(`/r/mount/.~ft-${part}`, bytes("half of it"));
  await root.dropPart(at("mount/f"));
  assertEquals([disk.namesIn("/r/mount"), disk.namesIn(STAGING)], [[], []]);
});

Deno.test("dropPart() leaves alone what is being written, and does nothing where there is nothing", async () => {
  const { disk, root } = await openMemoryRoot();
  for (const path of ["f", "none/f"]) await root.dropPart(at(path));
  assertEquals(disk.namesIn("/r"), []);
  const part = await root.openPartial(at("f"), options(BIG));
  await part.write(BIG.subarray(0, LEAF_BYTES));
  const other = await FileRoot.open("/r", { disk });
  for (const each of [root, other]) await each.dropPart(at("f"));
  assertEquals(disk.namesIn(STAGING).length, 2);
  await part.park();
  await other.dropPart(at("f"));
  assertEquals(disk.namesIn(STAGING), []);
  await other.close();
  await root.close();
});

Deno.test("dropPart() does not fail for a disk that does", async () => {
  for (const call of ["openDirectory", "openFile", "removeFile"]) {
    const { disk, root } = await openMemoryRoot();
    await parkAt(root, "f");
    disk.faults = { failOnly: [call], failAt: 1 };
    await root.dropPart(at("f"));
    await root.dropPart(at("f"));
    assertEquals(disk.namesIn(STAGING), [], call);
    assertEquals(disk.openHandles, 1);
  }
});
