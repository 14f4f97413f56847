import { assertEquals } from "@std/assert";
import { maxDatagramBytesFor, wholeDatagramBytesFor } from "../../lib/driver/path_limits.ts";

const capabilities = ({ dontFragment }: { dontFragment: boolean }) => ({
  dontFragment,
  segmentationOffload: false,
  receiveOffload: false,
  receiveBufferBytes: 212_992,
});

Deno.test("with don't-fragment, and on loopback, the path itself is asked up to the largest datagram", () => {
  for (
    const [hostname, dontFragment] of [["192.0.2.1", true], ["127.0.0.1", false]] as const
  ) {
    const to = { hostname, port: 1 };
    assertEquals(maxDatagramBytesFor(to, capabilities({ dontFragment })), 65_507);
    assertEquals(wholeDatagramBytesFor(to, capabilities({ dontFragment })), Infinity);
  }
  assertEquals(
    maxDatagramBytesFor({ hostname: "2001:db8::1", port: 1 }, capabilities({ dontFragment: true })),
    65_487,
  );
});

Deno.test("without it, what Ethernet does not carry may come in a few fragments", () => {
  for (const [hostname, wholeBytes] of [["192.0.2.1", 1472], ["2001:db8::1", 1452]] as const) {
    const to = { hostname, port: 1 };
    assertEquals(maxDatagramBytesFor(to, capabilities({ dontFragment: false })), 8952);
    assertEquals(wholeDatagramBytesFor(to, capabilities({ dontFragment: false })), wholeBytes);
  }
});
