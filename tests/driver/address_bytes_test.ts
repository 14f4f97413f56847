/** One address has one text, however it was typed. RFC 5952. */
import { assertEquals } from "@std/assert";
import {
  addressBytes,
  canonicalLiteral,
  ipv6Text,
  linuxSocketAddress,
} from "../../lib/driver/address_bytes.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

Deno.test("canonicalLiteral() gives every spelling the text by which the sender is reported", () => {
  const spellings: [string, string][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["::0001", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::FFFF:7f00:1", "127.0.0.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["FE80:0::1%eth0", "fe80::1%eth0"],
    ["::", "::"],
  ];
  for (const [typed, canonical] of spellings) assertEquals(canonicalLiteral(typed), canonical);
});

Deno.test("canonicalLiteral() leaves alone what is no address", () => {
  for (const text of ["", ":", "1:2", "::g", "1::2::3", "host", "[::1]", "::1/64"]) {
    assertEquals(canonicalLiteral(text), text);
  }
});

Deno.test("an address is the same bytes in every spelling", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed, "addresses");
    const bytes = random.bytes(16);
    for (let i = 0; i < 16; i++) if (random.chance(0.5)) bytes[i] = 0;
    const long = Array.from(
      { length: 8 },
      (_, i) => (bytes[2 * i]! << 8 | bytes[2 * i + 1]!).toString(16).padStart(4, "0"),
    ).join(":");
    assertEquals(addressBytes(long), bytes);
    assertEquals(addressBytes(ipv6Text(bytes)), bytes);
    assertEquals(canonicalLiteral(long), ipv6Text(bytes));
  }
});

Deno.test("linuxSocketAddress() is what the kernel's headers say", () => {
  const encoded = (hostname: string, port: number) =>
    linuxSocketAddress({ hostname, port })?.toHex();
  const family = (number: number) => new Uint8Array(Uint16Array.of(number).buffer).toHex();
  assertEquals(encoded("192.0.2.1", 5555), `${family(2)}15b3c00002010000000000000000`);
  assertEquals(
    encoded("2001:db8::1", 65_535),
    `${family(10)}ffff0000000020010db800000000000000000000000100000000`,
  );
  assertEquals(
    encoded("::ffff:192.0.2.1", 1),
    `${family(10)}00010000000000000000000000000000ffffc000020100000000`,
  );
  for (const linkLocal of ["fe80::1", "febf::1%eth0"]) {
    assertEquals(encoded(linkLocal, 1), undefined);
  }
});
