import { assert, assertEquals, assertRejects } from "@std/assert";
import { type DiskFile, FileError, SETTLED_MS } from "../../lib/files/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import { failureWord, MOVES } from "./moves.ts";
import type { StreamPairOptions } from "../support/stream_pair.ts";
import { sampleBytes, withService } from "./service.ts";

const MIB = 1 << 20;

for (const { command, direction, dataDirection, source, target, move } of MOVES) {
  const isGet = command === "get";

  Deno.test(`${command} publishes nothing of a file that was damaged on its way`, async () => {
    for (const size of [1, MIB, 3 * MIB]) {
      const streams: StreamPairOptions = {
        onBytes(bytes, { direction, offset }) {
          // The root is the last that is sent; what comes first is the request or the offer.
          if (direction !== dataDirection || offset === 0 || offset < size) return;
          bytes[bytes.length - 1]! ^= 0x80;
        },
      };
      await withService({ streams }, async (service) => {
        await source(service).write("a.bin", sampleBytes(size));
        const error = await assertRejects(() => move(service), TransferError);
        assertEquals([error.kind, error.retryable], ["integrity", false]);
        assertEquals(await target(service).names(), []);
        await service.settle();
        assertEquals(service.transfers.map(({ ok, reason }) => [ok, reason]), [[
          false,
          "integrity",
        ]]);
        assertEquals(target(service).disk.usedBytes, 0);
      });
    }
  });

  Deno.test(`${command} fails once when hashes from before are wrong, and then hashes again`, async () => {
    await withService({}, async (service) => {
      const side = source(service);
      const before = side.disk.nowMs;
      const content = sampleBytes(2 * MIB + 10);
      await side.write("a.bin", content);
      side.disk.nowMs += SETTLED_MS;
      await move(service);
      // A byte becomes another one and the times stay: what only a disk that fails does.
      content[5]! ^= 1;
      side.disk.nowMs = before - 1000;
      await side.change("a.bin", (file) => file.write(content.subarray(5, 6), 5));
      side.disk.nowMs += SETTLED_MS;
      const error = await assertRejects(() => move(service), TransferError);
      assertEquals(error.kind, "integrity");
      await move(service);
      assertEquals(await target(service).read("a.bin"), content);
      await service.settle();
      assertEquals(service.transfers.map(({ reason }) => reason), [
        undefined,
        "integrity",
        undefined,
      ]);
    });
  });

  Deno.test(`${command} says that the disk is full, keeps the part, and goes on when there is room`, async () => {
    await withService({}, async (service) => {
      const size = 24 * MIB;
      await source(service).write("a.bin", new Uint8Array(size));
      const { disk } = target(service);
      disk.faults = { failAt: 6, failCode: "ENOSPC", failOnly: ["write"] };
      const error = await assertRejects(() => move(service));
      assertEquals(failureWord(error), "no-space");
      assert(isGet ? error instanceof FileError : error instanceof RemoteError);
      disk.faults = {};
      const result = await move(service);
      assert(result.resumedFrom > 0);
      assertEquals(result.bytes + result.resumedFrom, size);
      await service.settle();
      assertEquals(service.transfers.map(({ direction, ok, reason }) => [direction, ok, reason]), [
        [direction, false, "no-space"],
        [direction, true, undefined],
      ]);
    });
  });

  Deno.test(`${command} is refused before any data when there is no room for all of it`, async () => {
    await withService({}, async (service) => {
      await source(service).write("a.bin", new Uint8Array(2 * MIB));
      target(service).disk.capacityBytes = target(service).disk.usedBytes + MIB;
      assertEquals(failureWord(await assertRejects(() => move(service))), "no-space");
      await service.settle();
      const sent = service.connection.client.streams[0]!.writtenBytes;
      assert(sent < 1000, `${sent} bytes`);
    });
  });

  Deno.test(`${command} starts over when the source changes while it is read, once`, async () => {
    const changes = [
      (file: DiskFile) => file.write(Uint8Array.of(1, 2, 3), 5 * MIB),
      (file: DiskFile) => file.write(Uint8Array.of(1, 2, 3), 0),
      (file: DiskFile) => file.truncate(500),
    ];
    for (const change of changes) {
      for (const size of [100, 4 * MIB]) {
        for (const times of [1, 2]) {
          const attempts = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
          const streams: StreamPairOptions = {
            onBytes({ length }, { direction, streamIndex }) {
              // Longer than any request or offer.
              if (direction === dataDirection && length >= 100) attempts[streamIndex]?.resolve();
            },
          };
          await withService({ streams }, async (service) => {
            await source(service).write("a.bin", sampleBytes(size));
            const changing = attempts.slice(0, times).map(async ({ promise }) => {
              await promise;
              await source(service).change("a.bin", change);
            });
            if (times === 1) {
              assertEquals((await move(service)).resumedFrom, 0);
              assertEquals(
                await target(service).read("a.bin"),
                await source(service).read("a.bin"),
              );
            } else {
              const error = await assertRejects(() => move(service), TransferError);
              assertEquals(error.kind, "changed");
            }
            await Promise.all(changing);
            await service.settle();
            if (times === 2) assertEquals(target(service).disk.usedBytes, 0);
            const reasons = service.transfers.map(({ reason }) => reason);
            assertEquals(reasons, ["changed", times === 1 ? undefined : "changed"]);
          });
        }
      }
    }
  });

  Deno.test(`${command} fails alike for a broken disk, and the next transfer works`, async () => {
    for (const failOnly of [["read"], ["write"], ["sync"], ["rename", "link"]]) {
      await withService({}, async (service) => {
        await source(service).write("a.bin", sampleBytes(2 * MIB));
        const side = failOnly[0] === "read" ? source(service) : target(service);
        side.disk.faults = { failAt: 1, failCode: "EIO", failOnly };
        assertEquals(failureWord(await assertRejects(() => move(service))), "io", `${failOnly}`);
        side.disk.faults = {};
        await move(service);
        assertEquals(await target(service).read("a.bin"), sampleBytes(2 * MIB));
      });
    }
  });
}
