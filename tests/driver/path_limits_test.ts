import { assertEquals } from "@std/assert";
import {
  expectedDatagramBytesFor,
  maxDatagramBytesFor,
  wholeDatagramBytesFor,
} from "../../lib/driver/path_limits.ts";

const capabilities = ({ dontFragment }: { dontFragment: boolean }) => ({
  dontFragment,
  segmentationOffload: false,
  receiveOffload: false,
  batchReceive: false,
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
    assertEquals(maxDatagramBytesFor(to, capabilities({ dontFragment: false })), 14_792);
    assertEquals(wholeDatagramBytesFor(to, capabilities({ dontFragment: false })), wholeBytes);
  }
});

Deno.test("inside the machine the largest datagram is expected, elsewhere nothing", () => {
  assertEquals(expectedDatagramBytesFor({ hostname: "127.0.0.1", port: 1 }), 65_507);
  assertEquals(expectedDatagramBytesFor({ hostname: "::ffff:127.0.0.1", port: 1 }), 65_487);
  assertEquals(expectedDatagramBytesFor({ hostname: "::1", port: 1 }), 65_487);
  assertEquals(expectedDatagramBytesFor({ hostname: "192.0.2.1", port: 1 }), 0);
});
