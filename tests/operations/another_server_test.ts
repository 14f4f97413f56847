import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../lib/crypto/mod.ts";
import { FEATURES } from "../../lib/operations/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import { keyedLeafHashing, twinOfLeaf } from "../support/keyed_leaves.ts";
import { failureWord, headerBytes, MOVES } from "./moves.ts";
import { sampleBytes, withService } from "./service.ts";

const MIB = 1 << 20;
const TODAY = FEATURES.knowsHeld + FEATURES.leafSchemes;
const CONTENT = sampleBytes(4 * MIB);

const get = MOVES.find(({ command }) => command === "get")!;

/** What a server sends that knows the first key of the client, and what another server has. */
function forged(): Uint8Array {
  const hasher = keyedLeafHashing().fresh();
  const leaf = CONTENT.subarray(MIB, 2 * MIB);
  const twin = twinOfLeaf(hasher.key!, leaf);
  assertNotEquals(twin, leaf);
  assertEquals(hasher.hash(1, twin), hasher.hash(1, leaf));
  const content = CONTENT.slice();
  content.set(twin, MIB);
  return content;
}

/** A get that is cut after three leaves of what one server has, and goes on with what another has. */
async function getFromTwo(
  contents: readonly [Uint8Array, Uint8Array],
  peers: readonly [string, string],
): Promise<{ resumedFrom: number; isOfSecond: boolean }> {
  const bytes = await headerBytes(get, contents[0].length) + 3 * MIB + 9;
  let result = { resumedFrom: -1, isOfSecond: false };
  const streams = { loseAfter: { direction: get.dataDirection, bytes } };
  await withService({ streams, clientFeatures: TODAY }, async (service) => {
    await service.server.write("a.bin", contents[0]);
    await assertRejects(
      () => get.move(service, { peerFeatures: TODAY, peer: peers[0] }),
      TransferError,
    );
    await service.reconnect();
    await service.server.write("a.bin", contents[1]);
    const moved = await get.move(service, { peerFeatures: TODAY, peer: peers[1] });
    const content = await service.client.read("a.bin");
    const isOfSecond = sha256(content!).toHex() === sha256(contents[1]).toHex();
    result = { resumedFrom: moved.resumedFrom, isOfSecond };
  });
  return result;
}

Deno.test("a server that began a file cannot make up what another one is believed to have sent", async () => {
  assertEquals(await getFromTwo([forged(), CONTENT], ["one", "other"]), {
    resumedFrom: MIB,
    isOfSecond: true,
  });
});

Deno.test("a get that one server began goes on with another one", async () => {
  assertEquals(await getFromTwo([CONTENT, CONTENT], ["one", "other"]), {
    resumedFrom: 3 * MIB,
    isOfSecond: true,
  });
});

Deno.test("a get that is given up while its part is hashed for another server keeps the part", async () => {
  const content = sampleBytes(13 * MIB);
  const bytes = await headerBytes(get, content.length) + 12 * MIB + 9;
  const streams = { loseAfter: { direction: get.dataDirection, bytes } };
  await withService({ streams, clientFeatures: TODAY }, async (service) => {
    await service.server.write("a.bin", content);
    await assertRejects(
      () => get.move(service, { peerFeatures: TODAY, peer: "one" }),
      TransferError,
    );
    await service.reconnect();
    const giving = new AbortController();
    const { disk } = service.client;
    let leavesRead = 0;
    disk.onCall = (name) => {
      // The journal is read first.
      if (name === "read" && ++leavesRead === 2) giving.abort();
    };
    const given = get.move(service, { peerFeatures: TODAY, peer: "other", signal: giving.signal });
    assertEquals(failureWord(await assertRejects(() => given, TransferError)), "cancelled");
    assert(leavesRead < 12, `${leavesRead} reads of 12 leaves`);
    assertEquals(await service.client.read("a.bin"), null);
    await service.reconnect();
    const moved = await get.move(service, { peerFeatures: TODAY, peer: "other" });
    assertEquals(moved.resumedFrom, 12 * MIB);
    assertEquals(sha256((await service.client.read("a.bin"))!), sha256(content));
  });
});
