/** Which leaf is written when, by whom, and what is noted of it. */
import { assertEquals, assertFalse, assertNotEquals, assertThrows } from "@std/assert";
import { LEAF_BYTES, plainLeaves } from "../../lib/crypto/mod.ts";
import { DiskGuard } from "../../lib/files/disk_guard.ts";
import { FileError } from "../../lib/files/mod.ts";
import { LeafWriter } from "../../lib/files/leaf_writer.ts";
import { ThreadPatience } from "../../lib/files/thread_patience.ts";
import { keyedLeafHashing } from "../support/keyed_leaves.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { rootOf } from "../support/root_of.ts";
import { pattern } from "./parts.ts";

const SIZE = 6 * LEAF_BYTES;
const CONTENT = pattern(SIZE);

/** A write of a leaf that ends when it is told to. */
interface Write {
  readonly leaf: number;
  readonly isHere: boolean;
  readonly ended: PromiseWithResolvers<void>;
}

/** A writer on a disk whose other thread does nothing by itself; what is written here is there at once. */
async function startWriter({ processors, isKeyed = true }: {
  processors: number;
  isKeyed?: boolean;
}) {
  const disk = new MemoryDisk();
  disk.putNode("/r", "directory");
  const parent = await disk.openRoot("/r", { create: false });
  const writes: Write[] = [];
  const journal: Uint8Array[] = [];
  const told: number[] = [];
  const clock = { nowMs: 0, hereMs: 0.3 };
  const nowMs = () => clock.nowMs;
  const hasher = isKeyed ? keyedLeafHashing().fresh() : plainLeaves;
  let hereFails = false;
  const writer = new LeafWriter({
    part: {
      write: async (bytes, position, { isHere = false } = {}) => {
        assertEquals(bytes, CONTENT.subarray(position, position + bytes.length));
        const ended = Promise.withResolvers<void>();
        writes.push({ leaf: position / LEAF_BYTES, isHere, ended });
        if (isHere) {
          clock.nowMs += clock.hereMs;
          if (hereFails) ended.reject(Object.assign(new Error(), { code: "ENOSPC" }));
          else ended.resolve();
        }
        await ended.promise;
      },
    },
    journal: { append: (leaves) => Promise.resolve(void journal.push(...leaves)) },
    destination: { guard: new DiskGuard({ isStrict: false }), parent, path: "f" },
    hasher,
    leaves: [],
    sizeBytes: SIZE,
    nowMs: undefined,
    patience: new ThreadPatience({ processors, nowMs }),
    onWritten: (bytes) => told.push(bytes),
  });
  let filledLeaves = 0;
  const fillLeaf = async () => {
    const room = writer.room();
    room.set(CONTENT.subarray(filledLeaves * LEAF_BYTES, ++filledLeaves * LEAF_BYTES));
    await writer.fill(room.length);
  };
  const close = () => {
    writer.close();
    parent.close();
  };
  const failHere = () => hereFails = true;
  const order = () => writes.map(({ leaf, isHere }) => `${leaf}${isHere ? " here" : ""}`);
  return { ...{ writer, writes, journal, told, clock, hasher }, fillLeaf, order, failHere, close };
}

/** Whether a promise has settled once everything that waits for nothing has happened. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const note = () => void (isSettled = true);
  promise.then(note, note);
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  return isSettled;
}

for (const isKeyed of [true, false]) {
  Deno.test(`a leaf waits for the one before where there are processors (${isKeyed ? "keyed" : "plain"})`, async () => {
    const { fillLeaf, writes, order, journal, told, hasher, writer, close } = await startWriter({
      ...{ processors: 4, isKeyed },
    });
    await fillLeaf();
    const second = fillLeaf();
    assertFalse(await hasSettled(second));
    assertEquals(order(), ["0"]);
    writes[0]!.ended.resolve();
    await second;
    writes[1]!.ended.resolve();
    await writer.settle();
    assertEquals(order(), ["0", "1"]);
    const leaf = (index: number) => CONTENT.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES);
    assertEquals(journal, [0, 1].map((index) => hasher.hash(index, leaf(index))));
    assertEquals(told, [LEAF_BYTES, 2 * LEAF_BYTES]);
    close();
  });
}

Deno.test("who would wait for another thread writes by himself, and notes it after that", async () => {
  const { fillLeaf, writes, order, journal, told, hasher, writer, close } = await startWriter({
    processors: 2,
  });
  for (let leaf = 0; leaf < 4; leaf++) await fillLeaf();
  assertEquals(order(), ["0", "1 here", "2 here", "3 here"]);
  assertEquals([journal, told], [[], []]);
  writes[0]!.ended.resolve();
  await writer.settle();
  assertEquals(journal.length, 4);
  assertEquals(told, [1, 2, 3, 4].map((leaves) => leaves * LEAF_BYTES));
  await fillLeaf();
  await fillLeaf();
  assertEquals(order().slice(4), ["4", "5 here"], "nobody had to wait for the fourth");
  writes[4]!.ended.resolve();
  await writer.finish();
  assertEquals(writer.root(), rootOf(CONTENT, hasher));
  close();
});

Deno.test("a disk that is slow is left to the other thread", async () => {
  const { fillLeaf, writes, order, clock, writer, close } = await startWriter({ processors: 1 });
  clock.hereMs = 100;
  await fillLeaf();
  await fillLeaf();
  const third = fillLeaf();
  assertFalse(await hasSettled(third));
  assertEquals(order(), ["0", "1 here"]);
  writes[0]!.ended.resolve();
  await third;
  assertEquals(order(), ["0", "1 here", "2"]);
  writes[2]!.ended.resolve();
  await writer.settle();
  close();
});

Deno.test("nothing is noted behind a leaf that is missing", async () => {
  const { fillLeaf, writes, journal, told, writer, close } = await startWriter({ processors: 2 });
  await fillLeaf();
  await fillLeaf();
  writes[0]!.ended.reject(Object.assign(new Error(), { code: "EIO" }));
  await writer.settle();
  assertEquals([journal, told], [[], []]);
  assertNotEquals(writer.failure, null);
  assertThrows(() => writer.room(), FileError);
  close();
});

Deno.test("what came before a leaf that failed is noted", async () => {
  const { fillLeaf, writes, journal, told, writer, failHere, close } = await startWriter({
    processors: 2,
  });
  await fillLeaf();
  failHere();
  await fillLeaf();
  assertThrows(() => writer.throwFailure(), FileError);
  writes[0]!.ended.resolve();
  await writer.settle();
  assertEquals(told, [LEAF_BYTES]);
  assertEquals(journal.length, 1);
  close();
});
