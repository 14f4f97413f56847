/**
 * Leaves hashed with keys, as programs hash them where libcrypto is.
 *
 * @module
 */
import { createCipheriv } from "node:crypto";
import { LeafHashing, nodeAeadProvider, openLibcrypto } from "../../lib/crypto/mod.ts";

// Here and not inside a test: a library stays loaded, which the leak check of a test would object to.
const fastest = openLibcrypto() ?? nodeAeadProvider;

/** Makes a key for every file, on every machine; another one each time, the same in every run. */
export function keyedLeafHashing(seed = 1): LeafHashing {
  let count = 0;
  return new LeafHashing({
    aead: {
      name: fastest.name,
      isQuickWithLeaves: true,
      createKey: (...parameters) => fastest.createKey(...parameters),
      createGmac: () => fastest.createGmac(),
    },
    entropy: {
      fill: (bytes) => {
        count++;
        for (let index = 0; index < bytes.length; index++) {
          bytes[index] = seed * 89 + count * 31 + index * 7;
        }
      },
    },
  });
}

/** Other data with the same hash as a leaf under this key: what everybody can make who knows it. */
export function twinOfLeaf(key: Uint8Array, data: Uint8Array): Uint8Array {
  const twin = data.slice();
  const cipher = createCipheriv("aes-128-ecb", key, null);
  const hashKey = cipher.update(new Uint8Array(16));
  cipher.final();
  const change = new Uint8Array(16).fill(0x5a);
  // Horner: each block is added before the sum is multiplied by the hash key.
  const counterChange = product(change, hashKey);
  for (let at = 0; at < 16; at++) {
    twin[at]! ^= change[at]!;
    twin[16 + at]! ^= counterChange[at]!;
  }
  return twin;
}

/** Product in GF(2^128). NIST SP 800-38D §6.3. */
function product(a: Uint8Array, b: Uint8Array): Uint8Array {
  const x = BigInt(`0x${a.toHex()}`);
  let v = BigInt(`0x${b.toHex()}`);
  let z = 0n;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) z ^= v;
    v = v & 1n ? (v >> 1n) ^ (0xe1n << 120n) : v >> 1n;
  }
  return Uint8Array.fromHex(z.toString(16).padStart(32, "0"));
}
