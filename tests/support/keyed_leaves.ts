/**
 * Leaves hashed with keys, as programs hash them where libcrypto is.
 *
 * @module
 */
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
