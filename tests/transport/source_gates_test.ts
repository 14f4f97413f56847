import { assertEquals } from "@std/assert";
import { SourceGates } from "../../lib/transport/source_gates.ts";

function passed(gates: SourceGates, hostname: string, times: number, nowMs: number): number {
  let count = 0;
  for (let i = 0; i < times; i++) if (gates.tryPass(hostname, nowMs)) count++;
  return count;
}

Deno.test("SourceGates gives each source its own share, and loopback no limit", () => {
  const gates = new SourceGates(10, 3);
  assertEquals(passed(gates, "198.51.100.7", 50, 0), 3);
  assertEquals(passed(gates, "::ffff:198.51.100.7", 50, 0), 0);
  assertEquals(passed(gates, "198.51.100.8", 50, 0), 3);
  assertEquals(passed(gates, "2001:db8::1", 50, 0), 3);
  assertEquals(passed(gates, "2001:db8::ffff:1", 50, 0), 0);
  assertEquals(passed(gates, "198.51.100.7", 50, 200), 2);
  assertEquals(passed(gates, "127.0.0.1", 50, 0), 50);
});

Deno.test("SourceGates remembers no more than 256 sources", () => {
  const gates = new SourceGates(10, 3);
  assertEquals(passed(gates, "203.0.113.1", 9, 0), 3);
  for (let i = 0; i < 255; i++) gates.tryPass(`198.51.100.${i}`, 0);
  assertEquals(passed(gates, "203.0.113.1", 9, 0), 0);
  gates.tryPass("203.0.113.2", 0);
  assertEquals(passed(gates, "203.0.113.1", 9, 0), 3);
});
