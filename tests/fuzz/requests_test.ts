/**
 * Requests, replies and files of which some bytes were changed by a hostile end that otherwise keeps to the
 * rules. Nothing but errors made for it comes out, nothing stays open, and no file is there that was not sent as
 * a whole.
 *
 * One seed is fixed and one is fresh. `SEED=n` repeats a failure, `FUZZ_ROUNDS=n` takes longer.
 *
 * @module
 */
import { assert } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { FileError } from "../../lib/files/mod.ts";
import {
  download,
  downloadPack,
  hashFile,
  listDirectory,
  makeDirectories,
  makeDirectory,
  type PackedFile,
  type PackedOutcome,
  removeDirectory,
  removePath,
  renamePath,
  requestRate,
  shutdownServer,
  statPath,
  upload,
  uploadPack,
  walkTree,
} from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import {
  path,
  sampleBytes,
  type Service,
  turnOfTheLoop,
  withService,
} from "../operations/service.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";
import type { Direction } from "../support/stream_pair.ts";

const ROUNDS = 40 * Number(Deno.env.get("FUZZ_ROUNDS") ?? 1);
const given = Deno.env.get("SEED");
const SEEDS = given === undefined
  ? [1, crypto.getRandomValues(new Uint32Array(1))[0]!]
  : [Number(given)];

const SMALL = sampleBytes(3000, 1);
const LARGE = sampleBytes((2 << 20) + 77, 2);
const OLD = sampleBytes(500, 3);
const CONTENTS = [SMALL, LARGE, OLD];
const FEATURES = { peerFeatures: 0xff };

/** Everything that a client does. */
const ACTIONS: readonly ((service: Service) => Promise<unknown>)[] = [
  ({ caller }) => statPath(caller, path("small")),
  ({ caller }) => hashFile(caller, path("large")),
  ({ caller }) => Array.fromAsync(listDirectory(caller, path("/"))),
  ({ caller }) => Array.fromAsync(walkTree(caller, path("/"))),
  ({ caller }) => makeDirectory(caller, path("d/e"), { parents: true }),
  ({ caller }) => makeDirectories(caller, [{ path: path("m/n"), mode: 0o755 }]),
  ({ caller }) => removeDirectory(caller, path("empty")),
  ({ caller }) => removePath(caller, path("old"), { recursive: true }),
  ({ caller }) => renamePath(caller, path("old"), path("renamed"), { replace: false }),
  ({ caller }) => requestRate(caller, { maxRateBytesPerSecond: 5000, isPolite: true }),
  ({ caller }) => shutdownServer(caller),
  (service) => get(service, "small"),
  (service) => get(service, "large"),
  (service) => get(service, "old"),
  (service) => put(service, "small"),
  (service) => put(service, "large"),
  (service) => put(service, "old"),
  (service) => downloadPack(service.caller, pack(service), { exists: "overwrite", ...FEATURES }),
  (service) => uploadPack(service.caller, pack(service), { exists: "overwrite", ...FEATURES }),
];

function get({ caller, client: { root } }: Service, name: string): Promise<unknown> {
  const target = { root, path: path(name) };
  return download(caller, path(name), target, { exists: "overwrite", ...FEATURES });
}

function put({ caller, client: { root } }: Service, name: string): Promise<unknown> {
  const source = { root, path: path(name) };
  return upload(caller, source, path(name), { exists: "overwrite", ...FEATURES });
}

function pack({ client: { root } }: Service): PackedFile[] {
  return ["small", "old", "none"].map((name) => ({
    local: { root, path: path(name) },
    remote: path(name),
    onEnd: (outcome: PackedOutcome) => {
      if (outcome.kind === "failed") assertKnown(outcome.error);
    },
  }));
}

function assertKnown(error: unknown): void {
  const isKnown = error instanceof RemoteError || error instanceof TransferError ||
    error instanceof FileError || error instanceof StreamError;
  if (!isKnown) throw error;
}

/** One action while some bytes of one direction are changed, at best near the beginning. */
async function attack(random: SeededRandom, direction: Direction): Promise<void> {
  const changes = Array.from({ length: random.integer(1, 3) }, () => ({
    at: Math.floor(random.logBetween(1, random.chance(0.8) ? 120 : 4000)) - 1,
    byte: random.chance(0.3)
      ? random.pick([0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff])
      : random.below(256),
  }));
  const action = random.pick(ACTIONS);
  const streams = {
    onBytes: (bytes: Uint8Array, at: { direction: Direction; offset: number }) => {
      if (at.direction !== direction) return;
      for (const { at: place, byte } of changes) {
        const index = place - at.offset;
        if (index >= 0 && index < bytes.length) bytes[index] = byte;
      }
    },
  };
  await withService({ streams, clientFeatures: 0xff }, async (service) => {
    for (const side of [service.server, service.client]) {
      await side.write("small", SMALL);
      await side.write("large", side === service.client && random.chance(0.5) ? OLD : LARGE);
      await side.write("old", OLD);
    }
    await service.server.root.makeDirectory(path("empty"), { parents: false });
    const acting = action(service).then(() => {}, assertKnown);
    // Both sides may wait for each other for ever: then the connection is lost, sooner than in life.
    await Promise.race([acting, turnOfTheLoop().then(turnOfTheLoop)]);
    service.connection.lose();
    await acting;
    await service.settle();
    // Without detail it is what the client said, who may have been told so.
    const bugs = service.events.filter((event) =>
      event.kind === "failure" && event.reason === "internal" && event.detail !== undefined
    );
    assert(bugs.length === 0, JSON.stringify(bugs));
    await assertWhole(service.server);
    await assertWhole(service.client);
  });
}

/** Whatever is there was sent as a whole. */
async function assertWhole(side: Service["server"]): Promise<void> {
  for await (const { path: found, status } of side.root.walk(path("/"), { onSkipped: () => {} })) {
    if (status.kind !== "file") continue;
    const name = found.components.join("/");
    const content = await side.read(name);
    const isKnown = CONTENTS.some((known) => content !== null && sameBytes(known, content));
    assert(isKnown, `${name} has ${content?.length} bytes`);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

for (const seed of SEEDS) {
  for (const [who, direction] of [["client", "from-opener"], ["server", "to-opener"]] as const) {
    Deno.test(`a ${who} that changes some bytes, seed ${seed === 1 ? 1 : "fresh"}`, async () => {
      const random = new SeededRandom(seed, who);
      for (let round = 0; round < ROUNDS; round++) {
        try {
          await attack(random, direction);
        } catch (error) {
          throw new Error(`SEED=${seed}, round ${round}`, { cause: error });
        }
      }
    });
  }
}
