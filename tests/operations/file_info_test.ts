import { assert, assertEquals, assertRejects } from "@std/assert";
import { ByteReader } from "../../lib/bytes/byte_reader.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { sha256 } from "../../lib/crypto/mod.ts";
import { readTime, writeTime } from "../../lib/operations/file_info.ts";
import { hashFile, statPath } from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { path, sampleBytes, withService } from "./service.ts";

Deno.test("statPath() tells what a path is", async () => {
  await withService({}, async (service) => {
    await service.server.write("d/a", sampleBytes(12));
    assertEquals(
      await statPath(service.caller, path("d/a")),
      await service.server.root.status(path("d/a")),
    );
    assertEquals((await statPath(service.caller, path("d"))).kind, "directory");
    const error = await assertRejects(() => statPath(service.caller, path("d/b")), RemoteError);
    assertEquals([error.status, error.path], ["not-found", "/d/b"]);
  });
});

Deno.test("hashFile() is what sha256sum prints", async () => {
  await withService({}, async (service) => {
    for (const size of [0, 1, 3_000_000]) {
      await service.server.write("a", sampleBytes(size));
      assertEquals(await hashFile(service.caller, path("a")), {
        sha256: sha256(sampleBytes(size)).toHex(),
        sizeBytes: size,
      });
    }
  });
});

Deno.test("hashFile() reads a file again that changes while it is read, once", async () => {
  for (const times of [1, 2]) {
    await withService({}, async (service) => {
      const { disk, root } = service.server;
      await service.server.write("a", new Uint8Array(3));
      let readCount = 0;
      disk.onCall = (call) => {
        if (call !== "read" || ++readCount > times) return;
        disk.nowMs += 1000;
        disk.rewriteFile(`${root.directory}/a`, new TextEncoder().encode("abc"));
      };
      const hashing = hashFile(service.caller, path("a"));
      if (times === 1) {
        assert((await hashing).sha256.startsWith("ba7816bf"));
      } else {
        assertEquals((await assertRejects(() => hashing, RemoteError)).status, "changed");
      }
    });
  }
});

Deno.test("hashFile() of a folder or of nothing is refused", async () => {
  await withService({}, async (service) => {
    await service.server.write("d/a", sampleBytes(1));
    for (const [text, status] of [["d", "is-a-directory"], ["e", "not-found"]] as const) {
      const error = await assertRejects(() => hashFile(service.caller, path(text)), RemoteError);
      assertEquals(error.status, status);
    }
  });
});

Deno.test("writeTime() carries moments of either sign and drops fractions", () => {
  const carried = (timeMs: number) => {
    const writer = new ByteWriter();
    writeTime(writer, timeMs);
    return readTime(new ByteReader(writer.finish()));
  };
  for (const timeMs of [0, 1, -1, 1_700_000_000_123, -62_135_596_800_000, 8.64e15]) {
    assertEquals(carried(timeMs), timeMs);
  }
  assertEquals(carried(1.9), 1);
  assertEquals(carried(NaN), 0);
  assertEquals(carried(1e300), 0);
});
