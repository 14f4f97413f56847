/**
 * A whole get and a whole put, in which every single call of either side's disk fails once, or is the last
 * before that side's program is killed or its power lost: the name means the old file or the new one,
 * "done" is never told too early, and the same command given again succeeds and leaves nothing behind.
 */
import { assert, assertEquals } from "@std/assert";
import { FEATURES } from "../../lib/operations/mod.ts";
import type { MemoryDisk } from "../support/memory_disk.ts";
import { chances } from "../support/power_loss.ts";
import { failureWord, type Move, MOVES } from "./moves.ts";
import { sampleBytes, type Service, type Side, withService } from "./service.ts";

const MIB = 1 << 20;
const OLD = sampleBytes(5000, 9);
const HOUR_MS = 3600 * 1000;
const SIZES = { small: 4096, large: 2 * MIB + 600_000 };

/** What either side knows of the other. */
const peerFeatures = FEATURES.limits + FEATURES.knowsHeld + FEATURES.leafSchemes;
const OF_TODAY = { clientFeatures: peerFeatures };

/** Ways in which a side ends or suffers. */
const FAULTS = ["EIO", "ENOSPC", "EMFILE", "stop"] as const;

for (const plan of MOVES) {
  for (const [size, sizeBytes] of Object.entries(SIZES)) {
    for (const side of ["source", "target"] as const) {
      Deno.test(`a ${size} ${plan.command} survives whatever happens at any call of its ${side}'s disk`, async () => {
        const content = sampleBytes(sizeBytes);
        const callCount = await countCalls(plan, side, content);
        assert(callCount > 2);
        for (let call = 1; call <= callCount; call++) {
          for (const fault of FAULTS) {
            await withService(
              OF_TODAY,
              (service) => playOnce(service, plan, { side, content, call, fault }),
            );
          }
        }
      });
    }
  }
}

for (const plan of MOVES) {
  Deno.test(`a ${plan.command} killed at any call while it is copied to another file system leaves nothing to the next one`, async () => {
    const content = sampleBytes(SIZES.large);
    let isOver = false;
    for (let call = 1; !isOver; call++) {
      await withService(OF_TODAY, async (service) => {
        await prepare(service, plan, content);
        const { disk, root } = plan.target(service);
        disk.faults = { ...CANNOT_RENAME, stopAt: call };
        isOver = await plan.move(service, { peerFeatures }).then(() => true, () => false);
        if (isOver) return assert(call > 20);
        const isServer = plan.target(service) === service.server;
        await service.restart(isServer ? "server" : "client", disk.afterKill());
        const after = plan.target(service).disk;
        // Killed at the same place it may have to be copied again.
        after.faults = CANNOT_RENAME;
        await plan.move(service, { peerFeatures, isRepeated: true });
        assert(isEqual(after.contentOf(`${root.directory}/a.bin`)!, content), `call ${call}`);
        assertEquals(partsBelow(after, root.directory), [], `call ${call}`);
      });
    }
  });
}

const CANNOT_RENAME = { failOnly: ["rename", "link"], failAt: 1, failCode: "EXDEV" } as const;

function partsBelow(disk: MemoryDisk, directory: string): string[] {
  return [...disk.namesIn(directory), ...disk.namesIn(`${directory}/.~ft-staging`)]
    .filter((name) => name.endsWith(".part") || name.endsWith(".log"));
}

interface Play {
  readonly side: "source" | "target";
  readonly content: Uint8Array;
  readonly call: number;
  readonly fault: typeof FAULTS[number];
}

async function prepare(service: Service, plan: Move, content: Uint8Array): Promise<void> {
  await plan.source(service).write("a.bin", content);
  await plan.target(service).write("a.bin", OLD);
}

async function countCalls(plan: Move, side: Play["side"], content: Uint8Array): Promise<number> {
  let count = 0;
  await withService(OF_TODAY, async (service) => {
    await prepare(service, plan, content);
    const { disk } = plan[side](service);
    const before = disk.calls.length;
    await plan.move(service, { peerFeatures });
    count = disk.calls.length - before;
  });
  return count;
}

async function playOnce(service: Service, plan: Move, play: Play): Promise<void> {
  const { side, content, call, fault } = play;
  await prepare(service, plan, content);
  const { disk } = plan[side](service);
  disk.faults = fault === "stop" ? { stopAt: call } : { failAt: call, failCode: fault };
  const where = `call ${call} of the ${side}, ${fault}`;
  const outcome = await plan.move(service, { peerFeatures }).then(() => "done", failureWord);
  const target = plan.target(service);
  const disks = fault === "stop" && side === "target"
    ? [disk.afterKill(), ...[0, 1, 2].map((seed) => disk.afterPowerLoss(chances(seed)))]
    : [target.disk];
  for (const after of disks) {
    const found = after.contentOf(`${target.root.directory}/a.bin`)!;
    const isNew = isEqual(found, content);
    assert(isNew || isEqual(found, OLD), `neither old nor new: ${where}`);
    if (outcome === "done") assert(isNew, `told too early: ${where}`);
  }
  if (fault === "stop") {
    const isServer = plan[side](service) === service.server;
    await service.restart(isServer ? "server" : "client", disk.afterKill());
    await cleanAsAtStart(plan[side](service));
  } else {
    disk.faults = {};
    await service.reconnect();
  }
  await assertAgainWorks(service, plan, content, where);
}

async function assertAgainWorks(
  service: Service,
  plan: Move,
  content: Uint8Array,
  where: string,
): Promise<void> {
  await plan.move(service, { peerFeatures });
  const target = plan.target(service);
  const { root, disk } = target;
  assert(isEqual(disk.contentOf(`${root.directory}/a.bin`)!, content), where);
  await service.settle();
  disk.nowMs += HOUR_MS + 1; // what was written at once is told by its age only
  await cleanAsAtStart(target);
  assertEquals(disk.namesIn(`${root.directory}/.~ft-staging`), [], where);
}

async function cleanAsAtStart({ root, disk: { nowMs } }: Side): Promise<void> {
  await root.cleanStaging({ nowMs });
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
