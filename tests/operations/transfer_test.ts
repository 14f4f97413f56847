import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../lib/crypto/mod.ts";
import { failureWord, MOVES } from "./moves.ts";
import { sampleBytes, withService } from "./service.ts";

const MIB = 1 << 20;
const SIZES = [0, 1, 3552, MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 12_345];

for (const { command, direction, source, target, move } of MOVES) {
  Deno.test(`${command} moves files of every size and says so on both sides`, async () => {
    for (const size of SIZES) {
      await withService({ isOnDisk: true }, async (service) => {
        const content = sampleBytes(size);
        await source(service).write("a.bin", content);
        const result = await move(service, { plainHash: true });
        assertEquals(await target(service).read("a.bin"), content);
        assertEquals(result, {
          name: "a.bin",
          bytes: size,
          totalBytes: size,
          resumedFrom: 0,
          sha256: sha256(content).toHex(),
          skipped: false,
          target: "/a.bin",
          limit: null,
        });
        await service.settle();
        assertEquals(service.events, [
          { kind: "request", name: command, path: "/a.bin" },
          {
            kind: "transfer",
            direction,
            name: "/a.bin",
            bytes: size,
            resumedFrom: 0,
            seconds: 1,
            ok: true,
          },
        ]);
      });
    }
  });

  Deno.test(`${command} works through streams that give a few bytes at a time`, async () => {
    await withService({ streams: { capacityBytes: 1000, readBytes: 77 } }, async (service) => {
      const content = sampleBytes(MIB + 5);
      await source(service).write("a.bin", content);
      await move(service);
      assertEquals(await target(service).read("a.bin"), content);
    });
  });

  Deno.test(`${command} reports its start and its progress, once for 64 KiB at most`, async () => {
    await withService({}, async (service) => {
      const size = 2 * MIB + 1;
      await source(service).write("a.bin", sampleBytes(size));
      const starts: unknown[] = [];
      const steps: number[] = [];
      await move(service, {
        onStart: (start) => starts.push(start),
        onProgress: ({ bytes, totalBytes }) => {
          assertEquals(totalBytes, size);
          steps.push(bytes);
        },
      });
      assertEquals(starts, [{ name: "a.bin", sizeBytes: size, resumedFrom: 0 }]);
      assertEquals(steps.at(-1), size);
      const gaps = steps.slice(1, -1).map((bytes, index) => bytes - steps[index]!);
      assert(gaps.every((gap) => gap >= 65_536), `gaps: ${gaps}`);
      assert(steps.length > 16, `${steps.length} steps`);
    });
  });

  Deno.test(`${command} keeps the time and no more than the harmless part of the mode`, async () => {
    await withService({ isOnDisk: true }, async (service) => {
      await source(service).write("a.bin", sampleBytes(10));
      const [from, to] = [source(service).root, target(service).root];
      await Deno.chmod(`${from.directory}/a.bin`, 0o4776);
      await Deno.utime(`${from.directory}/a.bin`, 1_000_000, 1_234_567.5);
      await move(service);
      const status = await Deno.stat(`${to.directory}/a.bin`);
      assertEquals(status.mode! & 0o7777, 0o754 & ~Deno.umask());
      assertEquals(status.mtime?.getTime(), 1_234_567_500);
    });
  });

  Deno.test(`${command} treats an existing target as asked`, async () => {
    for (
      const [exists, expected] of [
        ["overwrite", { target: "new", skipped: false, name: "/a.bin" }],
        ["skip", { target: "old", skipped: true, name: "/a.bin" }],
        ["rename", { target: "old", skipped: false, name: "/a (1).bin" }],
      ] as const
    ) {
      for (const size of [100, MIB + 1]) {
        await withService({}, async (service) => {
          const content = { new: sampleBytes(size, 2), old: sampleBytes(50, 3) };
          await source(service).write("a.bin", content.new);
          await target(service).write("a.bin", content.old);
          const result = await move(service, { exists });
          assertEquals([result.skipped, result.target], [expected.skipped, expected.name]);
          assertEquals(await target(service).read("a.bin"), content[expected.target]);
          if (exists !== "rename") return;
          assertEquals(await target(service).read("a (1).bin"), content.new);
        });
      }
    }
  });

  Deno.test(`${command} skips a target that comes just before its own, and keeps no part`, async () => {
    for (const size of [100, MIB + 1]) {
      for (const exists of ["skip", "fail"] as const) {
        await withService({}, async (service) => {
          await source(service).write("a.bin", sampleBytes(size));
          const { disk, root } = target(service);
          disk.onCall = (name) => {
            if (name === "link") disk.putFile(`${root.directory}/a.bin`, sampleBytes(50, 3));
          };
          if (exists === "fail") {
            assertEquals(
              failureWord(await assertRejects(() => move(service, { exists }))),
              "exists",
            );
          } else {
            const result = await move(service, { exists });
            assertEquals([result.skipped, result.bytes, result.target], [true, 0, "/a.bin"]);
            assertEquals(
              result.totalBytes,
              size,
              "by which it is told from one that was not begun",
            );
            assertEquals(disk.namesIn(`${root.directory}/.~ft-staging`), []);
          }
          assertEquals(await target(service).read("a.bin"), sampleBytes(50, 3));
        });
      }
    }
  });

  Deno.test(`${command} refuses an existing target when asked to`, async () => {
    for (const size of [100, MIB + 1]) {
      await withService({}, async (service) => {
        await source(service).write("a.bin", sampleBytes(size));
        await target(service).write("a.bin", sampleBytes(5));
        const error = await assertRejects(() => move(service, { exists: "fail" }));
        assertEquals(failureWord(error), "exists");
        assertEquals(await target(service).read("a.bin"), sampleBytes(5));
      });
    }
  });
}
