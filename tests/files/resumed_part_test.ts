import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES, leafHash, plainLeaves, sha256 } from "../../lib/crypto/mod.ts";
import { FileRoot, type PartialOptions, REMOTE_ROOT } from "../../lib/files/mod.ts";
import { keyedLeafHashing } from "../support/keyed_leaves.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import {
  at,
  BIG,
  bytes,
  openMemoryRoot,
  options,
  pattern,
  put,
  rejectsWith,
  rootOf,
  SMALL,
  STAGING,
  writeAll,
} from "./parts.ts";

/** The journal's header, the leaf, and the journal's line about it. */
const WRITES_OF_ONE_LEAF = 3;

Deno.test("a parked transfer goes on where it was", async () => {
  const { disk, root } = await openMemoryRoot();
  const first = await root.openPartial(at("f"), options(BIG));
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES + 70_000));
  await first.park();
  assertEquals(disk.openHandles, 1);

  const second = await root.openPartial(at("f"), options(BIG));
  assertEquals(second.resumeOffset, 2 * LEAF_BYTES);
  assertEquals(second.leaves, [leaf(0), leaf(1)]);
  await writeAll(second, BIG.subarray(second.resumeOffset));
  await second.commit(rootOf(BIG));
  assertEquals(disk.contentOf("/r/f"), BIG);
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("a file of a read-only source is published by the next try when the first could not", async () => {
  for (const mode of [0o444, 0o555, 0o400]) {
    const { disk, root } = await openMemoryRoot();
    const sealed = { ...options(BIG), mode, exists: "fail" } as const;
    const first = await root.openPartial(at("f"), sealed);
    await writeAll(first, BIG);
    disk.putFile("/r/f", bytes("in the way"));
    await rejectsWith("exists", () => first.commit(rootOf(BIG)));
    await root.removeFile(at("f"));
    const second = await root.openPartial(at("f"), sealed);
    assertEquals(second.resumeOffset, 3 * LEAF_BYTES);
    await writeAll(second, BIG.subarray(second.resumeOffset));
    await second.commit(rootOf(BIG));
    assertEquals(disk.contentOf("/r/f"), BIG);
    assertEquals(disk.statusOf("/r/f")?.mode, mode);
    assertEquals(disk.namesIn(STAGING), []);
    assertEquals(disk.openHandles, 1);
  }
});

Deno.test("a transfer that was killed goes on where it was", async () => {
  const { disk, root } = await openMemoryRoot();
  const killed = await root.openPartial(at("f"), options(BIG));
  await writeAll(killed, BIG.subarray(0, 2 * LEAF_BYTES));
  await untilCalled(disk, "write", WRITES_OF_ONE_LEAF);
  const after = disk.afterKill();
  const again = await FileRoot.open("/r", { disk: after });
  const part = await again.openPartial(at("f"), options(BIG));
  assert(part.resumeOffset >= LEAF_BYTES);
  await writeAll(part, BIG.subarray(part.resumeOffset));
  await part.commit(rootOf(BIG));
  assertEquals(after.contentOf("/r/f"), BIG);
});

Deno.test("only the same sender and target resume", async () => {
  const { root } = await openMemoryRoot();
  await parkTwoLeaves(root);
  const others: [string, PartialOptions][] = [
    ["f", { ...options(BIG), sender: "another" }],
    ["g", options(BIG)],
  ];
  for (const [name, opened] of others) {
    const part = await root.openPartial(at(name), opened);
    assertEquals(part.resumeOffset, 0);
    await part.discard();
  }
  const same = await root.openPartial(at("f"), { ...options(BIG), modifiedMs: 5, mode: 0o600 });
  assertEquals([same.resumeOffset, same.isOfSameSource], [2 * LEAF_BYTES, true]);
  await same.discard();
});

