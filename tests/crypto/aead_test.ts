/** What every provider of packet protection must do, asked of each; and that they understand each other. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { openLibcrypto, type SuiteName, SUITES, TAG_BYTES } from "../../lib/crypto/mod.ts";
import { PacketNonce } from "../../lib/crypto/aead.ts";
import { createKey, hex, LIBCRYPTO, pattern, PROVIDERS } from "./providers.ts";
import aead from "../vectors/aead.json" with { type: "json" };

const SUITE_NAMES = Object.keys(SUITES) as SuiteName[];

for (const provider of PROVIDERS) {
  for (const { source, suite, ...vector } of aead.vectors) {
    Deno.test(`${provider.name} agrees with the ${suite} vector of ${source}`, () => {
      const header = hex(vector.aad);
      const plaintext = hex(vector.plaintext);
      const sealed = hex(vector.ciphertext + vector.tag);
      const packet = concat(header, plaintext, new Uint8Array(TAG_BYTES));
      // With packet number 0 the IV is the nonce.
      const key = provider.createKey(suite as SuiteName, hex(vector.key), hex(vector.nonce));
      key.seal(packet, 0, header.length, plaintext.length, 0);
      assertEquals(packet, concat(header, sealed));
      assert(key.open(packet, 0, header.length, sealed.length, 0));
      assertEquals(packet.subarray(0, header.length + plaintext.length), concat(header, plaintext));
      key.destroy();
    });
  }

  Deno.test(`${provider.name} builds the nonce of RFC 9001 appendix A.5 from IV and packet number`, () => {
    const key = provider.createKey(
      "chacha20-poly1305",
      hex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
      hex("e0459b3474bdd0e44a41c144"),
    );
    const packet = concat(hex("4200bff4"), hex("01"), new Uint8Array(TAG_BYTES));
    key.seal(packet, 0, 4, 1, 654_360_564);
    assertEquals(packet, hex("4200bff4655e5cd55c41f69080575d7999c25a5bfb"));
    key.destroy();
  });

  for (const suite of SUITE_NAMES) {
    const name = `${provider.name} ${suite}`;

    Deno.test(`${name} opens what it sealed, at any offset and of any size, and touches nothing else`, () => {
      const key = createKey(provider, suite);
      let packetNumber = 0;
      for (const plaintextLength of [0, 1, 2, 15, 16, 17, 63, 64, 65, 1200, 1440, 8900, 65_491]) {
        for (const headerLength of [0, 1, 13, 16, 24]) {
          for (const start of [0, 1, 7]) {
            const bodyStart = start + headerLength;
            const end = bodyStart + plaintextLength + TAG_BYTES;
            const buffer = pattern(end + 5);
            const original = buffer.slice();
            key.seal(buffer, start, headerLength, plaintextLength, packetNumber);
            assertEquals(buffer.subarray(0, bodyStart), original.subarray(0, bodyStart));
            assertEquals(buffer.subarray(end), original.subarray(end));
            if (plaintextLength >= 15) {
              assertNotEquals(buffer.subarray(bodyStart, end), original.subarray(bodyStart, end));
            }
            const bodyLength = plaintextLength + TAG_BYTES;
            assert(key.open(buffer, start, headerLength, bodyLength, packetNumber));
            assertEquals(
              buffer.subarray(0, end - TAG_BYTES),
              original.subarray(0, end - TAG_BYTES),
            );
            assertEquals(buffer.subarray(end), original.subarray(end));
            packetNumber++;
          }
        }
      }
      key.destroy();
    });

    Deno.test(`${name} seals from other memory what it seals in place, and touches nothing else`, () => {
      const [key, inPlace] = [createKey(provider, suite), createKey(provider, suite)];
      let packetNumber = 0;
      for (const plaintextLength of [0, 1, 15, 16, 17, 63, 64, 65, 1200, 1440, 8900, 65_491]) {
        for (const headerLength of [0, 1, 15]) {
          for (const [start, sourceStart] of [[0, 0], [7, 1], [1, 13]] as const) {
            const bodyStart = start + headerLength;
            const source = pattern(sourceStart + plaintextLength + 3).reverse();
            const original = source.slice();
            const buffer = pattern(bodyStart + plaintextLength + TAG_BYTES + 5);
            const expected = buffer.slice();
            expected.set(source.subarray(sourceStart, sourceStart + plaintextLength), bodyStart);
            key.sealFrom(
              buffer,
              start,
              headerLength,
              source,
              sourceStart,
              plaintextLength,
              packetNumber,
            );
            inPlace.seal(expected, start, headerLength, plaintextLength, packetNumber++);
            assertEquals(buffer, expected);
            assertEquals(source, original);
          }
        }
      }
      const empty = pattern(4 + TAG_BYTES);
      const expected = empty.slice();
      key.sealFrom(empty, 0, 4, new Uint8Array(0), 0, 0, packetNumber);
      inPlace.seal(expected, 0, 4, 0, packetNumber);
      assertEquals(empty, expected);
      key.destroy();
      inPlace.destroy();
    });

    Deno.test(`${name} rejects a packet with any single bit changed`, () => {
      const key = createKey(provider, suite);
      const headerLength = 11;
      const bodyLength = 21 + TAG_BYTES;
      const sealed = pattern(headerLength + bodyLength);
      key.seal(sealed, 0, headerLength, 21, 3);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const damaged = sealed.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        assert(!key.open(damaged, 0, headerLength, bodyLength, 3), `bit ${bit}`);
      }
      assert(key.open(sealed, 0, headerLength, bodyLength, 3));
      key.destroy();
    });

    Deno.test(`${name} does not leave plaintext of a rejected packet in the buffer`, () => {
      const key = createKey(provider, suite);
      const secret = new TextEncoder().encode("nobody may read this before it is verified");
      const sealed = concat(secret, new Uint8Array(TAG_BYTES));
      key.seal(sealed, 0, 0, secret.length, 0);
      sealed[sealed.length - 1]! ^= 1;
      assert(!key.open(sealed, 0, 0, sealed.length, 0));
      assert(!sealed.toHex().includes(secret.subarray(0, 8).toHex()));
      key.destroy();
    });

    Deno.test(`${name} rejects another packet number, another boundary of the header, another key or IV`, () => {
      const key = createKey(provider, suite);
      const sealed = pattern(64);
      key.seal(sealed, 0, 16, 32, 5);
      for (const packetNumber of [0, 4, 6, 5 + 2 ** 32, 5 + 2 ** 52]) {
        assert(!key.open(sealed.slice(), 0, 16, 48, packetNumber), `number ${packetNumber}`);
      }
      assert(!key.open(sealed.slice(), 0, 15, 49, 5));
      assert(!key.open(sealed.slice(), 0, 17, 47, 5));
      assert(!key.open(sealed.slice(), 0, 16, 47, 5));
      assert(!key.open(sealed.slice(), 1, 15, 48, 5));
      const keyBytes = pattern(SUITES[suite].keyBytes);
      const otherKey = provider.createKey(suite, keyBytes.map((byte) => byte ^ 1), pattern(12));
      const otherIv = provider.createKey(suite, keyBytes, pattern(12).map((byte) => byte ^ 1));
      assert(!otherKey.open(sealed.slice(), 0, 16, 48, 5));
      assert(!otherIv.open(sealed.slice(), 0, 16, 48, 5));
      assert(key.open(sealed.slice(), 0, 16, 48, 5));
      for (const each of [key, otherKey, otherIv]) each.destroy();
    });

    Deno.test(`${name} encrypts equal packets differently under every number`, () => {
      const key = createKey(provider, suite);
      const seen = new Set<string>();
      const numbers = [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
      for (const packetNumber of numbers) {
        const packet = new Uint8Array(48);
        key.seal(packet, 0, 0, 32, packetNumber);
        seen.add(packet.toHex());
        assert(key.open(packet, 0, 0, 48, packetNumber));
      }
      assertEquals(seen.size, numbers.length);
      key.destroy();
    });

    Deno.test(`${name} never seals a packet number twice nor goes back`, () => {
      const key = createKey(provider, suite);
      const buffer = new Uint8Array(64);
      key.seal(buffer, 0, 8, 8, 7);
      const before = buffer.slice();
      for (const packetNumber of [7, 6, 0, -1, NaN, 2 ** 53]) {
        assertThrows(() => key.seal(buffer, 0, 8, 8, packetNumber), InternalError);
        const sealing = () => key.sealFrom(buffer, 0, 8, new Uint8Array(9), 1, 8, packetNumber);
        assertThrows(sealing, InternalError);
      }
      assertEquals(buffer, before);
      key.seal(buffer, 0, 8, 8, 8);
      key.destroy();
    });

    Deno.test(`${name} stays inside the buffer`, () => {
      const key = createKey(provider, suite);
      const memory = pattern(128);
      const buffer = memory.subarray(32, 96);
      const before = memory.slice();
      const outside: [start: number, header: number, body: number][] = [
        [0, 0, 49],
        [1, 0, 48],
        [0, 1, 48],
        [-1, 0, 16],
        [0, -1, 16],
        [0, 0, -1],
        [0, 0, -17],
        [64, 0, 0],
        [65, 0, 0],
        [0, 0, 2 ** 31],
        [0, 0, 2 ** 32],
        [2 ** 53, 0, 0],
        [NaN, 0, 0],
        [0, NaN, 0],
        [0, 0, NaN],
        [0, 0, Infinity],
      ];
      for (const [start, header, body] of outside) {
        assertThrows(() => key.seal(buffer, start, header, body, 1), RangeError, "fit");
        const sealing = () => key.sealFrom(buffer, start, header, new Uint8Array(99), 0, body, 1);
        assertThrows(sealing, RangeError, "fit");
        assert(
          !key.open(buffer, start, header, body + TAG_BYTES, 1),
          `${start}, ${header}, ${body}`,
        );
      }
      for (let length = 0; length < TAG_BYTES; length++) {
        assert(!key.open(buffer, 0, 8, length, 1));
      }
      assertEquals(memory, before);
      key.seal(buffer, 0, 0, 48, 1);
      assertEquals(memory.subarray(0, 32), before.subarray(0, 32));
      assertEquals(memory.subarray(96), before.subarray(96));
      assert(key.open(buffer, 0, 0, 64, 1));
      key.destroy();
    });

    Deno.test(`${name} reads no plaintext outside its source`, () => {
      const key = createKey(provider, suite);
      const buffer = pattern(64);
      const before = buffer.slice();
      const source = pattern(128).subarray(32, 64);
      const detached = new Uint8Array(32);
      key.sealFrom(pattern(64), 0, 8, detached, 0, 32, 0);
      detached.buffer.transfer();
      const outside: [source: Uint8Array, sourceStart: number, length: number][] = [
        [source, 0, 33],
        [source, 1, 32],
        [source, -1, 8],
        [source, 33, 0],
        [source, NaN, 8],
        [source, 2 ** 53, 8],
        [source, -(2 ** 53), 8],
        [source, Infinity, 8],
        [detached, 0, 1],
      ];
      for (const [from, sourceStart, length] of outside) {
        const sealing = () => key.sealFrom(buffer, 0, 8, from, sourceStart, length, 1);
        assertThrows(sealing, RangeError, "plaintext");
      }
      assertEquals(buffer, before);
      key.sealFrom(buffer, 0, 8, source, 0, 32, 1);
      assert(key.open(buffer, 0, 8, 48, 1));
      assertEquals(buffer.subarray(8, 40), source);
      key.destroy();
    });

    Deno.test(`${name} follows its caller from view to view and buffer to buffer`, () => {
      const key = createKey(provider, suite);
      const first = new Uint8Array(4096);
      const second = new Uint8Array(4096);
      for (let packetNumber = 0; packetNumber < 200; packetNumber++) {
        const arena = packetNumber % 3 === 0 ? first : second;
        const view = arena.subarray(packetNumber, packetNumber + 200);
        view.set(pattern(100));
        key.seal(view, 10, 5, 60, packetNumber);
        const moved = new Uint8Array(arena.buffer, packetNumber + 10, 81).slice();
        assert(key.open(moved, 0, 5, 76, packetNumber));
        assertEquals(moved.subarray(0, 65), pattern(100).subarray(10, 75));
      }
      const [firstSource, secondSource] = [pattern(4000), pattern(5000)];
      for (let packetNumber = 200; packetNumber < 300; packetNumber++) {
        const arena = packetNumber % 2 === 0 ? first : second;
        const memory = packetNumber % 3 === 0 ? firstSource : secondSource;
        const source = packetNumber % 5 === 0 ? memory : memory.subarray(packetNumber);
        key.sealFrom(arena, 9, 5, source, packetNumber, 60, packetNumber);
        assert(key.open(arena, 9, 5, 76, packetNumber));
        assertEquals(
          arena.subarray(14, 74),
          source.subarray(packetNumber, packetNumber + 60),
        );
      }
      // Small arrays live on the heap of JavaScript until their memory is asked for.
      for (let packetNumber = 300; packetNumber < 400; packetNumber++) {
        const small = pattern(20);
        key.seal(small, 0, 1, 3, packetNumber);
        assert(key.open(small, 0, 1, 19, packetNumber));
        assertEquals(small.subarray(0, 4), pattern(4));
      }
      const detached = new Uint8Array(100);
      key.seal(detached, 0, 0, 50, 400);
      const taken = detached.buffer.transfer();
      assertThrows(() => key.seal(detached, 0, 0, 50, 401), RangeError);
      assert(!key.open(detached, 0, 0, 66, 400));
      assert(key.open(new Uint8Array(taken), 0, 0, 66, 400));
      key.destroy();
    });

    Deno.test(`${name} copies key and IV, and wants them of the right length`, () => {
      const keyBytes = pattern(SUITES[suite].keyBytes);
      const iv = pattern(12);
      const key = provider.createKey(suite, keyBytes, iv);
      keyBytes.fill(0);
      iv.fill(0);
      const packet = pattern(40);
      key.seal(packet, 0, 4, 20, 9);
      const same = createKey(provider, suite);
      assert(same.open(packet, 0, 4, 36, 9));
      const tooLong = new Uint8Array(SUITES[suite].keyBytes + 1);
      assertThrows(() => provider.createKey(suite, tooLong, pattern(12)), RangeError);
      assertThrows(() => provider.createKey(suite, keyBytes, pattern(11)), RangeError);
      key.destroy();
      same.destroy();
    });

    Deno.test(`${name} cannot be used after destroy()`, () => {
      const key = createKey(provider, suite);
      const buffer = pattern(64);
      key.seal(buffer, 0, 8, 8, 0);
      key.destroy();
      key.destroy();
      assertThrows(() => key.seal(buffer, 0, 8, 8, 1), InternalError, "destroyed");
      const sealing = () => key.sealFrom(buffer, 0, 8, pattern(8), 0, 8, 1);
      assertThrows(sealing, InternalError, "destroyed");
      assertThrows(() => key.open(buffer, 0, 8, 24, 0), InternalError, "destroyed");
    });
  }
}

for (const suite of SUITE_NAMES) {
  Deno.test(`each provider seals ${suite} to the same bytes, and opens those of the other`, () => {
    for (const plaintextLength of [0, 1, 16, 100, 1440, 65_000]) {
      const packets = PROVIDERS.map((provider) => {
        const key = createKey(provider, suite);
        const packet = pattern(24 + plaintextLength + TAG_BYTES);
        key.seal(packet, 0, 24, plaintextLength, 2 ** 40 + plaintextLength);
        key.destroy();
        return packet;
      });
      for (const packet of packets) assertEquals(packet, packets[0]);
      for (const provider of PROVIDERS) {
        const key = createKey(provider, suite);
        const packet = packets[0]!.slice();
        const bodyLength = plaintextLength + TAG_BYTES;
        assert(key.open(packet, 0, 24, bodyLength, 2 ** 40 + plaintextLength));
        assertEquals(packet.subarray(0, -TAG_BYTES), pattern(24 + plaintextLength));
        key.destroy();
      }
    }
  });
}

Deno.test("openLibcrypto() opens one provider for the process", () => {
  assertEquals(openLibcrypto(), LIBCRYPTO);
});

Deno.test({
  name: "openLibcrypto() gives null without FFI permission",
  permissions: { ffi: false },
  fn: () => assertEquals(openLibcrypto(), null),
});

Deno.test("PacketNonce XORs the packet number into the low 64 bits of the IV", () => {
  const nonce = new PacketNonce(hex("ffffffff00000000ffffffff"));
  nonce.setForOpening(2 ** 53 - 1);
  assertEquals(nonce.bytes, hex("ffffffff001fffff00000000"));
  nonce.setForOpening(0);
  assertEquals(nonce.bytes, hex("ffffffff00000000ffffffff"));
  nonce.setForOpening(2 ** 32);
  assertEquals(nonce.bytes, hex("ffffffff00000001ffffffff"));
});

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
