/** Stream bytes reach the peer wherever they lie in their stream, which is left as it was. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { nodeAeadProvider, openLibcrypto, TAG_BYTES } from "../../lib/crypto/mod.ts";
import { PacketBody } from "../../lib/transport/packet_body.ts";
import { PacketProtection } from "../../lib/transport/packet_protection.ts";
import { SendStream } from "../../lib/transport/streams/send_stream.ts";
import {
  BARE_HEADER_BYTES,
  shortFirstByte,
  writeShortHeader,
} from "../../lib/wire/packet_header.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

// Here and not inside a test: a library stays loaded, which the leak check of a test would object to.
const provider = openLibcrypto() ?? nodeAeadProvider;
const LATER = false;
const STREAM_BYTES = 700_000;
const PACKET_START = 3;
const BODY_START = PACKET_START + BARE_HEADER_BYTES;

Deno.test("PacketBody seals what was written and stream bytes, and leaves the stream's memory as it was", () => {
  const random = new SeededRandom(1, "bodies");
  const model = random.bytes(STREAM_BYTES);
  const stream = filledStream(model);
  const { sender, receiver } = protections();
  const body = new PacketBody();
  const buffer = new Uint8Array(4000);
  for (let packetNumber = 0; packetNumber < 3000; packetNumber++) {
    buffer.fill(0xee);
    const parts: Uint8Array[] = [];
    let at = BODY_START;
    body.begin(buffer, BODY_START);
    const write = (length: number) => {
      const bytes = random.bytes(length);
      buffer.set(bytes, at);
      parts.push(bytes);
      at += length;
    };
    for (let chunks = random.chance(0.2) ? 2 : 1; chunks > 0; chunks--) {
      write(random.chance(0.2) ? random.below(200) : random.below(20));
      const length = random.below(1400);
      // Often around the end of a block.
      const offset = random.chance(0.5)
        ? random.below(STREAM_BYTES - length)
        : Math.max(0, 262_144 * random.below(3) + random.below(3000) - 1500);
      body.addStreamBytes(at, stream, { offset, length, isFin: false });
      parts.push(model.subarray(offset, offset + length));
      at += length;
    }
    if (random.chance(0.2)) write(random.below(30));
    seal(body, sender, { buffer, end: at, packetNumber });
    assertEquals(buffer.subarray(at + TAG_BYTES), new Uint8Array(4000 - TAG_BYTES - at).fill(0xee));
    assert(receiver.open(buffer, PACKET_START, at + TAG_BYTES - PACKET_START, packetNumber));
    assertEquals(buffer.subarray(BODY_START, at), joined(parts), `packet ${packetNumber}`);
  }
  assertEquals(contents(stream), model);
});

Deno.test("PacketBody does not copy the stream bytes that end a packet", () => {
  const stream = filledStream(new Uint8Array(STREAM_BYTES).fill(7));
  let copies = 0;
  const copyTo = stream.copyTo.bind(stream);
  stream.copyTo = (...parameters) => (copies++, copyTo(...parameters));
  const { sender } = protections();
  const body = new PacketBody();
  const buffer = new Uint8Array(2000);
  const copiesFor = (packetNumber: number, offset: number, endGap: number) => {
    copies = 0;
    body.begin(buffer, BODY_START);
    body.addStreamBytes(BODY_START + 9, stream, { offset, length: 1000, isFin: false });
    seal(body, sender, { buffer, end: BODY_START + 1009 + endGap, packetNumber });
    return copies;
  };
  assertEquals(copiesFor(0, 9, 0), 0);
  assertEquals(copiesFor(1, 262_144 - 1000, 0), 0);
  assertEquals(copiesFor(2, 9, 1), 1);
  assertEquals(copiesFor(3, 8, 0), 1, "nothing lies before the stream's beginning");
  assertEquals(copiesFor(4, 262_144 - 999, 0), 1, "in two blocks");
  assertEquals(copiesFor(5, 262_144 + 8, 0), 1, "what comes first would lie in another block");
});

Deno.test("PacketBody leaves the stream's memory as it was even if sealing fails", () => {
  const model = new SeededRandom(2, "failing").bytes(STREAM_BYTES);
  const stream = filledStream(model);
  const { sender } = protections();
  sender.destroy();
  const body = new PacketBody();
  const buffer = new Uint8Array(2000);
  body.begin(buffer, BODY_START);
  body.addStreamBytes(BODY_START + 9, stream, { offset: 5000, length: 1000, isFin: false });
  const sealing = () => seal(body, sender, { buffer, end: BODY_START + 1009, packetNumber: 0 });
  assertThrows(sealing, InternalError, "destroyed");
  assertEquals(contents(stream), model);
  // The next packet has nothing of this one.
  buffer.fill(1);
  body.begin(buffer, BODY_START);
  const { sender: other, receiver } = protections();
  seal(body, other, { buffer, end: BODY_START + 50, packetNumber: 0 });
  assert(receiver.open(buffer, PACKET_START, BARE_HEADER_BYTES + 50 + TAG_BYTES, 0));
  assertEquals(buffer.subarray(BODY_START, BODY_START + 50), new Uint8Array(50).fill(1));
});

function filledStream(bytes: Uint8Array): SendStream {
  const stream = new SendStream(bytes.length);
  assertEquals(stream.write(bytes, bytes.length), bytes.length);
  return stream;
}

function contents(stream: SendStream): Uint8Array {
  const bytes = new Uint8Array(STREAM_BYTES);
  stream.copyTo(bytes, 0, { offset: 0, length: STREAM_BYTES });
  return bytes;
}

function protections(): Record<"sender" | "receiver", PacketProtection> {
  const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
  const options = { updateAfterPackets: 1e6 };
  const [sender, receiver] = [secrets, secrets.toReversed()].map(([sendSecret, receiveSecret]) =>
    new PacketProtection(provider, {
      suite: "aes-128-gcm",
      sendSecret: sendSecret!,
      receiveSecret: receiveSecret!,
    }, options)
  );
  return { sender: sender!, receiver: receiver! };
}

function seal(
  body: PacketBody,
  protection: PacketProtection,
  { buffer, end, packetNumber }: { buffer: Uint8Array; end: number; packetNumber: number },
): void {
  writeShortHeader(buffer, PACKET_START, {
    firstByte: shortFirstByte(protection.keyPhase, LATER),
    destination: null,
    packetBytes: end + TAG_BYTES - PACKET_START,
    packetNumber,
  });
  body.seal(protection, PACKET_START, end, packetNumber);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
