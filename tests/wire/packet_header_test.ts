/** Header layouts byte by byte, packet numbers by RFC 9000 §A.2 and §A.3. */
import { assert, assertEquals } from "@std/assert";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import {
  asksForImmediateAck,
  BARE_HEADER_BYTES,
  decodePacketNumber,
  isBareHeader,
  isLongHeader,
  isShortHeader,
  keyPhaseOf,
  LONG_HEADER_BYTES,
  type LongPacketType,
  packetLengthAt,
  readLongHeader,
  readTruncatedPacketNumber,
  SHORT_HEADER_BYTES,
  shortFirstByte,
  shortHeaderBytes,
  truncatePacketNumber,
  VERSION,
  writeLongHeader,
  writeShortHeader,
} from "../../lib/wire/packet_header.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

Deno.test("a packet number is decoded as in RFC 9000 A.3", () => {
  assertEquals(decodePacketNumber(0xa82f30ea, 0x9b32, 16), 0xa82f9b32);
});

Deno.test("the examples of RFC 9000 A.2 are decoded from as many bits as it wants for them", () => {
  assertEquals(decodePacketNumber(0xabe8b3, 0xac5c02 & 0xffff, 16), 0xac5c02);
  assertEquals(decodePacketNumber(0xabe8b3, 0xace8fe & 0xff_ffff, 24), 0xace8fe);
});

Deno.test("decodePacketNumber() takes the number nearest to the expected one, by the RFC's pseudocode", () => {
  const random = new SeededRandom(3, "numbers");
  for (let i = 0; i < 5000; i++) {
    const largest = Math.floor(random.next() * 2 ** random.integer(1, 52)) - 1;
    const bits = random.pick([8, 16, 24, 32]);
    const truncated = Math.floor(random.next() * 2 ** bits);
    assertEquals(
      decodePacketNumber(largest, truncated, bits),
      pseudocode(largest, truncated, bits),
    );
  }
});

/** RFC 9000 §A.3 as it stands there, in integers without limit. */
function pseudocode(largest: number, truncated: number, bits: number): number {
  const expected = BigInt(largest) + 1n;
  const win = 1n << BigInt(bits);
  const half = win / 2n;
  const candidate = (expected & ~(win - 1n)) | BigInt(truncated);
  if (candidate <= expected - half && candidate < (1n << 62n) - win) return Number(candidate + win);
  if (candidate > expected + half && candidate >= win) return Number(candidate - win);
  return Number(candidate);
}

Deno.test("a packet number survives truncation within half the window, around every power of two", () => {
  for (const middle of [2 ** 16, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 40, 2 ** 52]) {
    for (const distance of [-3, -1, 0, 1, 2, 1000]) {
      for (const ahead of [0, 1, 100, 2 ** 31 - 2]) {
        const largest = middle + distance;
        const number = largest + 1 + ahead;
        assertEquals(decodePacketNumber(largest, truncatePacketNumber(number)), number);
      }
      const old = middle + distance - 1000;
      assertEquals(decodePacketNumber(middle + distance, truncatePacketNumber(old)), old);
    }
  }
  assertEquals([0, 1, 5].map((n) => decodePacketNumber(-1, n)), [0, 1, 5]);
});

Deno.test("a short header is laid out as documented", () => {
  const bytes = new Uint8Array(20).fill(0xaa);
  writeShortHeader(bytes, 2, {
    firstByte: shortFirstByte(1, ...IMMEDIATE),
    destination: new ConnectionId(0x01020304, 0x05060708),
    packetBytes: 0x1234,
    packetNumber: 0x5_8765_4321,
  });
  assertEquals(
    bytes,
    Uint8Array.of(
      ...[0xaa, 0xaa, 0x46, 1, 2, 3, 4, 5, 6, 7, 8],
      ...[0x12, 0x34, 0x87, 0x65, 0x43, 0x21, 0xaa, 0xaa, 0xaa],
    ),
  );
  assertEquals(readTruncatedPacketNumber(bytes, 2), 0x87654321);
  assertEquals(SHORT_HEADER_BYTES, 15);
});

const IMMEDIATE = [true] as const;
const LATER = [false] as const;

