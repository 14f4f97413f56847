import { assert, assertEquals } from "@std/assert";
import { nodeAeadProvider, openLibcrypto } from "../../lib/crypto/mod.ts";
import {
  RETRY_TOKEN_BYTES,
  RETRY_TOKEN_LIFE_MS,
  RetryTokens,
} from "../../lib/transport/retry_token.ts";

const FROM = { hostname: "192.0.2.7", port: 4242 };
const TOKEN_AT = 25;
openLibcrypto(); // loaded before the first test, for the sanitizer

function tokens(): RetryTokens {
  let next = 1;
  const entropy = { fill: (bytes: Uint8Array) => void bytes.fill(next++) };
  return new RetryTokens({ aead: nodeAeadProvider, suite: "chacha20-poly1305", entropy });
}

/** An INITIAL with this connection ID and token. */
function initial(id: number, token: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1200);
  bytes.fill(id, 13, 21);
  bytes.set(token, TOKEN_AT);
  return bytes;
}

function issue(from: RetryTokens, nowMs: number): Uint8Array {
  const token = from.create(initial(1, new Uint8Array(0)), 0, FROM, nowMs)!;
  assertEquals(token.length, RETRY_TOKEN_BYTES);
  return token;
}

const at = { start: 0, tokenAt: TOKEN_AT };

Deno.test("a Retry token is good for its client, at once and until its life is over", () => {
  const maker = tokens();
  const bytes = initial(1, issue(maker, 5000.7));
  assert(maker.isValid(bytes, at, FROM, 5000.7));
  assert(maker.isValid(bytes, at, { ...FROM }, 5000 + RETRY_TOKEN_LIFE_MS));
  assert(!maker.isValid(bytes, at, FROM, 5001 + RETRY_TOKEN_LIFE_MS));
  assert(!maker.isValid(bytes, at, FROM, 4999));
});

Deno.test("a Retry token is good from nowhere else and for no other connection ID", () => {
  const maker = tokens();
  const token = issue(maker, 0);
  const bytes = initial(1, token);
  assert(!maker.isValid(bytes, at, { ...FROM, port: 4243 }, 1));
  assert(!maker.isValid(bytes, at, { ...FROM, hostname: "192.0.2.8" }, 1));
  assert(!maker.isValid(bytes, at, { ...FROM, hostname: "192.0.2.77" }, 1));
  assert(!maker.isValid(initial(2, token), at, FROM, 1));
  assert(!tokens().isValid(bytes, at, FROM, 1), "another server's");
});

Deno.test("a Retry token with any bit changed is none", () => {
  const maker = tokens();
  const token = issue(maker, 1000);
  for (let bit = 0; bit < 8 * RETRY_TOKEN_BYTES; bit++) {
    const changed = token.slice();
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
    assert(!maker.isValid(initial(1, changed), at, FROM, 1000), `bit ${bit}`);
  }
});

Deno.test("Retry tokens outlive one change of the key and not two", () => {
  const maker = tokens();
  const token = issue(maker, 59_000);
  issue(maker, 61_000);
  assert(maker.isValid(initial(1, token), at, FROM, 62_000));
  issue(maker, 122_000);
  issue(maker, 183_000);
  assert(!maker.isValid(initial(1, token), at, FROM, 62_000));
});

Deno.test("an address without end gets no Retry token", () => {
  const from = { hostname: "x".repeat(200), port: 1 };
  const maker = tokens();
  assertEquals(maker.create(initial(1, new Uint8Array(0)), 0, from, 0), null);
  issue(maker, 0);
  assert(!maker.isValid(initial(1, issue(maker, 0)), at, from, 0));
});

Deno.test("Retry tokens work with every cipher that there is", () => {
  const libcrypto = openLibcrypto();
  for (const aead of libcrypto === null ? [nodeAeadProvider] : [nodeAeadProvider, libcrypto]) {
    for (const suite of ["aes-128-gcm", "chacha20-poly1305"] as const) {
      const entropy = { fill: (bytes: Uint8Array) => void bytes.fill(3) };
      const maker = new RetryTokens({ aead, suite, entropy });
      const token = issue(maker, 0);
      assert(maker.isValid(initial(1, token), at, FROM, 0));
      token[20] = token[20]! ^ 1;
      assert(!maker.isValid(initial(1, token), at, FROM, 0));
    }
  }
});
