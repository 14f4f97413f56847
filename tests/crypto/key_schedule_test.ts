/** HMAC and HKDF against published vectors, and the labels built on them. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  hkdfExpand,
  hkdfExpandLabel,
  hkdfExtract,
  hmacSha256,
  nextSecret,
  packetKeys,
} from "../../lib/crypto/key_schedule.ts";
import hkdf from "../vectors/hkdf_sha256.json" with { type: "json" };

const EMPTY = new Uint8Array(0);
const SECRET = new Uint8Array(32).fill(0x42);

for (const vector of hkdf.vectors) {
  Deno.test(`HKDF agrees with ${vector.source}`, () => {
    const pseudoRandomKey = hkdfExtract(hex(vector.salt), hex(vector.inputKeyMaterial));
    assertEquals(pseudoRandomKey, hex(vector.pseudoRandomKey));
    const output = hex(vector.output);
    assertEquals(hkdfExpand(pseudoRandomKey, hex(vector.info), output.length), output);
  });
}

Deno.test("hmacSha256() agrees with RFC 4231 test case 2 and joins its parts", () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  assertEquals(
    hmacSha256(text("Jefe"), text("what do ya want "), EMPTY, text("for nothing?")),
    hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
  );
});

Deno.test("hkdfExpand() gives prefixes of one stream, up to 8160 bytes", () => {
  const longest = hkdfExpand(SECRET, EMPTY, 8160);
  for (const length of [0, 1, 31, 32, 33, 64, 8159]) {
    assertEquals(hkdfExpand(SECRET, EMPTY, length), longest.subarray(0, length));
  }
  for (const length of [8161, -1, NaN]) {
    assertThrows(() => hkdfExpand(SECRET, EMPTY, length), RangeError);
  }
});

Deno.test("hkdfExpandLabel() has the structure of RFC 8446 §7.1 with the prefix of Ferry", () => {
  const label = new TextEncoder().encode("ferry test");
  const context = Uint8Array.of(1, 2, 3);
  const info = Uint8Array.of(0, 48, label.length, ...label, context.length, ...context);
  assertEquals(hkdfExpandLabel(SECRET, "test", context, 48), hkdfExpand(SECRET, info, 48));
  assertThrows(() => hkdfExpandLabel(SECRET, "x".repeat(250), EMPTY, 32), RangeError);
  assertThrows(() => hkdfExpandLabel(SECRET, "x", new Uint8Array(256), 32), RangeError);
});

Deno.test("the structure of hkdfExpandLabel() is the one that gives the keys of RFC 9001 A.5", () => {
  const secret = hex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
  const expand = (name: string, length: number): Uint8Array => {
    const label = new TextEncoder().encode(`tls13 ${name}`);
    return hkdfExpand(secret, Uint8Array.of(0, length, label.length, ...label, 0), length);
  };
  assertEquals(
    expand("quic key", 32),
    hex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
  );
  assertEquals(expand("quic iv", 12), hex("e0459b3474bdd0e44a41c144"));
  assertEquals(
    expand("quic ku", 32),
    hex("1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"),
  );
});

Deno.test("packetKeys() gives keys of the suite's length under the labels key and iv", () => {
  const aes = packetKeys(SECRET, "aes-128-gcm");
  assertEquals(aes.key, hkdfExpandLabel(SECRET, "key", EMPTY, 16));
  assertEquals(aes.iv, hkdfExpandLabel(SECRET, "iv", EMPTY, 12));
  const chacha = packetKeys(SECRET, "chacha20-poly1305");
  assertEquals(chacha.key, hkdfExpandLabel(SECRET, "key", EMPTY, 32));
  assertNotEquals(chacha.key.subarray(0, 16), aes.key);
});

Deno.test("nextSecret() gives a chain of secrets that do not repeat", () => {
  const seen = new Set<string>([SECRET.toHex()]);
  let secret: Uint8Array = SECRET;
  for (let update = 0; update < 100; update++) {
    secret = nextSecret(secret);
    seen.add(secret.toHex());
  }
  assertEquals(seen.size, 101);
  assertEquals(nextSecret(SECRET), hkdfExpandLabel(SECRET, "ku", EMPTY, 32));
});

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}
