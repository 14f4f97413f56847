import { assert, assertEquals } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import { REMOTE_ROOT } from "../../lib/files/mod.ts";
import {
  at,
  BIG,
  bytes,
  openMemoryRoot,
  options,
  pattern,
  put,
  rejectsWith,
  rootOf,
  SMALL,
  STAGING,
  writeAll,
} from "./parts.ts";

for (const [size, content] of Object.entries({ big: BIG, small: SMALL })) {
  Deno.test(`a ${size} file appears under its name only when it is whole`, async () => {
    const { disk, root } = await openMemoryRoot();
    const part = await root.openPartial(at("f"), options(content));
    await writeAll(part, content);
    assertEquals(disk.contentOf("/r/f"), null);
    assertEquals((await root.list(REMOTE_ROOT)).length, 0);
    await part.commit(rootOf(content));
    assertEquals(disk.contentOf("/r/f"), content);
    assertEquals(disk.namesIn(STAGING), []);
    assertEquals(disk.openHandles, 1);
    await root.close();
    assertEquals(disk.namesIn("/r"), ["f"]);
  });

  Deno.test(`a ${size} file is received into the room that it gives, which ends where the file does`, async () => {
    const { disk, root } = await openMemoryRoot();
    const part = await root.openPartial(at("f"), options(content));
    for (let offset = 0; offset < content.length;) {
      const room = part.room();
      assert(room.length > 0 && room.length <= content.length - offset);
      const count = Math.min(room.length, 70_001);
      room.set(content.subarray(offset, offset + count));
      await part.fill(count);
      offset += count;
    }
    assertEquals(part.room().length, 0);
    await part.commit(rootOf(content));
    assertEquals(disk.contentOf("/r/f"), content);
  });

  Deno.test(`a ${size} file gets mode, less the umask, and time`, async () => {
    const { disk, root } = await openMemoryRoot();
    const sent = { ...options(content), mode: 0o6777, modifiedMs: 1234 };
    await put(root, "f", content, sent);
    const status = disk.statusOf("/r/f");
    assertEquals([status?.mode, status?.modifiedMs], [0o755, 1234]);
  });

  Deno.test(`a ${size} file with another hash is refused and removed`, async () => {
    const { disk, root } = await openMemoryRoot();
    disk.putFile("/r/f", bytes("old"));
    const part = await root.openPartial(at("f"), options(content));
    await writeAll(part, content);
    await rejectsWith("changed", () => part.commit(rootOf(bytes("other"))));
    assertEquals(disk.contentOf("/r/f"), bytes("old"));
    assertEquals(disk.namesIn(STAGING), []);
    assertEquals(disk.openHandles, 1);
    await part.park();
    await part.discard();
  });

  Deno.test(`a ${size} file that is too short or too long is refused`, async () => {
    const { disk, root } = await openMemoryRoot();
    const short = await root.openPartial(at("f"), options(content));
    await writeAll(short, content.subarray(1));
    await rejectsWith("changed", () => short.commit(rootOf(content.subarray(1))));
    const long = await root.openPartial(at("f"), options(content));
    await writeAll(long, content);
    await rejectsWith("changed", () => long.write(bytes("x")));
    await long.discard();
    assertEquals(disk.contentOf("/r/f"), null);
    assertEquals(disk.namesIn(STAGING), []);
    assertEquals(disk.openHandles, 1);
  });

  Deno.test(`a ${size} file may be given whole, and only with its announced size`, async () => {
    const { disk, root } = await openMemoryRoot();
    const part = await root.openPartial(at("f"), options(content));
    await part.writeKept(content);
    await rejectsWith("changed", () => part.writeKept(bytes("more")));
    await part.commit(rootOf(content));
    assertEquals(disk.contentOf("/r/f"), content);
    const mixed = await root.openPartial(at("g"), options(content));
    await mixed.write(content.subarray(0, 10));
    await mixed.writeKept(content.subarray(10));
    await mixed.commit(rootOf(content));
    assertEquals(disk.contentOf("/r/g"), content);
    const short = await root.openPartial(at("h"), options(content));
    await short.writeKept(content.subarray(1));
    await rejectsWith("changed", () => short.commit(rootOf(content.subarray(1))));
  });

  Deno.test(`a ${size} file replaces an old one, or not, as asked`, async () => {
    const { disk, root } = await openMemoryRoot();
    disk.putFile("/r/f", bytes("old"));
    const careful = { ...options(content), exists: "fail" } as const;
    await rejectsWith("exists", () => root.openPartial(at("f"), careful));
    await put(root, "f", content);
    assertEquals(disk.contentOf("/r/f"), content);
    await put(root, "g", content, careful);
    assertEquals(disk.statusOf("/r/g")?.linkCount, 1);
    assertEquals(disk.openHandles, 1);
  });

  Deno.test(`a ${size} file does not replace one that appeared meanwhile`, async () => {
    const { disk, root } = await openMemoryRoot();
    const part = await root.openPartial(at("f"), { ...options(content), exists: "fail" });
    await writeAll(part, content);
    disk.putFile("/r/f", bytes("first"));
    await rejectsWith("exists", () => part.commit(rootOf(content)));
    assertEquals(disk.contentOf("/r/f"), bytes("first"));
    assertEquals(disk.openHandles, 1);
  });

  Deno.test(`two transfers of a ${size} file to one name: the second is told to wait`, async () => {
    const { disk, root } = await openMemoryRoot();
    const first = await root.openPartial(at("f"), options(content));
    await rejectsWith("busy", () => root.openPartial(at("f"), options(content)));
    await first.discard();
    await put(root, "f", content);
    assertEquals(disk.contentOf("/r/f"), content);
  });

  Deno.test(`a ${size} file for another file system is prepared there`, async () => {
    const { disk, root } = await openMemoryRoot();
    disk.putNode("/r/mount", "directory", { device: 2 });
    const part = await root.openPartial(at("mount/f"), options(content));
    await writeAll(part, content);
    assertEquals(await root.list(at("mount")), []);
    await part.commit(rootOf(content));
    assertEquals(disk.namesIn("/r/mount"), ["f"]);
    assertEquals(disk.contentOf("/r/mount/f"), content);
  });

  Deno.test(`a ${size} file is staged again when another program removes the empty staging folder`, async () => {
    const { disk, root } = await openMemoryRoot();
    let removals = 0;
    disk.onCall = (name) => {
      if (name === "openFile" && removals++ < 5) disk.removeIfEmpty(STAGING);
    };
    await put(root, "f", content);
    assertEquals(disk.contentOf("/r/f"), content);
    assert(removals > 5);
    disk.onCall = (name) => {
      if (name === "openFile") disk.removeIfEmpty(STAGING);
    };
    await rejectsWith("not-found", () => put(root, "g", content));
    assertEquals(disk.openHandles, 1);
  });

  Deno.test(`a ${size} file is copied when a rename turns out to be impossible`, async () => {
    for (const exists of ["overwrite", "fail"] as const) {
      const { disk, root } = await openMemoryRoot();
      disk.faults = { failOnly: ["rename", "link"], failAt: 1, failCode: "EXDEV" };
      await put(root, "folder/f", content, { ...options(content), exists });
      assertEquals(disk.contentOf("/r/folder/f"), content);
      assertEquals(disk.namesIn("/r/folder"), ["f"]);
      await root.close();
      assertEquals(disk.namesIn("/r"), ["folder"]);
      assertEquals(disk.openHandles, 0);
    }
  });

  Deno.test(`a ${size} file is lost after a failed flush, which is not tried again`, async () => {
    const { disk, root } = await openMemoryRoot();
    disk.putFile("/r/f", bytes("old"));
    disk.faults = { failOnly: ["sync"], failAt: 1 };
    await rejectsWith("io", () => put(root, "f", content));
    assertEquals(disk.calls.filter((name) => name === "sync").length, 1);
    assertEquals(disk.contentOf("/r/f"), bytes("old"));
    assertEquals(disk.namesIn(STAGING), []);
  });

  Deno.test(`a ${size} file without durability is not flushed`, async () => {
    const { disk, root } = await openMemoryRoot();
    await put(root, "f", content, { ...options(content), durability: "none" });
    assertEquals(disk.calls.filter((name) => name.startsWith("sync")), []);
    assertEquals(disk.contentOf("/r/f"), content);
  });
}

