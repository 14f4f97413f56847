import { assert, assertEquals } from "@std/assert";
import { RateGate } from "../../lib/transport/rate_gate.ts";

Deno.test("RateGate lets a burst through and then its rate", () => {
  const gate = new RateGate(100, 20);
  let passed = 0;
  for (let i = 0; i < 50; i++) if (gate.tryPass(1000)) passed++;
  assertEquals(passed, 20);
  for (let ms = 1; ms <= 1000; ms++) if (gate.tryPass(1000 + ms)) passed++;
  assert(passed === 119 || passed === 120, `${passed} passed`); // the sum of fractions
});

Deno.test("RateGate saves up no more than a burst", () => {
  const gate = new RateGate(100, 5);
  assert(gate.tryPass(0));
  let passed = 0;
  while (gate.tryPass(1e9)) passed++;
  assertEquals(passed, 5);
});

Deno.test("RateGate does not mind a clock that stands still or steps back", () => {
  const gate = new RateGate(10, 1);
  assert(gate.tryPass(100));
  assert(!gate.tryPass(100));
  assert(!gate.tryPass(50));
  assert(gate.tryPass(200));
});