Deno.test("a part goes on with the key that it was begun with", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const mine = root.leafHashing.fresh();
  const first = await root.openPartial(at("f"), { ...options(BIG), leafHasher: mine });
  assertEquals(first.leafHasher, mine);
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES + 5));
  await first.park();

  const next = { ...options(BIG), leafHasher: root.leafHashing.fresh() };
  const second = await root.openPartial(at("f"), next);
  assertEquals(second.leafHasher.scheme, mine.scheme);
  assertEquals(second.leaves, [0, 1].map((index) => mine.hash(index, leafData(index))));
  await writeAll(second, BIG.subarray(second.resumeOffset));
  await second.commit(rootOf(BIG, mine));
  assertEquals(disk.contentOf("/r/f"), BIG);
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("a part that is damaged is found out by keyed leaves too", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const opened = { ...options(BIG), leafHasher: root.leafHashing.fresh() };
  const first = await root.openPartial(at("f"), opened);
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES));
  await first.park();
  const name = disk.namesIn(STAGING).find((each) => each.endsWith(".part"))!;
  disk.contentOf(`${STAGING}/${name}`)![LEAF_BYTES + 9]! ^= 1;
  const second = await root.openPartial(at("f"), opened);
  assertEquals(second.resumeOffset, LEAF_BYTES);
  await second.discard();
});

Deno.test("a part whose leaves are hashed otherwise than they have to be is begun anew", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const hashers = [root.leafHashing.fresh(), root.leafHashing.fresh(), plainLeaves];
  for (const held of hashers) {
    for (const wanted of hashers) {
      const first = await root.openPartial(at("f"), { ...options(BIG), leafHasher: held });
      await writeAll(first, BIG.subarray(0, LEAF_BYTES));
      await first.park();
      const fixed = { ...options(BIG), leafHasher: wanted, isHasherFixed: true };
      const second = await root.openPartial(at("f"), fixed);
      assertEquals(second.resumeOffset, held === wanted ? LEAF_BYTES : 0);
      assertEquals(second.leafHasher.scheme, wanted.scheme);
      await writeAll(second, BIG.subarray(second.resumeOffset));
      await second.commit(rootOf(BIG, wanted));
      assertEquals(disk.contentOf("/r/f"), BIG);
      assertEquals(disk.namesIn(STAGING), []);
    }
  }
});

Deno.test("a part whose key was told to another peer goes on with a key of its own", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const leafHasher = root.leafHashing.fresh();
  const begun = { ...options(BIG), leafHasher, peer: "one" };
  const first = await root.openPartial(at("f"), begun);
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES));
  await first.park();
  for (const [peer, held] of [["one", 0], ["other", 1], ["other", 1], ["one", 2]] as const) {
    const fresh = [leafHasher, keyedLeafHashing(5).fresh(), keyedLeafHashing(6).fresh()][held]!;
    const wanted = held === 0 ? keyedLeafHashing(7).fresh() : fresh;
    const part = await root.openPartial(at("f"), { ...options(BIG), leafHasher: wanted, peer });
    assertEquals(part.leafHasher.scheme, fresh.scheme);
    assertEquals(part.leaves, [0, 1].map((index) => fresh.hash(index, leafData(index))));
    await part.park();
  }
  const last = keyedLeafHashing(6).fresh();
  const part = await root.openPartial(at("f"), { ...options(BIG), peer: "one" });
  await writeAll(part, BIG.subarray(part.resumeOffset));
  await part.commit(rootOf(BIG, last));
  assertEquals(disk.contentOf("/r/f"), BIG);
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("what is hashed anew is what is there, as far as there are whole leaves", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const begun = { ...options(BIG), leafHasher: root.leafHashing.fresh(), peer: "one" };
  const first = await root.openPartial(at("f"), begun);
  await writeAll(first, BIG.subarray(0, 3 * LEAF_BYTES));
  await first.park();
  const name = disk.namesIn(STAGING).find((each) => each.endsWith(".part"))!;
  const part = `${STAGING}/${name}`;
  await truncate(disk, part, 2 * LEAF_BYTES + 9);
  disk.contentOf(part)![LEAF_BYTES]! ^= 1;
  const fresh = root.leafHashing.fresh();
  const second = await root.openPartial(at("f"), { ...begun, leafHasher: fresh, peer: "other" });
  const [good, bad] = [leafData(0), leafData(1).slice()];
  bad[0]! ^= 1;
  assertEquals(second.leaves, [fresh.hash(0, good), fresh.hash(1, bad)]);
  assert(second.isOfSameSource);
  await second.discardFrom(1);
  await writeAll(second, BIG.subarray(LEAF_BYTES));
  await second.commit(rootOf(BIG, fresh));
  assertEquals(disk.contentOf("/r/f"), BIG);
});

