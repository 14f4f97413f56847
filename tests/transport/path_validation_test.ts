/** Little goes to an address that is not proved, and only where the old one is silent. RFC 9000 §8.2, §9.3. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Address } from "../../lib/transport/mod.ts";
import { type DueChallenge, PathValidation } from "../../lib/transport/path_validation.ts";
import { seededEntropy } from "../simulation/seeded_entropy.ts";

const OLD = { hostname: "192.0.2.1", port: 5 };
const NEW = { hostname: "203.0.113.5", port: 99 };
const PTO_MS = 300;

function begun(packetBytes = 1200): PathValidation {
  const validation = new PathValidation(seededEntropy(1, "path"));
  validation.begin({ from: NEW, packetBytes, present: OLD }, 1000);
  return validation;
}

/** Every challenge that is due, by the port that it goes to. */
function polled(validation: PathValidation, nowMs: number): Map<number, DueChallenge> {
  const due = new Map<number, DueChallenge>();
  for (;;) {
    const challenge = validation.pollChallenge(nowMs, PTO_MS);
    if (challenge === null) return due;
    due.set(challenge.address.port, challenge);
  }
}

/** Lets time pass, with each deadline and each challenge in its turn. Says where the peer is in the end. */
function passTo(validation: PathValidation, untilMs: number): Address | null {
  for (let nowMs = validation.deadlineMs; nowMs <= untilMs; nowMs = validation.deadlineMs) {
    const address = validation.onTimeout(nowMs, PTO_MS);
    if (address !== null) return address;
    polled(validation, nowMs);
  }
  return null;
}

/** NEW has answered and OLD has not. */
function moved(): PathValidation {
  const validation = begun();
  const { token } = polled(validation, 1000).get(NEW.port)!;
  assertEquals(validation.onResponse(token, 1050), null);
  assertEquals(passTo(validation, 1399), null);
  assertEquals(passTo(validation, 1400), NEW);
  assertEquals(validation.deadlineMs, Infinity);
  return validation;
}

Deno.test("a new address and the one in use are challenged once, and again only after a timeout", () => {
  const validation = begun();
  const due = polled(validation, 1000);
  assertEquals([...due.keys()], [NEW.port, OLD.port]);
  assertEquals(due.get(NEW.port)!.address, NEW);
  assertEquals(due.get(NEW.port)!.token.length, 8);
  assertNotEquals(due.get(NEW.port)!.token, due.get(OLD.port)!.token);
  assertEquals([polled(validation, 1000).size, validation.deadlineMs], [0, 1100]);
  validation.onTimeout(1100, PTO_MS);
  assertEquals([...polled(validation, 1100)], [[OLD.port, due.get(OLD.port)!]]);
});

Deno.test("a new address takes over when it has answered and the old one is silent", () => {
  moved();
  const validation = begun();
  const { token } = polled(validation, 1000).get(NEW.port)!;
  assertEquals(passTo(validation, 1500), null);
  assertEquals(validation.onResponse(token, 1510), NEW);
});

Deno.test("while the old address answers a new one does not take over, and is not asked for a while", () => {
  const validation = begun();
  const due = polled(validation, 1000);
  validation.onResponse(due.get(NEW.port)!.token, 1050);
  assertEquals(validation.onResponse(due.get(OLD.port)!.token, 1060), null);
  assertEquals([passTo(validation, 60_000), validation.deadlineMs], [null, Infinity]);
  validation.begin({ from: NEW, packetBytes: 1200, present: OLD }, 2050);
  assertEquals(polled(validation, 2050).size, 0);
  validation.begin({ from: NEW, packetBytes: 1200, present: OLD }, 2060);
  assertEquals(polled(validation, 2060).size, 2);
});

Deno.test("an address that was left is asked when it is heard again, and has the connection back", () => {
  const validation = moved();
  assert(!validation.onHeard({ hostname: "203.0.113.6", port: 1 }, 2000));
  assert(validation.onHeard(OLD, 2000));
  const due = polled(validation, 2000);
  assertEquals([...due.keys()], [OLD.port]);
  assertEquals(validation.onResponse(due.get(OLD.port)!.token, 2050), OLD);
  assert(!validation.onHeard(OLD, 2100));
});

Deno.test("an address that was left and does not answer changes nothing", () => {
  const validation = moved();
  validation.onHeard(OLD, 2000);
  polled(validation, 2000);
  assertEquals([passTo(validation, 60_000), validation.deadlineMs], [null, Infinity]);
});

Deno.test("the wait for an answer is never longer than two seconds, and for silence than 1.2", () => {
  const validation = begun();
  const answered = begun();
  answered.onResponse(answered.pollChallenge(1000, 15_000)!.token, 1000);
  for (const one of [validation, answered]) {
    while (one.pollChallenge(1000, 15_000) !== null);
  }
  const settledAtMs = (one: PathValidation): number => {
    let atMs = 0;
    for (let nowMs = one.deadlineMs; nowMs !== Infinity; nowMs = one.deadlineMs) {
      atMs = nowMs;
      one.onTimeout(nowMs, 15_000);
    }
    return atMs;
  };
  assertEquals([settledAtMs(validation), settledAtMs(answered)], [9000, 2200]);
});

Deno.test("a new address that does not answer is given up, until it is heard again", () => {
  const validation = begun();
  const first = polled(validation, 1000).get(NEW.port)!;
  assertEquals(passTo(validation, 60_000), null);
  assertEquals([polled(validation, 60_000).size, validation.deadlineMs], [0, Infinity]);
  assertEquals(validation.onResponse(first.token, 60_000), null);
  validation.begin({ from: NEW, packetBytes: 100, present: OLD }, 60_000);
  assertNotEquals(polled(validation, 60_000).get(NEW.port)!.token, first.token);
});

Deno.test("only the right answer proves an address, and only once", () => {
  const validation = begun();
  const { token } = polled(validation, 1000).get(NEW.port)!;
  passTo(validation, 1500);
  const wrong = token.slice();
  wrong[7]! ^= 1;
  assertEquals(validation.onResponse(wrong, 1510), null);
  assertEquals(validation.onResponse(new Uint8Array(8), 1510), null);
  assertEquals(validation.onResponse(token, 1510), NEW);
  assertEquals(validation.onResponse(token, 1510), null);
});

Deno.test("a small packet does not make a large answer", () => {
  const validation = begun(32);
  assertEquals(validation.pollChallenge(1000, PTO_MS)!.limitBytes, 96);
  validation.onSent(90);
  assertEquals([...polled(validation, 1000).keys()], [OLD.port]);
  validation.onTimeout(1600, PTO_MS);
  assertEquals([...polled(validation, 1600).keys()], [OLD.port]);
  validation.begin({ from: { ...NEW }, packetBytes: 40, present: OLD }, 1601);
  assertEquals(polled(validation, 1601).get(NEW.port)!.limitBytes, 126);
});

Deno.test("the address is a copy: the driver reuses its objects", () => {
  const validation = new PathValidation(seededEntropy(1, "path"));
  const reused = { ...NEW };
  validation.begin({ from: reused, packetBytes: 1200, present: OLD }, 0);
  reused.port = 1;
  assertEquals(validation.pollChallenge(0, PTO_MS)!.address, NEW);
});
