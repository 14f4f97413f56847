import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { FileError } from "../../lib/files/mod.ts";
import { type UploadClaimant, UploadClaims } from "../../lib/operations/mod.ts";

/** Claims on a clock that moves only while somebody waits. */
class World {
  nowMs = 0;
  readonly claims = new UploadClaims({
    nowMs: () => this.nowMs,
    pause: async (delayMs) => {
      await Promise.resolve();
      this.nowMs += delayMs;
    },
  });

  /** A client that was heard last at `lastHeardMs()`. */
  client(
    clientKey: string,
    sourceToken: string,
    options: { lastHeardMs?: () => number; onGiveWay?: () => void } = {},
  ): UploadClaimant {
    return {
      connection: {},
      clientKey,
      sourceToken,
      silentMs: () => this.nowMs - (options.lastHeardMs ?? (() => this.nowMs))(),
      giveWay: options.onGiveWay ?? (() => {}),
    };
  }
}

/** Work that lasts until it is told to end. */
function endlessWork(): { run: () => Promise<string>; end: () => void; wasEnded: () => boolean } {
  const ended = Promise.withResolvers<string>();
  let isEnded = false;
  const end = () => {
    isEnded = true;
    ended.resolve("parked");
  };
  return { run: () => ended.promise, end, wasEnded: () => isEnded };
}

const work = () => Promise.resolve("done");

Deno.test("UploadClaims.hold() runs uploads to different files side by side", async () => {
  const { claims, client } = newWorld();
  const first = endlessWork();
  const held = claims.hold("/a", client("one", "s"), first.run);
  assertEquals(await claims.hold("/b", client("one", "s"), work), "done");
  first.end();
  assertEquals(await held, "parked");
  assertEquals(await claims.hold("/a", client("two", "t"), work), "done");
});

Deno.test("UploadClaims.hold() lets the same source take over from a connection that went silent", async () => {
  const world = new World();
  const dead = endlessWork();
  const deadClient = world.client("one", "s", { lastHeardMs: () => 0, onGiveWay: dead.end });
  const held = world.claims.hold("/a", deadClient, dead.run);
  world.nowMs = 300;
  assertEquals(await world.claims.hold("/a", world.client("two", "s"), work), "done");
  assertEquals(await held, "parked");
  assertEquals(world.nowMs, 2000, "no sooner than two seconds after it was heard last");
});

Deno.test("UploadClaims.hold() lets the same client take over with another source", async () => {
  const world = new World();
  const dead = endlessWork();
  const deadClient = world.client("one", "s", { lastHeardMs: () => 0, onGiveWay: dead.end });
  const held = world.claims.hold("/a", deadClient, dead.run);
  world.nowMs = 9000;
  assertEquals(await world.claims.hold("/a", world.client("one", "t"), work), "done");
  await held;
});

Deno.test("UploadClaims.hold() refuses a stranger at once, even when the holder is silent", async () => {
  const world = new World();
  const dead = endlessWork();
  const held = world.claims.hold(
    "/a",
    world.client("one", "s", { lastHeardMs: () => 0 }),
    dead.run,
  );
  world.nowMs = 9000;
  const refused = await assertRejects(
    () => world.claims.hold("/a", world.client("two", "t"), work),
    FileError,
  );
  assertEquals(refused.kind, "busy");
  assertEquals(world.nowMs, 9000);
  assert(!dead.wasEnded());
  dead.end();
  await held;
});

Deno.test("UploadClaims.hold() refuses the same source while the older upload is heard", async () => {
  const world = new World();
  const live = endlessWork();
  const held = world.claims.hold("/a", world.client("one", "s", { onGiveWay: live.end }), live.run);
  await assertRejects(() => world.claims.hold("/a", world.client("two", "s"), work), FileError);
  assert(!live.wasEnded());
  assertLessOrEqual(world.nowMs, 500, "it need not wait long to know");
  live.end();
  await held;
});

Deno.test("UploadClaims.hold() refuses two uploads of one connection to one file", async () => {
  const world = new World();
  const first = endlessWork();
  const connection = world.client("one", "s");
  const held = world.claims.hold("/a", connection, first.run);
  await assertRejects(() => world.claims.hold("/a", { ...connection }, work), FileError);
  assertEquals(world.nowMs, 10_000, "it might have been given up just now");
  first.end();
  await held;
});

Deno.test("UploadClaims.hold() gives a file free when the work fails", async () => {
  const { claims, client } = newWorld();
  const failing = () => Promise.reject(new Error("disk"));
  await assertRejects(() => claims.hold("/a", client("one", "s"), failing), Error, "disk");
  assertEquals(await claims.hold("/a", client("two", "t"), work), "done");
});

function newWorld(): { claims: UploadClaims; client: World["client"] } {
  const world = new World();
  return {
    claims: world.claims,
    client: (key, token, options) => world.client(key, token, options),
  };
}
