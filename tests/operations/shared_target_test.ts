/**
 * Two sources, one target: whatever is cut, killed or begun in between, the name means one of them, whole.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../lib/crypto/mod.ts";
import {
  download,
  FEATURES,
  type TransferOptions,
  type TransferResult,
  upload,
} from "../../lib/operations/mod.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { failureWord, headerBytes, type Move, MOVES } from "./moves.ts";
import { path, sampleBytes, type Service, withService } from "./service.ts";

const MIB = 1 << 20;
const SIZE = 6 * MIB + 700;

/** By their age, what peers can do. */
const PEERS = {
  "an old peer": 0,
  "a peer of today": FEATURES.limits + FEATURES.knowsHeld + FEATURES.leafSchemes,
};

/** Two files that begin with the same bytes. */
function twoSources(sharedBytes: number): readonly [Uint8Array, Uint8Array] {
  const other = sampleBytes(SIZE, 2);
  const one = sampleBytes(SIZE);
  other.set(one.subarray(0, sharedBytes));
  return [one, other];
}

for (const plan of MOVES) {
  for (const [title, peerFeatures] of Object.entries(PEERS)) {
    const options = { peerFeatures };
    const setup = { clientFeatures: peerFeatures };

    Deno.test(`${plan.command} with ${title} to a target where another source was cut keeps what both have`, async () => {
      const sources = twoSources(2 * MIB);
      const header = await headerBytes(plan, SIZE);
      // Which source, how many leaves of it are here when it is cut, and where it goes on.
      const turns = [[0, 4, 0], [1, 5, 2], [0, 3, 2], [0, 4, 3], [1, 4, 2]] as const;
      await withService(setup, async (service) => {
        for (const [index, leaves, resumed] of turns) {
          const bytes = header + (leaves - resumed) * MIB + 9;
          await service.reconnect({ loseAfter: { direction: plan.dataDirection, bytes } });
          await provide(service, plan, sources[index]!);
          const starts: number[] = [];
          const onStart: TransferOptions["onStart"] = (start) => starts.push(start.resumedFrom);
          const cut = plan.move(service, { ...options, onStart });
          assertEquals(failureWord(await assertRejects(() => cut)), "connection-lost");
          assertEquals(starts, [resumed * MIB]);
          assertEquals(await plan.target(service).names(), []);
        }
        await service.reconnect();
        assertEquals((await plan.move(service, options)).resumedFrom, 4 * MIB);
        assertEquals(await whatIsThere(service, plan), nameOf(sources[1]));
      });
    });

    Deno.test(`${plan.command} with ${title} of two sources in turn, cut and killed anywhere, publishes either of them, whole`, async () => {
      const seeds = Deno.env.has("SEED") ? [Number(Deno.env.get("SEED"))] : [1, 2, 3, 4];
      for (const seed of seeds) {
        const random = seededRandom(seed);
        const sources = twoSources(Math.floor(random() * 5 * MIB));
        await withService(setup, async (service) => {
          for (let turn = 0; turn < 8; turn++) {
            const before = await whatIsThere(service, plan);
            const source = sources[Math.floor(random() * 2)]!;
            const found = await interrupt(service, plan, { source, random, options });
            const where = `turn ${turn}, SEED=${seed}`;
            assert([before, nameOf(source)].includes(found), where);
          }
          for (const source of sources) {
            await provide(service, plan, source);
            await plan.move(service, options);
            assertEquals(await whatIsThere(service, plan), nameOf(source), `SEED=${seed}`);
            await service.reconnect();
          }
        });
      }
    });
  }

  Deno.test(`${plan.command} of two sources to one target at the same time writes one after the other, or one only`, async () => {
    const sources = twoSources(0);
    await withService({}, async (service) => {
      const names = ["one.bin", "other.bin"];
      for (const [index, name] of names.entries()) {
        await plan.source(service).write(name, sources[index]!);
      }
      const begun = Promise.withResolvers<void>();
      const first = moveTo(service, plan, names[0]!, { onStart: () => begun.resolve() });
      await begun.promise;
      const second = await moveTo(service, plan, names[1]!).then(() => "done", failureWord);
      await first;
      // An upload waits for an earlier one of its own connection; every other one would be refused as well.
      assertEquals(second, plan.command === "put" ? "done" : "busy");
      const last = sources[second === "done" ? 1 : 0];
      assertEquals(await whatIsThere(service, plan), nameOf(last));
      await moveTo(service, plan, names[0]!);
      assertEquals(await whatIsThere(service, plan), nameOf(sources[0]));
    });
  });
}

/** Makes the source this content: another file, newer than the one before. */
async function provide(service: Service, plan: Move, content: Uint8Array): Promise<void> {
  const side = plan.source(service);
  side.disk.nowMs += 5000;
  await side.write("a.bin", content);
}

/** Moves until the connection is lost or the target's program is killed; returns what is there then. */
async function interrupt(
  service: Service,
  plan: Move,
  { source, random, options }: {
    readonly source: Uint8Array;
    readonly random: () => number;
    readonly options: Partial<TransferOptions>;
  },
): Promise<string> {
  const isKilled = random() < 0.5;
  const bytes = Math.floor(random() * SIZE);
  const direction = plan.dataDirection;
  await service.reconnect(isKilled ? {} : { loseAfter: { direction, bytes } });
  await provide(service, plan, source);
  const { disk } = plan.target(service);
  if (isKilled) disk.faults = { stopAt: 1 + Math.floor(random() * 60) };
  await plan.move(service, options).catch(() => {});
  if (isKilled) {
    const isServer = plan.target(service) === service.server;
    await service.restart(isServer ? "server" : "client", disk.afterKill());
  } else {
    await service.reconnect();
  }
  return await whatIsThere(service, plan);
}

async function moveTo(
  { caller, client }: Service,
  { command }: Move,
  name: string,
  options: Partial<TransferOptions> = {},
): Promise<TransferResult> {
  const moved = { exists: "overwrite", ...options } as const;
  return command === "get"
    ? await download(caller, path(name), { root: client.root, path: path("a.bin") }, moved)
    : await upload(caller, { root: client.root, path: path(name) }, path("a.bin"), moved);
}

async function whatIsThere(service: Service, plan: Move): Promise<string> {
  const side = plan.target(service);
  const isThere = (await side.names()).includes("a.bin");
  return isThere ? nameOf((await side.read("a.bin"))!) : "nothing";
}

function nameOf(content: Uint8Array): string {
  return sha256(content).toHex();
}
