import { assert, assertEquals } from "@std/assert";
import { LEAF_BYTES, leafHash, plainLeaves } from "../../lib/crypto/mod.ts";
import {
  FileRoot,
  isSettled,
  LeafBlock,
  LeafMemory,
  REMOTE_ROOT,
  resolveRemotePath,
  SETTLED_MS,
} from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";

const HASH = leafHash(0, new Uint8Array(1));

function version(node: string, leaves: number, version = "1") {
  return { nodeId: node, version: `${node}:${version}`, sizeBytes: leaves * LEAF_BYTES };
}

Deno.test("LeafMemory tells the hashes of one version of a file only", () => {
  const memory = new LeafMemory();
  const file = version("a", 3);
  memory.keep(file, plainLeaves, 1, HASH);
  assertEquals([0, 1, 2].map((index) => memory.hashOf(file, plainLeaves, index)), [
    null,
    HASH,
    null,
  ]);
  assertEquals(memory.hashOf(version("b", 3), plainLeaves, 1), null);
  assertEquals(memory.hashOf(version("a", 3, "2"), plainLeaves, 1), null);
  assertEquals(
    memory.hashOf(file, plainLeaves, 1),
    null,
    "an older version was kept beside a newer one",
  );
  assertEquals(memory.usedBytes, 0);
});

Deno.test("LeafMemory forgets a file when told", () => {
  const memory = new LeafMemory();
  memory.keep(version("a", 2), plainLeaves, 0, HASH);
  memory.keep(version("b", 2), plainLeaves, 0, HASH);
  memory.forget(version("a", 2));
  assertEquals(memory.hashOf(version("a", 2), plainLeaves, 0), null);
  assertEquals(memory.hashOf(version("b", 2), plainLeaves, 0), HASH);
});

Deno.test("LeafMemory stays within its size and lets the file go that was not used for longest", () => {
  const capacityBytes = 10_000;
  const memory = new LeafMemory({ capacityBytes });
  const files = ["a", "b", "c"].map((node) => version(node, 100)); // 3812 bytes each
  memory.keep(files[0]!, plainLeaves, 0, HASH);
  memory.keep(files[1]!, plainLeaves, 0, HASH);
  memory.hashOf(files[0]!, plainLeaves, 0);
  memory.keep(files[2]!, plainLeaves, 0, HASH);
  assertEquals(files.map((file) => memory.hashOf(file, plainLeaves, 0) !== null), [
    true,
    false,
    true,
  ]);
  assert(memory.usedBytes <= capacityBytes);
  memory.keep(version("huge", 1000), plainLeaves, 0, HASH);
  assertEquals(memory.hashOf(version("huge", 1000), plainLeaves, 0), null);
  assert(
    memory.hashOf(files[0]!, plainLeaves, 0) !== null,
    "what cannot be kept drove out what can",
  );
});

Deno.test("isSettled() is false for a file changed a moment ago, or in the future", () => {
  const at = (modifiedMs: number, changedMs: number) =>
    isSettled({ modifiedMs, changedMs }, 100_000);
  assert(at(100_000 - SETTLED_MS, 100_000 - SETTLED_MS));
  assert(!at(100_000 - SETTLED_MS + 1, 0));
  assert(!at(0, 100_000 - SETTLED_MS + 1));
  assert(!at(200_000, 0));
});

/** A folder with one file of two leaves and a bit, and how often a leaf of it had to be hashed. */
async function servedFile() {
  const disk = new MemoryDisk();
  const content = new Uint8Array(2 * LEAF_BYTES + 100).fill(1);
  disk.putFile("/r/f", content);
  const root = await FileRoot.open("/r", { disk });
  const open = () => root.openSource(resolveRemotePath(REMOTE_ROOT, "f"));
  /** Opens it, hashes it whole, and tells which leaves were known before. */
  const knownBefore = async (whileOpen: () => Promise<void> = () => Promise.resolve()) => {
    const source = await open();
    await whileOpen();
    const known: boolean[] = [];
    for (let index = 0; index < 3; index++) {
      known.push(source.knownLeafHash(plainLeaves, index) !== null);
      const block = new LeafBlock();
      const length = await source.readInto(block.data, index * LEAF_BYTES);
      const hash = await source.leafHash(plainLeaves, block, index, length);
      assertEquals(hash, leafHash(index, block.data.subarray(0, length)));
    }
    await source.close();
    return known;
  };
  /** Overwrites one byte, at the time that the disk's clock shows. */
  const change = async (value: number) => {
    const directory = await disk.openRoot("/r", { create: false });
    const file = await directory.openFile("f", { access: "write" });
    await file.write(Uint8Array.of(value), 5);
    file.close();
    directory.close();
  };
  return { disk, root, open, knownBefore, change };
}

const ALL = [true, true, true];
const NONE = [false, false, false];

Deno.test("a source that was hashed is not hashed again", async () => {
  const { disk, root, knownBefore } = await servedFile();
  disk.nowMs += SETTLED_MS;
  assertEquals(await knownBefore(), NONE);
  assertEquals(await knownBefore(), ALL);
  await root.close();
});

Deno.test("a source that changed is hashed again", async () => {
  const { disk, root, knownBefore, change } = await servedFile();
  disk.nowMs += SETTLED_MS;
  await knownBefore();
  disk.nowMs += 1;
  await change(2);
  disk.nowMs += SETTLED_MS;
  assertEquals(await knownBefore(), NONE);
  await root.close();
});

Deno.test("a source that changed just before it was hashed may change unseen: nothing is remembered", async () => {
  const { disk, root, knownBefore, change } = await servedFile();
  disk.nowMs += SETTLED_MS - 1;
  await knownBefore();
  await change(2);
  await knownBefore();
  await change(3); // the same times as before
  assertEquals(await knownBefore(), NONE);
  await root.close();
});

Deno.test("a source that changes while it is hashed is not remembered", async () => {
  const { disk, root, knownBefore, change } = await servedFile();
  disk.nowMs += SETTLED_MS;
  await knownBefore(async () => {
    disk.nowMs += 1;
    await change(2);
  });
  disk.nowMs += SETTLED_MS;
  assertEquals(await knownBefore(), NONE);
  await root.close();
});

Deno.test("a source forgets its hashes when the receiver found others", async () => {
  const { disk, root, open, knownBefore } = await servedFile();
  disk.nowMs += SETTLED_MS;
  await knownBefore();
  const source = await open();
  source.forgetLeaves();
  await source.close();
  assertEquals(await knownBefore(), NONE);
  await root.close();
});
