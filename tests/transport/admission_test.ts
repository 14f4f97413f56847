import { assert, assertEquals } from "@std/assert";
import { Admission, sourceOf } from "../../lib/transport/admission.ts";

Deno.test("Admission limits connections from one source, but not on loopback", () => {
  const admission = new Admission({ maxConnections: 10, maxConnectionsPerSource: 2 });
  const sources = [admission.onBegun("192.0.2.1"), admission.onBegun("::ffff:192.0.2.1")];
  assert(admission.isFull("192.0.2.1"));
  assert(!admission.isFull("192.0.2.2"));
  admission.onEnded(sources[0]!);
  assert(!admission.isFull("192.0.2.1"));
  for (let i = 0; i < 5; i++) admission.onBegun("127.0.0.1");
  assert(!admission.isFull("127.0.0.1"));
});

Deno.test("Admission limits connections in all, loopback included", () => {
  const admission = new Admission({ maxConnections: 3, maxConnectionsPerSource: 2 });
  const sources = ["127.0.0.1", "192.0.2.1", "192.0.2.2"].map((host) => admission.onBegun(host));
  assert(admission.isFull("127.0.0.1"));
  for (const source of sources) admission.onEnded(source);
  assert(!admission.isFull("192.0.2.1"));
});

Deno.test("sourceOf() takes the /64 of an IPv6 address, however it is written", () => {
  const same = ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::"];
  assertEquals(new Set(same.map(sourceOf)).size, 1);
  assertEquals(sourceOf("2001:db8::1"), "2001:db8:0:0");
  assertEquals(sourceOf("::1"), "0:0:0:0");
  assertEquals(sourceOf("fe80::1:2:3:4:5"), "fe80:0:0:1");
  assertEquals(sourceOf("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(sourceOf("192.0.2.1"), "192.0.2.1");
});
