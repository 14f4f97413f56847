/** Our own mistakes stop us. */
import { assertThrows } from "@std/assert";
import { assert, assertNever, InternalError } from "../../lib/bytes/invariant.ts";

Deno.test("assert() throws InternalError for everything falsy and nothing else", () => {
  for (const value of [0, "", null, undefined, NaN]) {
    assertThrows(() => assert(value, "the reason"), InternalError, "the reason");
  }
  for (const value of [1, "0", {}, []]) assert(value, "holds");
});

Deno.test("assertNever() throws when it is reached after all", () => {
  assertThrows(() => assertNever("surprise" as never), InternalError, "surprise");
});
