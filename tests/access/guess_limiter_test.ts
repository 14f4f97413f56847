import { assert, assertEquals } from "@std/assert";
import { GuessLimiter, sourceName } from "../../lib/access/guess_limiter.ts";

Deno.test("GuessLimiter.admit() makes an address wait after three wrong guesses, and no other", () => {
  let nowMs = 0;
  const limiter = new GuessLimiter(() => nowMs);
  for (const count of [1, 2, 3]) {
    assertEquals(limiter.admit("192.0.2.1")!.settle(WRONG), count);
  }
  assertEquals(limiter.admit("192.0.2.1"), null);
  assertEquals(limiter.admit("::ffff:192.0.2.1"), null);
  assertEquals(limiter.admit("192.0.2.2")!.settle(RIGHT), 0);
  nowMs += 5 * 60_000;
  assert(limiter.admit("192.0.2.1") !== null);
});

Deno.test("GuessLimiter.admit() lets five guesses through at once, then one in six seconds", () => {
  let nowMs = 0;
  const limiter = new GuessLimiter(() => nowMs);
  const admitted = (host: number) => {
    const guess = limiter.admit(`192.0.2.${host}`);
    guess?.settle(WRONG);
    return guess !== null;
  };
  assertEquals([1, 2, 3, 4, 5, 6].map(admitted), [true, true, true, true, true, false]);
  nowMs += 5_999;
  assert(!admitted(7));
  nowMs += 1;
  assert(admitted(8));
  assert(!admitted(9));
  nowMs += 3_600_000;
  assertEquals([11, 12, 13, 14, 15, 16].map(admitted), [true, true, true, true, true, false]);
});

Deno.test("GuessLimiter.admit() counts guesses that have not been settled", () => {
  const limiter = new GuessLimiter(() => 0);
  const guesses = [1, 2, 3].map(() => limiter.admit("192.0.2.1")!);
  assertEquals(limiter.admit("192.0.2.1"), null);
  for (const guess of guesses) guess.settle(WRONG);
  assertEquals(limiter.admit("192.0.2.1"), null);
});

Deno.test("GuessLimiter gives a right guess back, and forgives the wrong ones before it", () => {
  const limiter = new GuessLimiter(() => 0);
  for (let index = 0; index < 50; index++) limiter.admit("192.0.2.1")!.settle(RIGHT);
  limiter.admit("192.0.2.1")!.settle(WRONG);
  limiter.admit("192.0.2.1")!.settle(WRONG);
  limiter.admit("192.0.2.1")!.settle(RIGHT);
  assertEquals(limiter.admit("192.0.2.1")!.settle(WRONG), 1);
});

Deno.test("sourceName() takes the 64 bits of IPv6 that one customer gets, and mapped IPv4 as IPv4", () => {
  assertEquals(sourceName("2001:db8:0:7::1"), "2001:db8:0:7");
  assertEquals(sourceName("2001:DB8:0:7:ffff:0:0:1"), "2001:db8:0:7");
  assertEquals(sourceName("2001:db8::1"), "2001:db8:0:0");
  assertEquals(sourceName("fe80::1%eth0"), "fe80:0:0:0");
  assertEquals(sourceName("::1"), "0:0:0:0");
  assertEquals(sourceName("::ffff:192.0.2.1"), "192.0.2.1");
});

const WRONG = false;
const RIGHT = true;