Deno.test("an empty file is published like any other", async () => {
  const { disk, root } = await openMemoryRoot();
  await put(root, "f", new Uint8Array(0));
  assertEquals(disk.contentOf("/r/f"), new Uint8Array(0));
});

Deno.test("a file of exactly one leaf, and of one byte more", async () => {
  const { disk, root } = await openMemoryRoot();
  for (const size of [LEAF_BYTES, LEAF_BYTES + 1]) {
    await put(root, `f${size}`, pattern(size));
    assertEquals(disk.contentOf(`/r/f${size}`), pattern(size));
  }
});

Deno.test("a small file takes few calls and no journal", async () => {
  const { disk, root } = await openMemoryRoot();
  await put(root, "first", SMALL);
  const before = disk.calls.length;
  await put(root, "f", SMALL);
  assertEquals(disk.calls.slice(before).filter((name) => name !== "status"), [
    "lookUp",
    "openDirectory",
    "openFile",
    "write",
    "setAttributes",
    "sync",
    "rename",
    "syncDirectory",
  ]);
});

Deno.test("small files that are committed together share directory flushes", async () => {
  const { disk, root } = await openMemoryRoot();
  await Promise.all(Array.from({ length: 40 }, (_, index) => put(root, `f${index}`, SMALL)));
  assertEquals(disk.namesIn("/r").length, 41);
  const flushes = disk.calls.filter((name) => name === "syncDirectory").length;
  assert(flushes >= 1 && flushes <= 10, `${flushes} flushes`);
});

