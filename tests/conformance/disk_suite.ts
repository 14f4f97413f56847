/**
 * What every disk promises, run against the real one and the one in memory.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Disk, DiskDirectory, DiskFile } from "../../lib/files/mod.ts";

/** A disk to be tested: `path` is an empty directory of it. */
export interface DiskFixture {
  readonly disk: Disk;
  readonly path: string;
  /** Makes a symbolic link in `path`. */
  makeLink(name: string, target: string): Promise<void>;
  /** Cleans up. */
  remove(): Promise<void>;
}

/** Registers the suite as tests called `<name> …`. */
export function testDisk(name: string, makeFixture: () => Promise<DiskFixture>): void {
  for (const [criterion, check] of CRITERIA) {
    Deno.test(`${name} ${criterion}`, async () => {
      const fixture = await makeFixture();
      const root = await fixture.disk.openRoot(fixture.path, { create: false });
      try {
        await check(root, fixture);
      } finally {
        root.close();
        await fixture.remove();
      }
    });
  }
}

type Check = (root: DiskDirectory, fixture: DiskFixture) => Promise<void>;

const CRITERIA: readonly (readonly [string, Check])[] = [
  ["makes the root and what is above it when asked", async (_, { disk, path }) => {
    const made = await disk.openRoot(`${path}/a/b`, { create: true });
    assertEquals((await made.status()).kind, "directory");
    made.close();
    await rejectsWith("ENOENT", () => disk.openRoot(`${path}/none`, { create: false }));
  }],
  ["reads back what was written at any position", async (root) => {
    const file = await root.openFile("f", { access: "write", create: "new" });
    await file.write(bytes("world"), 6);
    await file.write(bytes("hello "), 0);
    assertEquals(await contentOf(file), "hello world");
    await file.truncate(5);
    assertEquals(await contentOf(file), "hello");
    assertEquals((await file.status()).sizeBytes, 5);
    file.close();
  }],
  ["reads nothing past the end", async (root) => {
    const file = await makeFile(root, "f", "abc");
    assertEquals(await file.read(new Uint8Array(10), 3), 0);
    assertEquals(await file.read(new Uint8Array(10), 100), 0);
    assertEquals(await file.read(new Uint8Array(10), 1), 2);
    file.close();
  }],
  ["writes and reads a megabyte in one call", async (root) => {
    const file = await root.openFile("f", { access: "write", create: "new" });
    const written = Uint8Array.from({ length: 1 << 20 }, (_, index) => index * 7);
    await file.write(written, 3);
    const read = new Uint8Array(1 << 20);
    assertEquals(await file.read(read, 3), 1 << 20);
    assertEquals(read, written);
    file.close();
  }],
  ["creates a new file only where there is nothing", async (root, { makeLink }) => {
    (await makeFile(root, "f", "x")).close();
    await makeLink("dangling", "nowhere");
    await rejectsWith("EEXIST", () => root.openFile("f", { access: "write", create: "new" }));
    await rejectsWith(
      "EEXIST",
      () => root.openFile("dangling", { access: "write", create: "new" }),
    );
    const again = await root.openFile("f", { access: "write", create: "if-missing" });
    assertEquals(await contentOf(again), "x");
    again.close();
  }],
  ["does not follow links", async (root, { makeLink }) => {
    await root.makeDirectory("folder", 0o755);
    (await makeFile(root, "f", "x")).close();
    await makeLink("to-folder", "folder");
    await makeLink("to-file", "f");
    await rejectsWith("ENOTDIR", () => root.openDirectory("to-folder"));
    await rejectsWith("ELOOP", () => root.openFile("to-file", { access: "read" }));
    await rejectsWith("ELOOP", () => root.openFile("to-file", { access: "write" }));
    assertEquals((await root.lookUp("to-file"))?.kind, "symlink");
    await root.removeFile("to-file");
    await root.removeFile("to-folder");
    assertEquals((await root.lookUp("f"))?.kind, "file");
  }],
  ["tells folders from files when opening", async (root) => {
    await root.makeDirectory("folder", 0o755);
    (await makeFile(root, "f", "x")).close();
    await rejectsWith("EISDIR", () => root.openFile("folder", { access: "read" }));
    await rejectsWith("ENOTDIR", () => root.openDirectory("f"));
    await rejectsWith("ENOENT", () => root.openFile("none", { access: "read" }));
    await rejectsWith("ENOENT", () => root.openDirectory("none"));
    assertEquals(await root.lookUp("none"), null);
  }],
  ["lists names with what they are", async (root) => {
    await root.makeDirectory("folder", 0o755);
    (await makeFile(root, "f", "four")).close();
    const listed = (await root.list()).sort((a, b) => a.name < b.name ? -1 : 1);
    assertEquals(
      listed.map(({ name, status }) => [name, status?.kind]),
      [["f", "file"], ["folder", "directory"]],
    );
    assertEquals(listed[0]?.status?.sizeBytes, 4);
  }],
  ["goes through names, and looks up those that are wanted", async (root) => {
    await root.makeDirectory("folder", 0o755);
    (await makeFile(root, "f", "four")).close();
    const found = new Map<string, boolean>();
    await root.read((name, isFolder) => found.set(name, isFolder));
    assertEquals(found, new Map([["folder", true], ["f", false]]));
    const statuses = await root.lookUpEach(["f", "none", "folder"]);
    assertEquals(
      statuses.map((status) => status === null || status === "unknown" ? status : status.kind),
      ["file", null, "directory"],
    );
  }],
  ["renames over a file, but not over a folder", async (root) => {
    (await makeFile(root, "old", "old")).close();
    (await makeFile(root, "new", "new")).close();
    await root.makeDirectory("folder", 0o755);
    await root.rename("new", root, "old");
    const file = await root.openFile("old", { access: "read" });
    assertEquals(await contentOf(file), "new");
    file.close();
    assertEquals(await root.lookUp("new"), null);
    await rejectsWith("EISDIR", () => root.rename("old", root, "folder"));
    await rejectsWith("ENOENT", () => root.rename("none", root, "x"));
  }],
  ["moves between folders", async (root) => {
    await root.makeDirectory("folder", 0o755);
    (await makeFile(root, "f", "x")).close();
    const folder = await root.openDirectory("folder");
    await root.rename("f", folder, "g");
    assertEquals((await folder.lookUp("g"))?.kind, "file");
    folder.close();
  }],
  ["links only to a free name and counts the links", async (root) => {
    (await makeFile(root, "a", "x")).close();
    (await makeFile(root, "b", "y")).close();
    await rejectsWith("EEXIST", () => root.link("a", root, "b"));
    await root.link("a", root, "c");
    assertEquals((await root.lookUp("a"))?.linkCount, 2);
    assertEquals((await root.lookUp("a"))?.nodeId, (await root.lookUp("c"))?.nodeId);
    assertNotEquals((await root.lookUp("a"))?.nodeId, (await root.lookUp("b"))?.nodeId);
    await root.removeFile("a");
    assertEquals((await root.lookUp("c"))?.linkCount, 1);
  }],
  ["removes only empty folders", async (root) => {
    await root.makeDirectory("folder", 0o755);
    const folder = await root.openDirectory("folder");
    (await makeFile(folder, "f", "x")).close();
    await rejectsWith("ENOTEMPTY", () => root.removeDirectory("folder"));
    await folder.removeFile("f");
    folder.close();
    await root.removeDirectory("folder");
    await rejectsWith("EEXIST", async () => {
      await root.makeDirectory("again", 0o755);
      await root.makeDirectory("again", 0o755);
    });
  }],
  ["keeps a removed file readable while it is open", async (root) => {
    const file = await makeFile(root, "f", "still here");
    await root.removeFile("f");
    assertEquals(await contentOf(file), "still here");
    file.close();
  }],
  ["sets mode and time, and the content version ignores a new name", async (root) => {
    const file = await makeFile(root, "f", "x");
    await file.setAttributes({ mode: 0o640, modifiedMs: 1_234_567_890_123 });
    const before = await file.status();
    assertEquals([before.mode, before.modifiedMs], [0o640, 1_234_567_890_123]);
    await root.rename("f", root, "g");
    assertEquals((await file.status()).contentVersion, before.contentVersion);
    await file.write(bytes("yz"), 0);
    assertNotEquals((await file.status()).contentVersion, before.contentVersion);
    file.close();
  }],
  ["sets times before 1970 too, to the millisecond", async (root) => {
    const file = await makeFile(root, "f", "x");
    for (const modifiedMs of [-617_587_199_999, -1, 0]) {
      await file.setAttributes({ mode: 0o640, modifiedMs });
      assertEquals((await file.status()).modifiedMs, modifiedMs);
    }
    file.close();
  }],
  ["locks against every other handle until closing", async (root) => {
    const first = await makeFile(root, "f", "x");
    const second = await root.openFile("f", { access: "write" });
    assert(await first.tryLock());
    assert(!(await second.tryLock()));
    first.close();
    assert(await second.tryLock());
    second.close();
  }],
  ["flushes files and folders", async (root) => {
    const file = await makeFile(root, "f", "x");
    await file.sync();
    await file.syncData();
    await root.sync();
    file.close();
  }],
];

async function makeFile(directory: DiskDirectory, name: string, text: string): Promise<DiskFile> {
  const file = await directory.openFile(name, { access: "write", create: "new" });
  await file.write(bytes(text), 0);
  return file;
}

async function contentOf(file: DiskFile): Promise<string> {
  const buffer = new Uint8Array(1000);
  return new TextDecoder().decode(buffer.subarray(0, await file.read(buffer, 0)));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function rejectsWith(code: string, call: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(call, Error);
  assertEquals((error as { code?: unknown }).code, code);
}
