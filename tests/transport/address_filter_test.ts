/** Sources that are never answered. */
import { assert, assertFalse } from "@std/assert";
import { isUsableSource } from "../../lib/transport/address_filter.ts";

Deno.test("addresses that hosts have are answered", () => {
  for (const hostname of ["192.0.2.1", "10.0.0.1", "223.255.255.255", "127.0.0.1", "::1"]) {
    assert(isUsableSource({ hostname, port: 1 }), hostname);
  }
  for (const hostname of ["2001:db8::1", "fe80::1", "fd00::ff", "::ffff:192.0.2.1"]) {
    assert(isUsableSource({ hostname, port: 65_535 }), hostname);
  }
});

Deno.test("multicast, broadcast, unspecified addresses and port 0 are not", () => {
  for (
    const hostname of [
      ...["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"],
      ...["::", "ff02::1", "FF05::2", "::ffff:224.0.0.1", "::ffff:255.255.255.255"],
    ]
  ) assertFalse(isUsableSource({ hostname, port: 5555 }), hostname);
  assertFalse(isUsableSource({ hostname: "192.0.2.1", port: 0 }));
});

Deno.test("our own socket is not", () => {
  const own = { hostname: "192.0.2.1", port: 5555 };
  assertFalse(isUsableSource(own, own));
  assertFalse(isUsableSource({ hostname: "::ffff:192.0.2.1", port: 5555 }, own));
  assert(isUsableSource({ hostname: "192.0.2.1", port: 5556 }, own));
  const all = { hostname: "0.0.0.0", port: 5555 };
  assertFalse(isUsableSource({ hostname: "127.0.0.1", port: 5555 }, all));
  assert(isUsableSource({ hostname: "192.0.2.1", port: 5555 }, all));
});