Deno.test("a folder whose names could not be read once takes files all the same", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/folder", "directory");
  const release = await root.holdFolder(at("folder"));
  disk.faults = { failOnly: ["list"], failAt: 1, failCode: "EMFILE" };
  for (let index = 0; index < 12; index++) await put(root, `folder/f${index}`, SMALL);
  assertEquals(disk.namesIn("/r/folder").length, 12);
  const listed = () => disk.calls.filter((name) => name === "list").length;
  assertEquals(listed(), 2);
  release();
});

Deno.test("small files that are committed together do not miss a removed staging folder", async () => {
  const { disk, root } = await openMemoryRoot();
  let openCount = 0;
  disk.onCall = (name) => {
    if (name === "openFile" && openCount++ === 0) disk.removeIfEmpty(STAGING);
  };
  await Promise.all(Array.from({ length: 40 }, (_, index) => put(root, `f${index}`, SMALL)));
  assertEquals(disk.namesIn("/r").length, 41);
  assertEquals(disk.openHandles, 1);
});

Deno.test("a full disk keeps what is there for later", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putFile("/r/f", bytes("old"));
  const part = await root.openPartial(at("f"), options(BIG));
  disk.capacityBytes = 2 * LEAF_BYTES + 5000;
  await rejectsWith("no-space", async () => {
    await writeAll(part, BIG);
    await part.commit(rootOf(BIG));
  });
  await part.park();
  assertEquals(disk.contentOf("/r/f"), bytes("old"));
  disk.capacityBytes = Infinity;
  const again = await root.openPartial(at("f"), options(BIG));
  assertEquals(again.resumeOffset, 2 * LEAF_BYTES);
  await again.discard();
});

Deno.test("a file that cannot fit is refused at once, with what is missing", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.capacityBytes = LEAF_BYTES;
  const error = await rejectsWith("no-space", () => root.openPartial(at("f"), options(BIG)));
  assert(/\d+ more bytes/.test(error.message));
  assertEquals(disk.namesIn(STAGING), []);
  assertEquals(disk.openHandles, 1);
});

Deno.test("room is looked for on the disk that the file goes to", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/mount", "directory", { device: 2 });
  disk.capacityBytes = LEAF_BYTES;
  await put(root, "mount/f", BIG);
  assertEquals(disk.contentOf("/r/mount/f"), BIG);
  disk.capacityBytes = Infinity;
  disk.mountedCapacityBytes = BIG.length + LEAF_BYTES;
  await rejectsWith("no-space", () => root.openPartial(at("mount/g"), options(BIG)));
  await put(root, "g", BIG);
  await root.close();
  assertEquals(disk.openHandles, 0);
});

Deno.test("a name that cannot be given is refused before anything is received", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/folder", "directory");
  disk.putNode("/r/link", "symlink");
  await rejectsWith("is-a-directory", () => root.openPartial(at("folder"), options(SMALL)));
  await rejectsWith("not-a-file", () => root.openPartial(at("link"), options(SMALL)));
  await rejectsWith("not-found", () => root.openPartial(at("none/f"), options(SMALL)));
  await rejectsWith("is-a-directory", () => root.openPartial(REMOTE_ROOT, options(SMALL)));
  assertEquals(disk.openHandles, 1);
});

Deno.test("a root knows which paths may have something unfinished, in every folder", async () => {
  const { disk, root } = await openMemoryRoot();
  disk.putNode("/r/below", "directory");
  disk.putNode("/r/mount", "directory", { device: 2 });
  const paths = ["f", "g", "below/f", "mount/f", "missing/f"].map((path) => at(path));
  const held: boolean[] = paths.map(() => false);
  const assertHeld = async () => {
    assertEquals(await Promise.all(paths.map((path) => root.mayHoldPart(path))), held);
  };
  const parkAt = async (index: number, sender = "") => {
    const part = await root.openPartial(paths[index]!, { ...options(BIG), sender });
    await part.write(BIG.subarray(0, LEAF_BYTES));
    await part.park();
  };
  await assertHeld();
  for (const index of [0, 2, 3]) {
    await parkAt(index);
    held[index] = true;
    await assertHeld();
  }
  await parkAt(1, "somebody");
  await assertHeld();
  await root.close();
});