Deno.test("hashing a part anew ends when it is given up, and keeps the part as it was", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const begun = { ...options(BIG), leafHasher: root.leafHashing.fresh(), peer: "one" };
  const first = await root.openPartial(at("f"), begun);
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES));
  await first.park();
  const journal = disk.contentOf(stagedPath(disk, ".log"))!.slice();
  const handles = disk.openHandles;

  const other = { ...begun, leafHasher: root.leafHashing.fresh(), peer: "other" };
  let leavesToRead = 1;
  const isStopped = () => leavesToRead-- === 0;
  await rejectsWith("cancelled", () => root.openPartial(at("f"), { ...other, isStopped }));
  assertEquals(disk.contentOf(stagedPath(disk, ".log")), journal);
  assertEquals(disk.contentOf(stagedPath(disk, ".part")), BIG.subarray(0, 2 * LEAF_BYTES));
  assertEquals(disk.openHandles, handles);

  const again = await root.openPartial(at("f"), other);
  assertEquals(again.resumeOffset, 2 * LEAF_BYTES);
  await writeAll(again, BIG.subarray(again.resumeOffset));
  await again.commit(rootOf(BIG, other.leafHasher));
  assertEquals(disk.contentOf("/r/f"), BIG);
});

Deno.test("a file that is given up while what was held of it is still being checked is kept, whole", async () => {
  const { disk, root } = await openMemoryRoot();
  // More leaves than are checked before a transfer goes on.
  const content = new Uint8Array(66 * LEAF_BYTES + 5).fill(7);
  const first = await root.openPartial(at("f"), options(content));
  await writeAll(first, content.subarray(0, 66 * LEAF_BYTES));
  await first.park();

  let leavesToCheck = 64;
  const isStopped = () => leavesToCheck-- <= 0;
  const second = await root.openPartial(at("f"), { ...options(content), isStopped });
  assertEquals(second.resumeOffset, 66 * LEAF_BYTES);
  await writeAll(second, content.subarray(second.resumeOffset));
  await rejectsWith("cancelled", () => second.commit(rootOf(content)));
  await rejectsWith("not-found", () => root.status(at("f")));

  const third = await root.openPartial(at("f"), options(content));
  assertEquals(third.resumeOffset, 66 * LEAF_BYTES);
  await writeAll(third, content.subarray(third.resumeOffset));
  await third.commit(rootOf(content));
  assertEquals(disk.contentOf("/r/f")?.length, content.length);
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("a journal of plain leaves is the one that there was before keys", async () => {
  const { disk, root } = await openMemoryRoot();
  await parkTwoLeaves(root);
  const name = disk.namesIn(STAGING).find((each) => each.endsWith(".log"))!;
  const journal = disk.contentOf(`${STAGING}/${name}`)!;
  assertEquals(journal.subarray(2, 4), Uint8Array.of(1, 2));
  const headerBytes = 3 + (1 + 8 + 16 + 4 + 32 + "/f".length) + 8;
  assertEquals(journal.length, headerBytes + 2 * (3 + 4 + 32 + 8));
});

Deno.test("a journal that hashes in an unknown way is that of nothing", async () => {
  const { disk, root } = await openMemoryRoot(keyedLeafHashing());
  const first = await root.openPartial(at("f"), {
    ...options(BIG),
    leafHasher: root.leafHashing.fresh(),
  });
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES));
  await first.park();
  const name = disk.namesIn(STAGING).find((each) => each.endsWith(".log"))!;
  const journal = disk.contentOf(`${STAGING}/${name}`)!;
  const headerBytes = 3 + new DataView(journal.buffer, journal.byteOffset).getUint16(0);
  journal[3 + 1 + 8 + 16 + 4] = 200; // the kind of scheme
  journal.set(sha256(journal.subarray(0, headerBytes)).subarray(0, 8), headerBytes);
  const part = await root.openPartial(at("f"), options(BIG));
  assertEquals(part.resumeOffset, 0);
  await part.discard();
});

