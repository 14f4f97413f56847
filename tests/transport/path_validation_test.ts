/** One challenge at a time, little of it, and only the right answer counts. RFC 9000 §8.2. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { PathValidation } from "../../lib/transport/path_validation.ts";
import { seededEntropy } from "../simulation/seeded_entropy.ts";

const NEW = { hostname: "203.0.113.5", port: 99 };

function begun(): PathValidation {
  const validation = new PathValidation(seededEntropy(1, "path"));
  validation.begin(NEW, 1200, 1000);
  return validation;
}

Deno.test("a new address is challenged once, and again only after a timeout", () => {
  const validation = begun();
  const challenge = validation.pollChallenge(1000, 50)!;
  assertEquals(challenge.address, NEW);
  assertEquals(challenge.token.length, 8);
  assertEquals(validation.pollChallenge(1000, 50), null);
  assertEquals(validation.deadlineMs, 1100);
  validation.onTimeout(1100, 50);
  assertEquals(validation.pollChallenge(1100, 50)?.token, challenge.token);
});

Deno.test("the wait for an answer is never longer than two seconds", () => {
  const validation = begun();
  validation.pollChallenge(1000, 15_000);
  assertEquals(validation.deadlineMs, 3000);
});

Deno.test("after four challenges the address is given up, until it is heard again", () => {
  const validation = begun();
  const first = validation.pollChallenge(1000, 50)!;
  for (let i = 0; i < 3; i++) {
    validation.onTimeout(2000, 50);
    assert(validation.pollChallenge(2000, 50) !== null);
  }
  validation.onTimeout(3000, 50);
  assertEquals([validation.pollChallenge(3000, 50), validation.deadlineMs], [null, Infinity]);
  assertEquals(validation.onResponse(first.token), null);
  validation.begin(NEW, 100, 4000);
  assertNotEquals(validation.pollChallenge(4000, 50)!.token, first.token);
});

Deno.test("only the right answer proves an address, and only once", () => {
  const validation = begun();
  const { token } = validation.pollChallenge(1000, 50)!;
  const wrong = token.slice();
  wrong[7]! ^= 1;
  assertEquals(validation.onResponse(wrong), null);
  assertEquals(validation.onResponse(new Uint8Array(8)), null);
  assertEquals(validation.onResponse(token), NEW);
  assertEquals(validation.onResponse(token), null);
});

Deno.test("a small packet does not make a large answer", () => {
  const validation = new PathValidation(seededEntropy(1, "path"));
  validation.begin(NEW, 32, 0);
  assertEquals(validation.pollChallenge(0, 50)!.limitBytes, 96);
  validation.onSent(90);
  validation.onTimeout(100, 50);
  assertEquals(validation.pollChallenge(100, 50), null);
  validation.begin({ ...NEW }, 40, 101);
  assertEquals(validation.pollChallenge(101, 50)!.limitBytes, 126);
});

Deno.test("the address is a copy: the driver reuses its objects", () => {
  const validation = new PathValidation(seededEntropy(1, "path"));
  const reused = { ...NEW };
  validation.begin(reused, 1200, 0);
  reused.port = 1;
  assertEquals(validation.pollChallenge(0, 50)!.address, NEW);
});
