import { assertEquals } from "@std/assert";
import { LEAF_BYTES, leafHash, plainLeafHashing, plainLeaves } from "../../lib/crypto/mod.ts";
import { LeafBlock } from "../../lib/files/mod.ts";
import { keyedLeafHashing } from "../support/keyed_leaves.ts";
import { pattern } from "./parts.ts";

const DATA = pattern(LEAF_BYTES);
const LENGTHS = [0, 1, 64 * 1024, 64 * 1024 + 1, LEAF_BYTES];

function filled(): LeafBlock {
  const block = new LeafBlock();
  block.data.set(DATA);
  return block;
}

Deno.test("LeafBlock.digest() gives one hash for one scheme, wherever it is computed", async () => {
  const quick = keyedLeafHashing().fresh();
  const slow = plainLeafHashing.of(quick.scheme)!;
  const block = filled();
  for (const length of LENGTHS) {
    const data = DATA.subarray(0, length);
    assertEquals(await block.digest(plainLeaves, 3, length), leafHash(3, data));
    assertEquals(await block.digest(quick, 3, length), quick.hash(3, data));
    assertEquals(await block.digest(slow, 3, length), quick.hash(3, data));
  }
});

Deno.test("LeafBlock.digest() is done with the data when it returns its promise", async () => {
  const quick = keyedLeafHashing().fresh();
  for (const hasher of [plainLeaves, quick, plainLeafHashing.of(quick.scheme)!]) {
    const block = filled();
    const digest = block.digest(hasher, 0, LEAF_BYTES);
    block.data.fill(0);
    assertEquals(await digest, hasher.hash(0, DATA));
  }
});