Deno.test("of another source the leaves are offered that it can have, and told apart", async () => {
  const cases: [Partial<PartialOptions>, number][] = [
    [{ sourceToken: "another" }, 2],
    [{ sizeBytes: 9 * LEAF_BYTES }, 2],
    [{ sizeBytes: 2 * LEAF_BYTES - 1 }, 1],
  ];
  for (const [change, leafCount] of cases) {
    const { disk, root } = await openMemoryRoot();
    await parkTwoLeaves(root);
    const part = await root.openPartial(at("f"), { ...options(BIG), ...change });
    assertEquals([part.leaves.length, part.isOfSameSource], [leafCount, false]);
    await part.park();
    assertEquals(disk.namesIn(STAGING).length, 2);
  }
});

Deno.test("a part belongs to the source that wrote to it last", async () => {
  const { disk, root } = await openMemoryRoot();
  await parkTwoLeaves(root);
  const changed = BIG.slice();
  changed[LEAF_BYTES + 9]! ^= 1;
  const other = { ...options(BIG), sourceToken: "another" };
  const looked = await root.openPartial(at("f"), other);
  await looked.park();
  const part = await root.openPartial(at("f"), other);
  assert(!part.isOfSameSource);
  await part.discardFrom(1);
  await writeAll(part, changed.subarray(LEAF_BYTES, 2 * LEAF_BYTES));
  await part.park();
  const first = await root.openPartial(at("f"), options(BIG));
  assertEquals([first.leaves.length, first.isOfSameSource], [2, false]);
  await first.park();
  const second = await root.openPartial(at("f"), other);
  assertEquals([second.leaves.length, second.isOfSameSource], [2, true]);
  await writeAll(second, changed.subarray(2 * LEAF_BYTES));
  await second.commit(rootOf(changed));
  assertEquals(disk.contentOf("/r/f"), changed);
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("a damaged part resumes before the damage", async () => {
  const { disk, root } = await openMemoryRoot();
  await parkTwoLeaves(root);
  disk.contentOf(stagedPath(disk, ".part"))![LEAF_BYTES + 5]! ^= 1;
  const part = await root.openPartial(at("f"), options(BIG));
  assertEquals(part.resumeOffset, LEAF_BYTES);
  await writeAll(part, BIG.subarray(LEAF_BYTES));
  await part.commit(rootOf(BIG));
  assertEquals(disk.contentOf("/r/f"), BIG);
});

Deno.test("a journal with a torn or false tail counts up to there", async () => {
  for (const damage of ["torn", "false", "header"] as const) {
    const { disk, root } = await openMemoryRoot();
    await parkTwoLeaves(root);
    const path = stagedPath(disk, ".log");
    const log = disk.contentOf(path)!;
    if (damage === "torn") await truncate(disk, path, log.length - 3);
    else log[damage === "false" ? log.length - 20 : 5]! ^= 1;
    const part = await root.openPartial(at("f"), options(BIG));
    assertEquals(part.resumeOffset, damage === "header" ? 0 : LEAF_BYTES, damage);
    await writeAll(part, BIG.subarray(part.resumeOffset));
    await part.park();
    const again = await root.openPartial(at("f"), options(BIG));
    assertEquals(again.resumeOffset, 3 * LEAF_BYTES);
    await again.discard();
  }
});

Deno.test("a journal whose part is gone starts again", async () => {
  const { disk, root } = await openMemoryRoot();
  await parkTwoLeaves(root);
  const staging = await disk.openRoot(STAGING, { create: false });
  await staging.removeFile(disk.namesIn(STAGING).find((name) => name.endsWith(".part"))!);
  staging.close();
  const part = await root.openPartial(at("f"), options(BIG));
  assertEquals(part.resumeOffset, 0);
  await part.discard();
});

Deno.test("a part that a crash left with a second, public name is never written to", async () => {
  const { disk, root } = await openMemoryRoot();
  await parkTwoLeaves(root);
  const staging = await disk.openRoot(STAGING, { create: false });
  const folder = await disk.openRoot("/r", { create: false });
  await staging.link(disk.namesIn(STAGING).find((name) => name.endsWith(".part"))!, folder, "f");
  const published = disk.contentOf("/r/f")!.slice();
  const part = await root.openPartial(at("f"), options(BIG));
  assertEquals(part.resumeOffset, 0);
  await writeAll(part, pattern(2 * LEAF_BYTES, 99));
  await part.park();
  assertEquals(disk.contentOf("/r/f"), published);
  staging.close();
  folder.close();
});

Deno.test("discardFrom() forgets leaves that the source does not have", async () => {
  const { disk, root } = await openMemoryRoot();
  const changed = BIG.slice();
  changed[LEAF_BYTES + 9]! ^= 1;
  await parkTwoLeaves(root);
  const part = await root.openPartial(at("f"), options(BIG));
  await part.discardFrom(1);
  assertEquals([part.resumeOffset, part.leaves], [LEAF_BYTES, [leaf(0)]]);
  await assertRejects(() => part.discardFrom(2), RangeError);
  await writeAll(part, changed.subarray(LEAF_BYTES));
  await part.commit(rootOf(changed));
  assertEquals(disk.contentOf("/r/f"), changed);
});

Deno.test("what is parked before the first leaf is removed", async () => {
  const { disk, root } = await openMemoryRoot();
  const part = await root.openPartial(at("f"), options(BIG));
  await part.write(BIG.subarray(0, 1000));
  await part.park();
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("two programs never write one part, and each sender has its own", async () => {
  const { disk, root } = await openMemoryRoot();
  const other = await FileRoot.open("/r", { disk });
  const mine = await root.openPartial(at("f"), options(BIG));
  await rejectsWith("busy", () => other.openPartial(at("f"), options(BIG)));
  const another = { ...options(BIG), sourceToken: "another" };
  await rejectsWith("busy", () => other.openPartial(at("f"), another));
  const theirs = await other.openPartial(at("f"), { ...options(BIG), sender: "theirs" });
  const theirContent = pattern(BIG.length, 5);
  await writeAll(mine, BIG);
  await writeAll(theirs, theirContent);
  await theirs.commit(rootOf(theirContent));
  await mine.commit(rootOf(BIG));
  assertEquals(disk.contentOf("/r/f"), BIG);
  await other.close();
});

Deno.test("with a clock, unfinished work is flushed every 5 s", async () => {
  let nowMs = 0;
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  const root = await FileRoot.open("/r", { disk, nowMs: () => nowMs });
  const part = await root.openPartial(at("f"), options(BIG));
  await writeAll(part, BIG.subarray(0, LEAF_BYTES));
  await untilCalled(disk, "write", WRITES_OF_ONE_LEAF);
  assertEquals(disk.calls.filter((name) => name === "syncData").length, 0);
  nowMs = 5000;
  await writeAll(part, BIG.subarray(LEAF_BYTES, 2 * LEAF_BYTES));
  await untilCalled(disk, "syncDirectory", 2);
  assertEquals(disk.calls.filter((name) => name === "syncData").length, 2);
  const after = disk.afterPowerLoss(() => 0);
  const again = await FileRoot.open("/r", { disk: after });
  assert((await again.openPartial(at("f"), options(BIG))).resumeOffset >= LEAF_BYTES);
  await part.discard();
});

Deno.test("with a clock, leaves that come in a moment are journaled together, and when it is parked", async () => {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  const root = await FileRoot.open("/r", { disk, nowMs: () => 0 });
  const part = await root.openPartial(at("f"), options(BIG));
  await writeAll(part, BIG);
  const whole = BIG.length - BIG.length % LEAF_BYTES;
  const killed = await FileRoot.open("/r", { disk: disk.afterKill() });
  const left = await killed.openPartial(at("f"), options(BIG));
  assertEquals(left.resumeOffset, LEAF_BYTES);
  await left.discard();
  await part.park();
  const parked = await root.openPartial(at("f"), options(BIG));
  assertEquals(parked.resumeOffset, whole);
  await parked.discard();
});

Deno.test("with a clock, leaves that come slowly are journaled one by one", async () => {
  let nowMs = 0;
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  const root = await FileRoot.open("/r", { disk, nowMs: () => nowMs += 50 });
  const part = await root.openPartial(at("f"), options(BIG));
  await writeAll(part, BIG.subarray(0, 3 * LEAF_BYTES));
  await untilCalled(disk, "write", 1 + 2 * 3); // the header, three leaves, and three lines
  const killed = await FileRoot.open("/r", { disk: disk.afterKill() });
  const left = await killed.openPartial(at("f"), options(BIG));
  assertEquals(left.resumeOffset, 3 * LEAF_BYTES);
  await left.discard();
  await part.discard();
});

Deno.test("a part that could not be flushed on the way is not used again", async () => {
  let nowMs = 0;
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  const root = await FileRoot.open("/r", { disk, nowMs: () => nowMs });
  const part = await root.openPartial(at("f"), options(BIG));
  nowMs = 5000;
  disk.faults = { failOnly: ["syncData"], failAt: 1 };
  await rejectsWith("io", async () => {
    await writeAll(part, BIG);
    await part.commit(rootOf(BIG));
  });
  await part.park();
  assertEquals(disk.namesIn(STAGING), []);
});

Deno.test("on a real disk a transfer is parked, resumed and published", async () => {
  const path = await Deno.makeTempDir();
  const root = await FileRoot.open(path);
  const first = await root.openPartial(at("f"), options(BIG));
  await writeAll(first, BIG.subarray(0, 2 * LEAF_BYTES));
  await first.park();
  assertEquals((await Deno.stat(`${path}/.~ft-staging`)).mode! & 0o777, 0o700);
  const second = await root.openPartial(at("f"), options(BIG));
  assertEquals(second.resumeOffset, 2 * LEAF_BYTES);
  await writeAll(second, BIG.subarray(2 * LEAF_BYTES));
  await second.commit(rootOf(BIG));
  await put(root, "g", SMALL, { ...options(SMALL), exists: "fail" });
  assertEquals(await Deno.readFile(`${path}/f`), BIG);
  assertEquals(await Deno.readFile(`${path}/g`), SMALL);
  await root.close();
  const names = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  assertEquals(names.sort(), ["f", "g"]);
  await Deno.remove(path, { recursive: true });
});

Deno.test("a long part that was damaged in front is found out before it is published", async () => {
  const path = await Deno.makeTempDir();
  const root = await FileRoot.open(path, { durability: "none" });
  const content = pattern(67 * LEAF_BYTES);
  const first = await root.openPartial(at("f"), options(content));
  await writeAll(first, content.subarray(0, 66 * LEAF_BYTES));
  await first.park();
  const staging = `${path}/.~ft-staging`;
  const [part] = (await Array.fromAsync(Deno.readDir(staging), ({ name }) => name))
    .filter((name) => name.endsWith(".part"));
  const file = await Deno.open(`${staging}/${part}`, { write: true });
  await file.seek(LEAF_BYTES + 5, Deno.SeekMode.Start);
  await file.write(Uint8Array.of(content[LEAF_BYTES + 5]! ^ 1));
  file.close();

  const second = await root.openPartial(at("f"), options(content));
  assertEquals(second.resumeOffset, 66 * LEAF_BYTES);
  await writeAll(second, content.subarray(second.resumeOffset));
  await rejectsWith("changed", () => second.commit(rootOf(content)));
  assertEquals((await root.list(REMOTE_ROOT)).length, 0);

  const third = await root.openPartial(at("f"), options(content));
  assertEquals(third.resumeOffset, LEAF_BYTES);
  await writeAll(third, content.subarray(LEAF_BYTES));
  await third.commit(rootOf(content));
  assertEquals(await Deno.readFile(`${path}/f`), content);
  await root.close();
  await Deno.remove(path, { recursive: true });
});

async function parkTwoLeaves(root: FileRoot): Promise<void> {
  const part = await root.openPartial(at("f"), options(BIG));
  await writeAll(part, BIG.subarray(0, 2 * LEAF_BYTES));
  await part.park();
}

/** Waits until a disk was called so often: a leaf is hashed by another thread, which takes its time. */
async function untilCalled(disk: MemoryDisk, name: string, count: number): Promise<void> {
  while (disk.calls.filter((call) => call === name).length < count) {
    await new Promise<void>((done) => setImmediate(done));
  }
}

function stagedPath(disk: MemoryDisk, suffix: string): string {
  return `${STAGING}/${disk.namesIn(STAGING).find((name) => name.endsWith(suffix))}`;
}

async function truncate(disk: MemoryDisk, path: string, sizeBytes: number): Promise<void> {
  const folder = await disk.openRoot(path.slice(0, path.lastIndexOf("/")), { create: false });
  const file = await folder.openFile(path.slice(path.lastIndexOf("/") + 1), { access: "write" });
  await file.truncate(sizeBytes);
  file.close();
  folder.close();
}

function leaf(index: number): Uint8Array {
  return leafHash(index, leafData(index));
}

function leafData(index: number): Uint8Array {
  return BIG.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES);
}
