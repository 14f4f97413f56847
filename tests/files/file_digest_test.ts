import { assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES, sha256 } from "../../lib/crypto/mod.ts";
import {
  digestFile,
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

async function source(content: Uint8Array): Promise<SourceFile> {
  const disk = new MemoryDisk();
  disk.putFile("/r/f", content);
  const root = await FileRoot.open("/r", { disk });
  return await root.openSource(resolveRemotePath(REMOTE_ROOT, "f"));
}
