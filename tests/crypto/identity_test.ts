import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  constantTimeEqual,
  createIdentity,
  fingerprint,
  identityFromPrivateKey,
  Sha256,
  sha256,
} from "../../lib/crypto/mod.ts";

Deno.test("createIdentity() makes a key pair out of entropy alone", () => {
  const entropy = { fill: (bytes: Uint8Array) => void bytes.fill(9) };
  const identity = createIdentity(entropy);
  assertEquals(identity.privateKey, new Uint8Array(32).fill(9));
  assertEquals(identity, createIdentity(entropy));
  assertEquals(identityFromPrivateKey(identity.privateKey), identity);
});

Deno.test("identityFromPrivateKey() copies the key and refuses other lengths", () => {
  const privateKey = new Uint8Array(32).fill(1);
  const identity = identityFromPrivateKey(privateKey);
  privateKey.fill(0);
  assertEquals(identity.privateKey, new Uint8Array(32).fill(1));
  assertThrows(() => identityFromPrivateKey(new Uint8Array(31)), RangeError);
});

Deno.test("fingerprint() prints a key as ssh does", () => {
  // SHA-256 of nothing, in base64.
  assertEquals(
    fingerprint(new Uint8Array(0)),
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
  );
  assertEquals(fingerprint(new Uint8Array(32)).length, "SHA256:".length + 43);
});

Deno.test("constantTimeEqual() compares contents and lengths", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert(constantTimeEqual(bytes, bytes.slice()));
  assert(constantTimeEqual(new Uint8Array(0), new Uint8Array(0)));
  assert(!constantTimeEqual(bytes, Uint8Array.of(1, 2, 4)));
  assert(!constantTimeEqual(bytes, bytes.subarray(0, 2)));
  assert(constantTimeEqual(bytes.subarray(1), Uint8Array.of(2, 3)));
});

Deno.test("Sha256 gives the digest of FIPS 180-4 for abc, in one piece or three", () => {
  const digest = Uint8Array.fromHex(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  const abc = new TextEncoder().encode("abc");
  assertEquals(new Sha256().update(abc).digest(), digest);
  assertEquals(sha256(abc.subarray(0, 1), abc.subarray(1, 2), abc.subarray(2)), digest);
  assertEquals(Object.getPrototypeOf(sha256()), Uint8Array.prototype);
});
