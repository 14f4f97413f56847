/** The tree hash against RFC 6962 written down word by word. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { LEAF_BYTES, leafHash, LeafTree, sha256, treeRoot } from "../../lib/crypto/mod.ts";

Deno.test("treeRoot() agrees with the recursive definition for every small number of leaves", () => {
  for (let leafCount = 0; leafCount <= 70; leafCount++) {
    const leaves = Array.from({ length: leafCount }, (_, index) => sha256(Uint8Array.of(index)));
    const sizeBytes = leafCount === 0 ? 0 : (leafCount - 1) * LEAF_BYTES + 1;
    const expected = reference(
      `02${u64(sizeBytes)}${referenceTree(leaves.map((leaf) => leaf.toHex()))}`,
    );
    assertEquals(treeRoot(leaves, sizeBytes).toHex(), expected, `${leafCount} leaves`);
  }
});

Deno.test("LeafTree gives the root of the slow reference, whatever the size", () => {
  const file = pseudoRandom(3 * LEAF_BYTES + 17);
  const sizes = [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 2 * LEAF_BYTES, file.length];
  for (const sizeBytes of sizes) {
    const tree = new LeafTree();
    for (let offset = 0; offset < sizeBytes; offset += LEAF_BYTES) {
      const data = file.subarray(offset, Math.min(sizeBytes, offset + LEAF_BYTES));
      tree.addLeaf(leafHash(offset / LEAF_BYTES, data), data.length);
    }
    assertEquals([tree.sizeBytes, tree.leaves.length], [
      sizeBytes,
      Math.ceil(sizeBytes / LEAF_BYTES),
    ]);
    const root = tree.root();
    assertEquals(root.toHex(), referenceRoot(file.subarray(0, sizeBytes)), `${sizeBytes} bytes`);
    assertEquals(root, treeRoot(tree.leaves, sizeBytes));
  }
});

Deno.test("LeafTree goes on behind leaves that are known, and keeps more than it first made room for", () => {
  const leaves = Array.from({ length: 100 }, (_, index) => sha256(Uint8Array.of(index)));
  assertEquals(new LeafTree(leaves).leaves, leaves);
  const tree = new LeafTree(leaves.slice(0, 16));
  assertEquals(tree.sizeBytes, 16 * LEAF_BYTES);
  for (const leaf of leaves.slice(16)) tree.addLeaf(leaf, LEAF_BYTES);
  assertEquals(tree.leaves, leaves);
  assertEquals(tree.root(), treeRoot(leaves, 100 * LEAF_BYTES));
});

Deno.test("the root tells apart size, order, position and depth", () => {
  const a = sha256(Uint8Array.of(1));
  const b = sha256(Uint8Array.of(2));
  const root = treeRoot([a, b], 2 * LEAF_BYTES);
  assertNotEquals(root, treeRoot([b, a], 2 * LEAF_BYTES));
  assertNotEquals(root, treeRoot([a, b], 2 * LEAF_BYTES - 1));
  assertNotEquals(root, treeRoot([sha256(Uint8Array.of(1), a, b)], LEAF_BYTES));
  assertNotEquals(leafHash(0, a), leafHash(1, a));
});

Deno.test("treeRoot() wants as many leaves as the size has", () => {
  assertThrows(() => treeRoot([], 1), RangeError);
  assertThrows(() => treeRoot([new Uint8Array(32)], 0), RangeError);
  assertThrows(() => treeRoot([new Uint8Array(32)], LEAF_BYTES + 1), RangeError);
});

Deno.test("a LeafTree is finished after root() or a short leaf, and knows a hash by its length", () => {
  const tree = new LeafTree().addLeaf(sha256(), 5);
  assertThrows(() => tree.addLeaf(sha256(), 5), InternalError);
  tree.root();
  assertThrows(() => tree.root(), InternalError);
  const empty = new LeafTree();
  empty.root();
  assertThrows(() => empty.addLeaf(sha256(), 5), InternalError);
  assertThrows(() => new LeafTree([new Uint8Array(31)]), InternalError);
});

/** RFC 6962 §2.1, recursive, on hexadecimal text. */
function referenceTree(leaves: readonly string[]): string {
  if (leaves.length === 0) return reference("");
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return reference(
    `01${referenceTree(leaves.slice(0, split))}${referenceTree(leaves.slice(split))}`,
  );
}

function referenceRoot(file: Uint8Array): string {
  const leaves: string[] = [];
  for (let offset = 0; offset < file.length; offset += LEAF_BYTES) {
    const data = file.subarray(offset, offset + LEAF_BYTES).toHex();
    leaves.push(reference(`00${u64(leaves.length)}${data}`));
  }
  return reference(`02${u64(file.length)}${referenceTree(leaves)}`);
}

function reference(hexText: string): string {
  return createHash("sha256").update(Uint8Array.fromHex(hexText)).digest("hex");
}

function u64(value: number): string {
  return value.toString(16).padStart(16, "0");
}

function pseudoRandom(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
