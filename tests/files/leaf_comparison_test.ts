import { assert, assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES, leafHash, plainLeaves } from "../../lib/crypto/mod.ts";
import { countEqualLeaves } from "../../lib/files/mod.ts";

const DATA = new Uint8Array(LEAF_BYTES).fill(7);
const LEAVES = Array.from({ length: 12 }, (_, index) => leafHash(index, DATA));

/** A file of `LEAVES`, but for the leaves named. */
function read(wrong: readonly number[] = [], readAt: number[] = []) {
  return (buffer: Uint8Array, offset: number) => {
    const index = offset / LEAF_BYTES;
    readAt.push(index);
    buffer.set(DATA);
    if (wrong.includes(index)) buffer[5] = 8;
    return Promise.resolve(LEAF_BYTES);
  };
}

Deno.test("countEqualLeaves() finds the first leaf that differs, whatever order they are hashed in", async () => {
  const range = { hasher: plainLeaves, leaves: LEAVES, from: 0, until: 12 };
  assertEquals(await countEqualLeaves({ read: read(), ...range }), 12);
  assertEquals(await countEqualLeaves({ read: read([9, 3, 4]), ...range }), 3);
  assertEquals(await countEqualLeaves({ read: read([0]), ...range }), 0);
  assertEquals(await countEqualLeaves({ read: read([0]), ...range, from: 1, until: 5 }), 5);
  assertEquals(await countEqualLeaves({ read: read(), ...range, from: 5, until: 5 }), 5);
});

Deno.test("countEqualLeaves() takes a file that ends too early for a difference", async () => {
  const short = () => Promise.resolve(100);
  assertEquals(
    await countEqualLeaves({ read: short, hasher: plainLeaves, leaves: LEAVES, from: 0, until: 3 }),
    0,
  );
});

Deno.test("countEqualLeaves() reads little behind a difference, and nothing when it is stopped", async () => {
  const readAt: number[] = [];
  const range = { hasher: plainLeaves, leaves: LEAVES, from: 0, until: 12 };
  await countEqualLeaves({ read: read([0, 1, 2, 3], readAt), ...range });
  assert(readAt.length < 9, String(readAt));
  readAt.length = 0;
  const isStopped = () => readAt.length >= 0;
  assertEquals(await countEqualLeaves({ read: read([], readAt), ...range, isStopped }), 0);
  assertEquals(readAt, []);
});

Deno.test("countEqualLeaves() reports a disk that fails, after its last read", async () => {
  let running = 0;
  const failing = async (_: Uint8Array, offset: number) => {
    running++;
    await Promise.resolve();
    running--;
    if (offset === LEAF_BYTES) throw new Error("EIO");
    return LEAF_BYTES;
  };
  const range = { hasher: plainLeaves, leaves: LEAVES, from: 0, until: 12 };
  await assertRejects(() => countEqualLeaves({ read: failing, ...range }), Error, "EIO");
  assertEquals(running, 0);
});