Deno.test("key phase and the wish for an acknowledgement are read from the first byte", () => {
  for (const phase of [0, 1] as const) {
    for (const [isImmediate] of [IMMEDIATE, LATER]) {
      const first = shortFirstByte(phase, isImmediate);
      assertEquals([isLongHeader(first), isShortHeader(first)], [false, true]);
      assertEquals([keyPhaseOf(first), asksForImmediateAck(first)], [phase, isImmediate]);
    }
  }
});

Deno.test("exactly eight first bytes are short headers, half of them bare", () => {
  const short = Array.from({ length: 256 }, (_, byte) => byte).filter(isShortHeader);
  assertEquals(short, [0x40, 0x42, 0x44, 0x46, 0x60, 0x62, 0x64, 0x66]);
  assertEquals(short.filter(isBareHeader), [0x60, 0x62, 0x64, 0x66]);
});

Deno.test("a bare header is a short one without its connection ID", () => {
  const bytes = new Uint8Array(12).fill(0xaa);
  const header = { destination: null, packetBytes: 0x1234, packetNumber: 0x5_8765_4321 };
  writeShortHeader(bytes, 2, { ...header, firstByte: shortFirstByte(1, ...LATER) });
  const written = [0xaa, 0xaa, 0x64, 0x12, 0x34, 0x87, 0x65, 0x43, 0x21, 0xaa, 0xaa, 0xaa];
  assertEquals([...bytes], written);
  assertEquals(shortHeaderBytes(bytes[2]!), BARE_HEADER_BYTES);
  assertEquals(readTruncatedPacketNumber(bytes, 2), 0x87654321);
});

Deno.test("every long header is read back", () => {
  const types: LongPacketType[] = [
    "initial",
    "reply",
    "finish",
    "retry",
    "version-negotiation",
    "refusal",
  ];
  for (const type of types) {
    const header = {
      type,
      version: type === "version-negotiation" ? 0 : VERSION,
      destination: new ConnectionId(0xffff_ffff, 0),
      source: new ConnectionId(0, 0xffff_fffe),
      packetBytes: 60_000,
    };
    const bytes = new Uint8Array(LONG_HEADER_BYTES + 4);
    writeLongHeader(bytes, 3, header);
    assert(isLongHeader(bytes[3]!));
    const read = readLongHeader(bytes, 3)!;
    assertEquals({ ...read, destination: 0, source: 0 }, { ...header, destination: 0, source: 0 });
    assert(read.destination.equals(header.destination));
    assert(read.source.equals(header.source));
  }
});

Deno.test("an unknown long packet is nothing", () => {
  const bytes = new Uint8Array(LONG_HEADER_BYTES);
  for (const first of [0x80, 0x85, 0xc6, 0xff]) {
    bytes[0] = first;
    assertEquals(readLongHeader(bytes, 0), null);
  }
});

Deno.test("packetLengthAt() accepts a length field only within the datagram and above the least", () => {
  const cases: [first: number, at: number, least: number][] = [
    [0x40, 9, SHORT_HEADER_BYTES + 16],
    [0x60, 1, BARE_HEADER_BYTES + 16],
    [0xc0, 21, LONG_HEADER_BYTES],
  ];
  for (const [first, at, least] of cases) {
    const bytes = new Uint8Array(100);
    const lengthOf = (field: number, end: number) => {
      bytes[10] = first;
      bytes[10 + at] = field >> 8;
      bytes[11 + at] = field;
      return packetLengthAt(bytes, 10, end);
    };
    assertEquals(lengthOf(least, 100), least);
    assertEquals(lengthOf(90, 100), 90);
    assertEquals(lengthOf(91, 100), 0);
    assertEquals(lengthOf(least - 1, 100), 0);
    assertEquals(lengthOf(0, 100), 0);
    assertEquals(lengthOf(least, 10 + least), least);
    assertEquals(lengthOf(least, 10 + least - 1), 0);
    assertEquals(lengthOf(65_535, 100), 0);
  }
  assertEquals(packetLengthAt(new Uint8Array(3), 0, 3), 0);
  assertEquals(packetLengthAt(new Uint8Array(0), 0, 0), 0);
});
