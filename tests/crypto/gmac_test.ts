/** What every provider must do for the tags of leaves, asked of each. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { type AeadProvider, TAG_BYTES } from "../../lib/crypto/mod.ts";
import { createKey, hex, pattern, PROVIDERS } from "./providers.ts";

for (const provider of PROVIDERS) {
  Deno.test(`${provider.name} agrees with the first case of the GCM specification on GMAC`, () => {
    const tag = tagOf(provider, new Uint8Array(16), new Uint8Array(12), []);
    assertEquals(tag, hex("58e2fccefa7e3061367f1d57a4e7455a"));
  });

  Deno.test(`${provider.name} gives the tag of a packet without plaintext as GMAC, in any pieces`, () => {
    for (const length of [1, 15, 16, 17, 1000, 65_536, 1_048_576]) {
      const packet = pattern(length + 7 + TAG_BYTES);
      const key = provider.createKey("aes-128-gcm", pattern(16), pattern(12));
      key.seal(packet, 7, length, 0, 0);
      key.destroy();
      const data = packet.subarray(7, 7 + length);
      for (const pieceBytes of [7, 16, 1001, length].filter((bytes) => length / bytes < 1000)) {
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < length; at += pieceBytes) {
          pieces.push(data.subarray(at, at + pieceBytes));
        }
        const tag = tagOf(provider, pattern(16), pattern(12), pieces);
        assertEquals(tag, packet.subarray(7 + length), `${length} in pieces of ${pieceBytes}`);
      }
    }
  });

  Deno.test(`${provider.name} makes several tags at a time, between packets under the same key`, () => {
    const key = createKey(provider, "aes-128-gcm");
    const gmacs = [provider.createGmac(), provider.createGmac()];
    for (const gmac of gmacs) gmac.start(pattern(16), pattern(12));
    const sealed = [1, 2].map((packetNumber) => {
      const packet = pattern(100 + TAG_BYTES);
      key.seal(packet, 0, 20, 80, packetNumber);
      for (const gmac of gmacs) gmac.update(pattern(500));
      return packet;
    });
    const tags = gmacs.map((gmac) => gmac.tag());
    assertEquals(tags[0], tags[1]);
    assertEquals(tags[0], tagOf(provider, pattern(16), pattern(12), [pattern(500), pattern(500)]));
    assert(key.open(sealed[1]!, 0, 20, 80 + TAG_BYTES, 2));
    assert(key.open(sealed[0]!, 0, 20, 80 + TAG_BYTES, 1));
    key.destroy();
    for (const gmac of gmacs) gmac.destroy();
  });

  Deno.test(`${provider.name} begins a tag anew when the one before was given up`, () => {
    const gmac = provider.createGmac();
    gmac.start(pattern(16), pattern(12));
    gmac.update(pattern(33));
    gmac.start(pattern(16), pattern(12));
    gmac.update(pattern(50));
    assertEquals(gmac.tag(), tagOf(provider, pattern(16), pattern(12), [pattern(50)]));
    gmac.destroy();
  });

  Deno.test(`${provider.name} refuses what is no message for GMAC`, () => {
    const gmac = provider.createGmac();
    assertThrows(() => gmac.start(pattern(32), pattern(12)), RangeError);
    assertThrows(() => gmac.start(pattern(16), pattern(11)), RangeError);
    assertThrows(() => gmac.update(pattern(1)), InternalError);
    assertThrows(() => gmac.tag(), InternalError);
    gmac.start(pattern(16), pattern(12));
    gmac.tag();
    assertThrows(() => gmac.tag(), InternalError);
    gmac.start(pattern(16), pattern(12));
    gmac.destroy();
    assertThrows(() => gmac.update(pattern(1)), InternalError);
    gmac.destroy();
  });
}

function tagOf(
  provider: AeadProvider,
  key: Uint8Array,
  nonce: Uint8Array,
  pieces: readonly Uint8Array[],
): Uint8Array {
  const gmac = provider.createGmac();
  gmac.start(key, nonce);
  for (const piece of pieces) gmac.update(piece);
  const tag = gmac.tag();
  gmac.destroy();
  return tag;
}
