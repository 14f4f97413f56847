import { assert, assertEquals } from "@std/assert";
import { fileSystemFlush, reportsFailures } from "../../lib/files/file_system_flush.ts";

Deno.test("reportsFailures() is true from Linux 5.8 on", () => {
  const releases = ["5.7.19-generic", "5.8.0", "5.10.0-8-amd64", "6.1", "4.19.0", "nonsense"];
  assertEquals(releases.map(reportsFailures), [false, true, true, true, false, false]);
});

Deno.test("fileSystemFlush() trusts no network file system, nor one that it does not know", () => {
  for (const type of [0, 0x6969, 0x65735546, 0x794c7630]) assertEquals(fileSystemFlush(type), null);
});

Deno.test("fileSystemFlush() trusts tmpfs, which has nothing that could fail", () => {
  const flush = fileSystemFlush(0x01021994);
  const canFlush = Deno.build.os === "linux" && reportsFailures(Deno.osRelease());
  assertEquals(flush !== null, canFlush);
  flush?.close();
});

Deno.test("fileSystemFlush() flushes, and fails for what is no file", async () => {
  const flush = fileSystemFlush(0xef53);
  if (Deno.build.os !== "linux" || !reportsFailures(Deno.osRelease())) {
    return assertEquals(flush, null);
  }
  assert(flush !== null);
  assert(await flush.run(-1).then(() => false, () => true));
  flush.close();
});
