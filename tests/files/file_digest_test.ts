import { assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES, leafHash, sha256 } from "../../lib/crypto/mod.ts";
import {
  digestFile,
  digestLeaves,
  FileRoot,
  REMOTE_ROOT,
  resolveRemotePath,
  type SourceFile,
} from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";

const CONTENT = new Uint8Array(2 * LEAF_BYTES + 7).map((_, index) => index >> 5);

Deno.test("digestFile() is the plain SHA-256", async () => {
  for (const content of [CONTENT, new Uint8Array(0), CONTENT.subarray(0, LEAF_BYTES)]) {
    assertEquals(await digestFile(await source(content)), sha256(content));
  }
});

Deno.test("digestFile() tells its progress and stops when told to", async () => {
  const stop = new AbortController();
  const progress: number[] = [];
  const onProgress = (hashedBytes: number) => {
    progress.push(hashedBytes);
    if (progress.length === 2) stop.abort(new Error("enough"));
  };
  const options = { onProgress, signal: stop.signal };
  const opened = await source(CONTENT);
  await assertRejects(() => digestFile(opened, options), Error, "enough");
  assertEquals(progress, [LEAF_BYTES, 2 * LEAF_BYTES]);
});

Deno.test("digestLeaves() hashes a range, the short last leaf included", async () => {
  const opened = await source(CONTENT);
  const leaf = (index: number) =>
    leafHash(index, CONTENT.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES));
  assertEquals(await digestLeaves(opened, { from: 0, to: 3 }), [leaf(0), leaf(1), leaf(2)]);
  assertEquals(await digestLeaves(opened, { from: 1, to: 2 }), [leaf(1)]);
  assertEquals(await digestLeaves(opened, { from: 2, to: 9 }), [leaf(2)]);
  assertEquals(await digestLeaves(opened, { from: 3, to: 9 }), []);
});

async function source(content: Uint8Array): Promise<SourceFile> {
  const disk = new MemoryDisk();
  disk.putFile("/r/f", content);
  const root = await FileRoot.open("/r", { disk });
  return await root.openSource(resolveRemotePath(REMOTE_ROOT, "f"));
}
