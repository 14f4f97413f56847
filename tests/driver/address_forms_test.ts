import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { AddressForms } from "../../lib/driver/address_forms.ts";

Deno.test("a sender who sends again is the same object, and IPv4 is written as such", () => {
  const forms = new AddressForms("::");
  const first = forms.sender({ hostname: "::ffff:198.51.100.7", port: 4000 });
  assertEquals(first, { hostname: "198.51.100.7", port: 4000 });
  assertStrictEquals(forms.sender({ hostname: "::ffff:198.51.100.7", port: 4000 }), first);
  const second = forms.sender({ hostname: "::ffff:198.51.100.8", port: 4000 });
  assertEquals(second, { hostname: "198.51.100.8", port: 4000 });
  assertEquals(first, { hostname: "198.51.100.7", port: 4000 });
  const other = forms.sender({ hostname: "::ffff:c633:6408", port: 4001 });
  assertEquals(other.hostname, "::ffff:c633:6408");
});

Deno.test("a socket for both families sends to IPv4 in the form of IPv6", () => {
  const to = { hostname: "198.51.100.7", port: 4000 };
  const target = { transport: "udp", port: 4000 } as const;
  const both = new AddressForms("::");
  assertEquals(both.target(to), { ...target, hostname: "::ffff:198.51.100.7" });
  assertStrictEquals(both.target({ ...to }), both.target(to));
  assertEquals(new AddressForms("0.0.0.0").target(to), { ...target, hostname: "198.51.100.7" });
  const far = { hostname: "2001:db8::1", port: 4000 };
  assertEquals(both.target(far), { ...target, hostname: "2001:db8::1" });
});

Deno.test("no datagram goes to a name, nor to a port that there is not", () => {
  const forms = new AddressForms("127.0.0.1");
  assertThrows(() => forms.target({ hostname: "localhost", port: 5555 }), TypeError, "localhost");
  for (const port of [0, -1, 65_536, 1.5, NaN]) {
    assertEquals(forms.target({ hostname: "127.0.0.1", port }), null, String(port));
  }
});
