import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../lib/crypto/mod.ts";
import { systemClock } from "../../lib/driver/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import { FEATURES } from "../../lib/operations/mod.ts";
import type { StreamPairOptions } from "../support/stream_pair.ts";
import { failureWord, headerBytes, type Move, MOVES } from "./moves.ts";
import { sampleBytes, type Side, withService } from "./service.ts";

const MIB = 1 << 20;
const SIZE = 4 * MIB;

/** The connection is lost after so many bytes of the file; what is resumed next time. */
const CUTS = [
  { arrived: 0, resumedFrom: 0 },
  { arrived: 1, resumedFrom: 0 },
  { arrived: MIB - 1, resumedFrom: 0 },
  { arrived: MIB, resumedFrom: MIB },
  { arrived: MIB + 1, resumedFrom: MIB },
  { arrived: SIZE - 1, resumedFrom: SIZE - MIB },
  { arrived: SIZE, resumedFrom: SIZE },
  { arrived: SIZE + 31, resumedFrom: SIZE },
];

/** By their age, what peers can do. */
const PEERS = {
  "an old peer": 0,
  "an older peer": FEATURES.knowsHeld,
  "a peer of today": FEATURES.knowsHeld + FEATURES.leafSchemes,
};

for (const plan of MOVES) {
  const { command, direction, dataDirection, source, target, move } = plan;

  Deno.test(`${command} goes on from the last whole leaf, wherever it was cut`, async () => {
    for (const { arrived, resumedFrom } of CUTS) {
      await withService({ streams: await cutAfter(plan, arrived) }, async (service) => {
        const content = sampleBytes(SIZE);
        await source(service).write("a.bin", content);
        await target(service).write("a.bin", sampleBytes(7));
        const error = await assertRejects(() => move(service), TransferError);
        assertEquals([error.kind, error.retryable], ["connection-lost", true]);
        assertEquals(await target(service).read("a.bin"), sampleBytes(7));

        await service.reconnect();
        const result = await move(service, { plainHash: true });
        assertEquals(await target(service).read("a.bin"), content);
        assertEquals(result.resumedFrom, resumedFrom, `cut after ${arrived}`);
        assertEquals(result.bytes, SIZE - resumedFrom);
        assertEquals(result.sha256, sha256(content).toHex());

        await service.settle();
        assertEquals(
          service.transfers.map(({ ok, reason, bytes }) => [ok, reason, ok ? bytes : "some"]),
          [[false, "connection-lost", "some"], [true, undefined, SIZE - resumedFrom]],
        );
        assertEquals(
          service.transfers.every((event) => event.direction === direction),
          true === true,
        );
        assertEquals(await target(service).names(), ["a.bin"]);
      });
    }
  });

  Deno.test(`${command} starts afresh when the source is another since`, async () => {
    await withService({ streams: await cutAfter(plan, 2 * MIB) }, async (service) => {
      await source(service).write("a.bin", sampleBytes(SIZE));
      await assertRejects(() => move(service), TransferError);
      await service.reconnect();
      source(service).disk.nowMs += 5000;
      await source(service).write("a.bin", sampleBytes(SIZE, 2));
      assertEquals((await move(service)).resumedFrom, 0);
      assertEquals(await target(service).read("a.bin"), sampleBytes(SIZE, 2));
    });
  });

  for (const [title, features] of Object.entries(PEERS)) {
    const options = { peerFeatures: features };

    Deno.test(`${command} with ${title} goes on at the first leaf that changed since`, async () => {
      const content = sampleBytes(SIZE);
      const change = (offset: number) => {
        const changed = content.slice();
        changed[offset]! ^= 1;
        return changed;
      };
      const grown = new Uint8Array([...content, ...sampleBytes(MIB + 5, 3)]);
      const sources: [string, Uint8Array, number][] = [
        ["only touched", content, 3 * MIB],
        ["changed in the first leaf", change(0), 0],
        ["changed in the second leaf", change(MIB + 7), MIB],
        ["changed near the end", change(SIZE - 3), 3 * MIB],
        ["grown", grown, 3 * MIB],
        ["shrunk behind what was sent", content.subarray(0, SIZE - 5), 3 * MIB],
        ["shrunk before what was sent", content.subarray(0, 2 * MIB + 9), 2 * MIB],
        ["shrunk to whole leaves", content.subarray(0, 2 * MIB), 2 * MIB],
      ];
      for (const [what, changed, resumedFrom] of sources) {
        const streams = await cutAfter(plan, 3 * MIB + 9);
        await withService({ streams, clientFeatures: features }, async (service) => {
          await source(service).write("a.bin", content);
          await assertRejects(() => move(service, options), TransferError);
          assertEquals(partsOf(target(service)), 1);
          await service.reconnect();
          source(service).disk.nowMs += 5000;
          await source(service).write("a.bin", changed);
          assertEquals((await move(service, options)).resumedFrom, resumedFrom, what);
          assertEquals(await target(service).read("a.bin"), changed);
          await service.settle();
          assertEquals(partsOf(target(service)), 0);
        });
      }
    });

    Deno.test(`${command} with ${title} finds a change far behind in another source`, async () => {
      const content = sampleBytes(68 * MIB);
      const changed = content.slice();
      changed[66 * MIB + 1]! ^= 1;
      const streams = await cutAfter(plan, 67 * MIB + 9);
      await withService({ streams, clientFeatures: features }, async (service) => {
        await source(service).write("a.bin", content);
        await assertRejects(() => move(service, options), TransferError);
        await service.reconnect();
        source(service).disk.nowMs += 5000;
        await source(service).write("a.bin", changed);
        const starts: number[] = [];
        await move(service, { ...options, onStart: (start) => starts.push(start.resumedFrom) });
        assertEquals(starts, [features === 0 ? 64 * MIB : 66 * MIB]);
        assertEquals(await target(service).read("a.bin"), changed);
      });
    });
  }

  Deno.test(`${command} goes on where the peer was replaced by an older or a newer one, or begins anew`, async () => {
    const { "an older peer": older, "a peer of today": today } = PEERS;
    for (const [first, second, resumedFrom] of [[older, today, 3 * MIB], [today, older, 0]]) {
      const content = sampleBytes(SIZE);
      const streams = await cutAfter(plan, 3 * MIB + 9);
      await withService({ streams, clientFeatures: first! }, async (service) => {
        await source(service).write("a.bin", content);
        await assertRejects(() => move(service, { peerFeatures: first }), TransferError);
        service.setClientFeatures(second!);
        await service.reconnect();
        const result = await move(service, { peerFeatures: second });
        assertEquals(result.resumedFrom, resumedFrom);
        assertEquals(await target(service).read("a.bin"), content);
        await service.settle();
        assertEquals(partsOf(target(service)), 0);
      });
    }
  });

  Deno.test(`${command} of a source rewritten within the clock's resolution is right`, async () => {
    await withService({ streams: await cutAfter(plan, 3 * MIB) }, async (service) => {
      const changed = sampleBytes(SIZE);
      changed[MIB]! ^= 1;
      await source(service).write("a.bin", sampleBytes(SIZE));
      await assertRejects(() => move(service), TransferError);
      await service.reconnect();
      // The disk's clock stands still: size and times are the same.
      const keptMs = source(service).disk.nowMs;
      await source(service).change("a.bin", async (file) => {
        source(service).disk.nowMs = keptMs;
        await file.write(changed, 0);
      });
      assertEquals((await move(service)).resumedFrom, MIB);
      assertEquals(await target(service).read("a.bin"), changed);
    });
  });

  Deno.test(`${command} of a small file that was cut is sent again as a whole`, async () => {
    await withService({ streams: await cutAfter(plan, MIB / 2, MIB) }, async (service) => {
      await source(service).write("a.bin", sampleBytes(MIB));
      await assertRejects(() => move(service), TransferError);
      await service.reconnect();
      assertEquals((await move(service)).resumedFrom, 0);
      assertEquals(await target(service).read("a.bin"), sampleBytes(MIB));
    });
  });

  Deno.test(`${command} starts over by itself when what it resumed turns out wrong`, async () => {
    await withService({ streams: await cutAfter(plan, 2 * MIB) }, async (service) => {
      const content = sampleBytes(SIZE);
      await source(service).write("a.bin", content);
      await assertRejects(() => move(service), TransferError);
      let isSpoilt = false;
      await service.reconnect({
        onBytes(bytes, { direction, offset }) {
          if (isSpoilt || direction !== dataDirection || offset < MIB) return;
          isSpoilt = true;
          bytes[0]! ^= 1;
        },
      });
      const starts: number[] = [];
      const result = await move(service, { onStart: (start) => starts.push(start.resumedFrom) });
      assertEquals(starts, [2 * MIB, 0]);
      assertEquals([result.resumedFrom, result.bytes], [0, SIZE]);
      assertEquals(await target(service).read("a.bin"), content);
      await service.settle();
      assertEquals(service.transfers.map(({ reason }) => reason), [
        "connection-lost",
        "integrity",
        undefined,
      ]);
    });
  });

  Deno.test(`${command} that is given up keeps its part and says so to the server`, async () => {
    await withService({}, async (service) => {
      const content = sampleBytes(SIZE);
      await source(service).write("a.bin", content);
      const giving = new AbortController();
      const given = move(service, {
        signal: giving.signal,
        onProgress: ({ bytes }) => {
          if (bytes >= 2 * MIB + 200_000) giving.abort();
        },
      });
      assertEquals((await assertRejects(() => given, TransferError)).kind, "cancelled");
      while (service.transfers.length === 0) await systemClock.yieldTurn();
      assertEquals((await move(service)).resumedFrom, 2 * MIB);
      assertEquals(await target(service).read("a.bin"), content);
      await service.settle();
      assertEquals(service.transfers.map(({ ok, reason }) => [ok, reason]), [
        [false, "cancelled"],
        [true, undefined],
      ]);
    });
  });

  Deno.test(`${command} under way when the server stops is told so and goes on later`, async () => {
    await withService({}, async (service) => {
      const content = sampleBytes(SIZE);
      await source(service).write("a.bin", content);
      let stopped: Promise<void> | null = null;
      const onProgress = ({ bytes }: { bytes: number }) => {
        if (bytes >= 2 * MIB + 200_000) stopped ??= service.stop();
      };
      const error = await assertRejects(() => move(service, { onProgress }));
      assertEquals(failureWord(error), "stopping");
      await stopped;
      assertEquals(service.transfers.map(({ reason }) => reason), ["stopping"]);
      await service.reconnect();
      assertEquals((await move(service)).resumedFrom, 2 * MIB);
      assertEquals(await target(service).read("a.bin"), content);
    });
  });

  Deno.test(`${command} that is given up before it starts sends nothing`, async () => {
    await withService({}, async (service) => {
      await source(service).write("a.bin", sampleBytes(10));
      const given = move(service, { signal: AbortSignal.abort() });
      assertEquals(failureWord(await assertRejects(() => given)), "cancelled");
      assertEquals(service.connection.client.streams.length, 0);
    });
  });
}

/** How many unfinished files a side keeps. */
function partsOf({ root, disk }: Side): number {
  const folder = `${root.directory}/.~ft-staging`;
  return disk.namesIn(folder).filter((name) => name.endsWith(".part")).length;
}

/** Streams on which a first try is cut after so many bytes of the file. */
async function cutAfter(plan: Move, arrived: number, size = SIZE): Promise<StreamPairOptions> {
  const bytes = await headerBytes(plan, size) + arrived;
  return { loseAfter: { direction: plan.dataDirection, bytes } };
}
