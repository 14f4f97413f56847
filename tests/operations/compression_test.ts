/** Files, trees and listings over compressed streams: the same outcome in fewer bytes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FEATURES, listDirectory, readsCompressed } from "../../lib/operations/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import { MOVES } from "./moves.ts";
import { path, sampleBytes, type Service, withService } from "./service.ts";

const MIB = 1 << 20;
const TEXT = new TextEncoder().encode(
  Array.from({ length: 150_000 }, (_, i) => `${i}: the square is ${i * i}\n`).join(""),
);

/** What has passed both ways. */
function carriedBytes({ connection }: Service): number {
  const ends = [...connection.client.streams, ...connection.server.streams];
  return ends.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
}

for (const { command, dataDirection, source, target, move } of MOVES) {
  Deno.test(`${command} moves text and noise compressed, and says what it says otherwise`, async () => {
    for (
      const content of [TEXT, TEXT.subarray(0, 100_000), sampleBytes(3 * MIB), new Uint8Array(0)]
    ) {
      await withService({ isCompressing: true }, async (service) => {
        await source(service).write("a.bin", content);
        const { bytes, resumedFrom, skipped } = await move(service);
        assertEquals([bytes, resumedFrom, skipped], [content.length, 0, false]);
        assertEquals(await target(service).read("a.bin"), content);
        const isText = content.buffer === TEXT.buffer && content.length > 0;
        const most = isText ? content.length / 2 : content.length + 1000;
        assert(carriedBytes(service) < most, `${carriedBytes(service)} of ${content.length}`);
      });
    }
  });

  Deno.test(`${command} compressed goes on where it was cut`, async () => {
    const loseAfter = { direction: dataDirection, bytes: 600_000 };
    await withService({ isCompressing: true, streams: { loseAfter } }, async (service) => {
      await source(service).write("a.bin", TEXT);
      await assertRejects(() => move(service), TransferError);
      await service.reconnect();
      const { resumedFrom } = await move(service);
      assert(resumedFrom >= 2 * MIB, `${resumedFrom}`);
      assertEquals(await target(service).read("a.bin"), TEXT);
    });
  });

  Deno.test(`${command} compressed publishes nothing of what was damaged on the way`, async () => {
    const onBytes = (bytes: Uint8Array, at: { direction: string; offset: number }) => {
      const position = 300_000 - at.offset;
      if (at.direction === dataDirection && position >= 0 && position < bytes.length) {
        bytes[position]! ^= 1;
      }
    };
    await withService({ isCompressing: true, streams: { onBytes } }, async (service) => {
      await source(service).write("a.bin", TEXT);
      await assertRejects(() => move(service));
      assertEquals(await target(service).names(), []);
    });
  });
}

Deno.test("a long listing is compressed too", async () => {
  const NAMES = Array.from({ length: 2000 }, (_, i) => `a file with the number ${i}.txt`);
  await withService({ isCompressing: true }, async (service) => {
    for (const name of NAMES) await service.server.write(name, new Uint8Array(0));
    const listed = await Array.fromAsync(listDirectory(service.caller, path("")));
    assertEquals(listed.flat().length, NAMES.length);
    assert(carriedBytes(service) < 25 * NAMES.length, `${carriedBytes(service)} bytes`);
  });
});

Deno.test("readsCompressed() reads the bit of the handshake", () => {
  assertEquals(
    [0, FEATURES.limits, FEATURES.compression, 2 ** 40].map(readsCompressed),
    [false, false, true, false],
  );
});
