import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { systemEntropy } from "../../lib/driver/system_entropy.ts";

Deno.test("systemEntropy fills any length, and only what it is given", () => {
  const memory = new Uint8Array(200_000);
  systemEntropy.fill(memory.subarray(1, 199_999));
  assertEquals([memory[0], memory[199_999]], [0, 0]);
  // 64 zero bytes in a row come by chance once in 2^512.
  for (let offset = 1; offset + 64 <= 199_999; offset += 64) {
    assert(memory.subarray(offset, offset + 64).some((byte) => byte !== 0), `at ${offset}`);
  }
  systemEntropy.fill(new Uint8Array(0));
});

Deno.test("systemEntropy does not repeat itself", () => {
  const first = new Uint8Array(32);
  const second = new Uint8Array(32);
  systemEntropy.fill(first);
  systemEntropy.fill(second);
  assertNotEquals(first, second);
});
