/** Files that are there already: of an earlier command, or of a try whose answer was lost. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../lib/crypto/mod.ts";
import { FEATURES, type TransferOptions } from "../../lib/operations/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import type { StreamPairOptions } from "../support/stream_pair.ts";
import { failureWord, headerBytes, type Move, MOVES } from "./moves.ts";
import { sampleBytes, type Service, type Side, withService } from "./service.ts";

const MIB = 1 << 20;
const STAGING = "/client/.~ft-staging";
const SIZES = [0, 1000, MIB, 3 * MIB, 3 * MIB + 5];
const OF_TODAY = FEATURES.knowsHeld + FEATURES.leafSchemes;
const FEATURES_OF_TODAY = { clientFeatures: OF_TODAY };

for (const plan of MOVES) {
  const { command, source, target } = plan;

  Deno.test(`${command} of what is there already is not written again, and a large one not moved`, async () => {
    for (const size of SIZES) {
      await withService(FEATURES_OF_TODAY, async (service) => {
        const content = sampleBytes(size);
        await source(service).write("a.bin", content);
        assertEquals((await move(plan, service)).resumedFrom, 0);
        const before = nodeOf(target(service));
        await service.reconnect();
        const result = await move(plan, service, { plainHash: true });
        assertEquals([result.bytes, result.resumedFrom], [size - heldOf(size), heldOf(size)]);
        assert(!result.skipped);
        assertEquals(nodeOf(target(service)), before);
        assertEquals(await target(service).read("a.bin"), content);
        assertEquals(await target(service).names(), ["a.bin"]);
        await service.settle();
        const last = service.transfers.at(-1)!;
        assertEquals([last.ok, last.resumedFrom], [true, heldOf(size)]);
      });
    }
  });

  Deno.test(`${command} of what only looks the same moves what differs`, async () => {
    for (const size of SIZES.slice(1)) {
      for (const offset of [0, size - 1]) {
        await withService(FEATURES_OF_TODAY, async (service) => {
          const content = sampleBytes(size);
          const other = content.slice();
          other[offset]! ^= 1;
          await source(service).write("a.bin", content);
          await target(service).write("a.bin", other);
          await makeAlike(service);
          const result = await move(plan, service);
          const kept = size > MIB ? Math.floor(offset / MIB) * MIB : 0;
          assertEquals(result.resumedFrom, kept);
          assertEquals(await target(service).read("a.bin"), content);
          assertEquals(await target(service).names(), ["a.bin"]);
        });
      }
    }
  });

  Deno.test(`${command} of what is there already removes what an earlier one has left of it`, async () => {
    const content = sampleBytes(3 * MIB);
    const bytes = await headerBytes(plan, content.length) + 2 * MIB + 9;
    const loseAfter = { direction: plan.dataDirection, bytes };
    await withService({ ...FEATURES_OF_TODAY, streams: { loseAfter } }, async (service) => {
      await source(service).write("a.bin", content);
      await assertRejects(() => move(plan, service), TransferError);
      await service.reconnect();
      await target(service).write("a.bin", content);
      await makeAlike(service);
      const { disk, root } = target(service);
      assertEquals(disk.namesIn(`${root.directory}/.~ft-staging`).length, 2);
      assertEquals((await move(plan, service)).bytes, 0);
      await service.settle();
      assertEquals(disk.namesIn(`${root.directory}/.~ft-staging`), []);
    });
  });

  Deno.test(`${command} gives what is there the mode of its source`, async () => {
    await withService(FEATURES_OF_TODAY, async (service) => {
      await source(service).write("a.bin", sampleBytes(2 * MIB));
      await move(plan, service);
      const directory = await source(service).disk.openRoot(source(service).root.directory, {
        create: false,
      });
      const file = await directory.openFile("a.bin", { access: "write" });
      const { modifiedMs } = await file.status();
      await file.setAttributes({ mode: 0o755, modifiedMs });
      file.close();
      directory.close();
      await move(plan, service);
      assertEquals(nodeOf(target(service))?.mode, 0o755);
    });
  });

  Deno.test(`${command} of a large file with an older peer is as it always was`, async () => {
    await withService({}, async (service) => {
      await source(service).write("a.bin", sampleBytes(2 * MIB + 1));
      await plan.move(service);
      await service.reconnect();
      assertEquals((await plan.move(service)).bytes, 2 * MIB + 1);
    });
  });

  Deno.test(`${command} makes what is there durable before it says so`, async () => {
    for (const size of [1000, 2 * MIB + 1]) {
      await withService(FEATURES_OF_TODAY, async (service) => {
        await source(service).write("a.bin", sampleBytes(size));
        await move(plan, service);
        const before = target(service).disk.calls.length;
        await move(plan, service);
        const calls = target(service).disk.calls.slice(before);
        assert(calls.includes("sync") && calls.includes("syncDirectory"));
        assert(!calls.includes("rename") && !calls.includes("write"));
      });
    }
  });
}

for (const size of SIZES) {
  Deno.test(`put of ${size} bytes whose answer was lost is done, not done again`, async () => {
    for (const exists of ["overwrite", "skip", "rename", "fail"] as const) {
      await withService(FEATURES_OF_TODAY, async (service) => {
        const content = sampleBytes(size);
        await service.client.write("a.bin", content);
        await loseAnswer(service, exists);
        assertEquals(await service.server.read("a.bin"), content);
        const before = nodeOf(service.server);
        const result = await move(PUT, service, { exists, isRepeated: true });
        assertEquals([result.resumedFrom, result.target], [heldOf(size), "/a.bin"]);
        assertEquals(await service.server.names(), ["a.bin"]);
        assertEquals(nodeOf(service.server), before);
      });
    }
  });
}

Deno.test("get that is given up while it copies what is there already stops at once", async () => {
  const get = MOVES.find(({ command }) => command === "get")!;
  await withService(FEATURES_OF_TODAY, async (service) => {
    const content = sampleBytes(12 * MIB);
    const other = content.slice();
    other[12 * MIB - 1]! ^= 1;
    await service.server.write("a.bin", content);
    await service.client.write("a.bin", other);
    await makeAlike(service);
    const giving = new AbortController();
    const { disk } = service.client;
    disk.onCall = (name) => {
      if (name === "write") giving.abort();
    };
    const given = get.move(service, { peerFeatures: OF_TODAY, signal: giving.signal });
    assertEquals(failureWord(await assertRejects(() => given, TransferError)), "cancelled");
    const part = disk.namesIn(STAGING).find((name) => name.endsWith(".part"));
    const copied = part === undefined ? 0 : disk.contentOf(`${STAGING}/${part}`)!.length;
    assert(copied < 5 * MIB, `${copied} bytes are copied`);
    assertEquals(sha256((await service.client.read("a.bin"))!), sha256(other));
  });
});

Deno.test("put whose answer was lost finds its own file under the number it was given", async () => {
  for (const size of [1000, 2 * MIB + 1]) {
    await withService(FEATURES_OF_TODAY, async (service) => {
      const content = sampleBytes(size);
      await service.client.write("a.bin", content);
      await service.server.write("a.bin", sampleBytes(7));
      await service.server.write("a (1).bin", sampleBytes(8));
      await loseAnswer(service, "rename");
      assertEquals(await service.server.read("a (2).bin"), content);
      const result = await move(PUT, service, { exists: "rename", isRepeated: true });
      assertEquals([result.resumedFrom, result.target], [heldOf(size), "/a (2).bin"]);
      assertEquals((await service.server.names()).length, 3);
    });
  }
});

Deno.test("put that is repeated still leaves alone what is another's", async () => {
  for (const size of [1000, 2 * MIB + 1]) {
    await withService(FEATURES_OF_TODAY, async (service) => {
      const content = sampleBytes(size);
      const other = content.slice();
      other[size - 1]! ^= 1;
      await service.client.write("a.bin", content);
      await service.server.write("a.bin", other);
      await makeAlike(service);
      const error = await assertRejects(() =>
        move(PUT, service, { exists: "fail", isRepeated: true })
      );
      assertEquals(failureWord(error), "exists");
      const result = await move(PUT, service, { exists: "rename", isRepeated: true });
      assertEquals(result.target, "/a (1).bin");
      assertEquals(await service.server.read("a.bin"), other);
      assertEquals(await service.server.read("a (1).bin"), content);
    });
  }
});

Deno.test("put that is not repeated does what was asked with what is there", async () => {
  await withService(FEATURES_OF_TODAY, async (service) => {
    await service.client.write("a.bin", sampleBytes(1000));
    await move(PUT, service);
    const error = await assertRejects(() => move(PUT, service, { exists: "fail" }));
    assertEquals(failureWord(error), "exists");
    assert((await move(PUT, service, { exists: "skip" })).skipped);
    assertEquals((await move(PUT, service, { exists: "rename" })).target, "/a (1).bin");
  });
});

const PUT: Move = MOVES.find(({ command }) => command === "put")!;

async function move(
  plan: Move,
  service: Service,
  options: Partial<TransferOptions> = {},
): ReturnType<Move["move"]> {
  return await plan.move(service, { peerFeatures: OF_TODAY, ...options });
}

/** Puts `a.bin`, which the server publishes, and loses the connection within its last answer. */
async function loseAnswer(
  service: Service,
  exists: TransferOptions["exists"],
): Promise<void> {
  let answered = 0;
  const onBytes: StreamPairOptions["onBytes"] = (bytes, { direction }) => {
    if (direction === "to-opener") answered += bytes.length;
  };
  await withService({ ...FEATURES_OF_TODAY, streams: { onBytes } }, async (other) => {
    await other.client.write("a.bin", (await service.client.read("a.bin"))!);
    for (const name of await service.server.names()) {
      await other.server.write(name, new Uint8Array(9));
    }
    await move(PUT, other, { exists });
  });
  await service.reconnect({ loseAfter: { direction: "to-opener", bytes: answered - 1 } });
  const error = await assertRejects(() => move(PUT, service, { exists }), TransferError);
  assertEquals(error.kind, "connection-lost");
  await service.reconnect();
}

/** Gives both files the same time and mode. */
async function makeAlike(service: Service): Promise<void> {
  for (const { disk, root } of [service.client, service.server]) {
    const directory = await disk.openRoot(root.directory, { create: false });
    const file = await directory.openFile("a.bin", { access: "write" });
    await file.setAttributes({ mode: 0o644, modifiedMs: 1_700_000_000_000 });
    file.close();
    directory.close();
  }
}

/** What need not be sent of a file that is there: a small one comes with the request. */
function heldOf(size: number): number {
  return size > MIB ? size : 0;
}

function fileOf({ root }: Side): string {
  return `${root.directory}/a.bin`;
}

function nodeOf(side: Side): ReturnType<Side["disk"]["statusOf"]> {
  return side.disk.statusOf(fileOf(side));
}
