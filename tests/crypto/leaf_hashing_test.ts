/** Keyed leaves against their definition, and how they are told to others. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { createCipheriv, createHash } from "node:crypto";
import { InternalError } from "../../lib/bytes/invariant.ts";
import {
  LEAF_SCHEME_BYTES,
  leafHash,
  LeafHashing,
  nodeAeadProvider,
  plainLeafHashing,
  plainLeaves,
} from "../../lib/crypto/mod.ts";
import { keyedLeafHashing } from "../support/keyed_leaves.ts";

const DATA = new Uint8Array(100_003).map((_, index) => index * 131);

/** SHA-256(03 ‖ GMAC), word by word. */
function reference(key: Uint8Array, index: number, data: Uint8Array): string {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(index));
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  cipher.setAAD(data, { plaintextLength: 0 });
  cipher.final();
  return createHash("sha256").update(Uint8Array.of(3)).update(cipher.getAuthTag()).digest("hex");
}

Deno.test("a keyed leaf is what its definition says, by whichever library", () => {
  for (const hashing of [keyedLeafHashing(), plainLeafHashing]) {
    const hasher = hashing.of(keyedLeafHashing(7).fresh().scheme)!;
    for (const length of [1, 16, 1000, DATA.length]) {
      for (const index of [0, 1, 2 ** 33]) {
        const data = DATA.subarray(3, 3 + length);
        assertEquals(hasher.hash(index, data).toHex(), reference(hasher.key!, index, data));
      }
    }
  }
});

Deno.test("passing leaves give the hashes of whole ones, in whatever pieces", () => {
  const hasher = keyedLeafHashing().fresh();
  const passing = hasher.passing()!;
  for (const [index, pieceBytes] of [[0, 1000], [1, 64 * 1024], [2 ** 33, DATA.length]]) {
    for (let at = 0; at < DATA.length; at += pieceBytes!) {
      passing.update(index!, DATA.subarray(at, at + pieceBytes!));
    }
    assertEquals(passing.finish(), hasher.hash(index!, DATA));
  }
  passing.close();
  assertEquals(plainLeaves.passing(), null);
  assertEquals(plainLeafHashing.of(hasher.scheme)!.passing(), null);
});

Deno.test("a keyed leaf depends on key, index, and every bit", () => {
  const hashing = keyedLeafHashing();
  const hasher = hashing.fresh();
  const hash = hasher.hash(5, DATA);
  assertEquals(hasher.hash(5, DATA), hash);
  assertNotEquals(hasher.hash(6, DATA), hash);
  assertNotEquals(hasher.hash(5, DATA.subarray(1)), hash);
  assertNotEquals(hashing.fresh().hash(5, DATA), hash);
  for (const at of [0, 50_000, DATA.length - 1]) {
    const changed = DATA.slice();
    changed[at]! ^= 0x10;
    assertNotEquals(hasher.hash(5, changed), hash);
  }
});

Deno.test("LeafHashing makes a key for each file where that is quick, and plain leaves elsewhere", () => {
  const hashing = keyedLeafHashing();
  const [one, other] = [hashing.fresh(), hashing.fresh()];
  assertNotEquals(one.key, other.key);
  assert(one.isQuick);
  const slow = new LeafHashing({ aead: nodeAeadProvider, entropy: { fill: () => {} } });
  assertEquals(slow.fresh(), plainLeaves);
  assertEquals(plainLeaves.hash(4, DATA), leafHash(4, DATA));
});

Deno.test("LeafHashing knows a hasher by its scheme, whoever made it", () => {
  const hasher = keyedLeafHashing().fresh();
  assertEquals(hasher.scheme.length, LEAF_SCHEME_BYTES);
  const known = plainLeafHashing.of(hasher.scheme)!;
  assertEquals([known.scheme, known.key, known.isQuick], [hasher.scheme, hasher.key, false]);
  assertEquals(known.hash(3, DATA), hasher.hash(3, DATA));
  assertEquals(plainLeafHashing.of(plainLeaves.scheme), plainLeaves);
});

Deno.test("LeafHashing knows no other schemes", () => {
  const { scheme } = keyedLeafHashing().fresh();
  for (const kind of [0, 2, 255]) {
    assertEquals(plainLeafHashing.of(Uint8Array.of(kind, ...scheme.subarray(1))), null);
  }
  assertEquals(plainLeafHashing.of(scheme.subarray(1)), null);
  assertEquals(plainLeafHashing.of(Uint8Array.of(...scheme, 0)), null);
  assertEquals(plainLeafHashing.of(new Uint8Array(0)), null);
});

Deno.test("a scheme stays as it is when the bytes it came in are used again", () => {
  const { scheme } = keyedLeafHashing().fresh();
  const received = scheme.slice();
  const hasher = plainLeafHashing.of(received)!;
  const hash = hasher.hash(0, DATA);
  received.fill(0);
  assertEquals(hasher.hash(0, DATA), hash);
  assertEquals(hasher.scheme, scheme);
});

Deno.test("keys are never made without randomness", () => {
  const aead = { ...nodeAeadProvider, isQuickWithLeaves: true };
  assertEquals(plainLeafHashing.fresh(), plainLeaves);
  const entropy = {
    fill: () => {
      throw new InternalError("none");
    },
  };
  assertThrows(() => new LeafHashing({ aead, entropy }).fresh(), InternalError);
});
