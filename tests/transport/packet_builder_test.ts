/** How packets are filled: to the brim, and what is in them is what was written, sent again or not. */
import { assert, assertEquals } from "@std/assert";
import { TAG_BYTES } from "../../lib/crypto/mod.ts";
import {
  type ConnectionParts,
  createConnectionParts,
} from "../../lib/transport/connection_parts.ts";
import type { PacketPlan } from "../../lib/transport/packet_builder.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import { BARE_HEADER_BYTES, shortHeaderBytes } from "../../lib/wire/packet_header.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";
import { bareConnectionOptions, DATAGRAM_BYTES } from "./bare_connection.ts";

Deno.test("stream bytes fill a packet to its limit, and a full packet needs no length field", () => {
  const { parts, write, build } = sender({ omitsConnectionId: true });
  write(0, 10_000);
  build(); // with what is said once
  const { packetBytes, pieces } = build();
  assertEquals(packetBytes, DATAGRAM_BYTES);
  // Besides header and tag: frame type, stream, two bytes for the offset.
  const overheadBytes = BARE_HEADER_BYTES + TAG_BYTES + 4;
  assertEquals(pieces.map(([, length]) => length), [DATAGRAM_BYTES - overheadBytes]);
  assert(parts.streams.hasPending());
});

Deno.test("whatever is lost and sent again, every packet holds the bytes that it says", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new SeededRandom(seed, "packets");
    const { entry, write, build } = sender({ omitsConnectionId: random.chance(0.5) });
    const sizeBytes = Math.floor(random.logBetween(1, 40_000));
    write(0, sizeBytes);
    let seenBytes = 0;
    for (let packets = 0; packets < 200; packets++) {
      const { packetBytes, pieces } = build();
      if (packetBytes === 0) break;
      assert(packetBytes <= DATAGRAM_BYTES);
      for (const [offset, length] of pieces) {
        seenBytes = Math.max(seenBytes, offset + length);
        // Pieces that begin before 64 have a shorter header than those that follow later.
        const fate = random.next();
        if (fate < 0.3) entry().onLost(offset, length, offset + length === sizeBytes);
        else if (fate < 0.5) entry().onLost(offset, Math.ceil(length / 3), NOT_THE_END);
      }
    }
    assertEquals(seenBytes, sizeBytes);
  }
});

Deno.test("stream bytes are whole whatever is written behind them", () => {
  const frame = { kind: "path-challenge", token: new Uint8Array(8) } as const;
  const plans: [name: string, plan: Partial<PacketPlan>][] = [
    ["nothing", {}],
    ["a closing frame", { last: frame }],
    ["the padding of a probe", { isMtuProbe: true }],
    ["frames before them", { transient: new Array(8).fill(frame) }],
  ];
  for (const [name, plan] of plans) {
    for (const sizeBytes of [1, 30, 700, 1100, 1140, 1150, 1160, 5000]) {
      const { parts, write, build } = sender({ omitsConnectionId: true });
      write(0, sizeBytes);
      const other = parts.streams.open()!;
      parts.streams.write(other, Uint8Array.from({ length: 600 }, (_, i) => i % 251));
      let sentBytes = 0;
      for (let packets = 0; packets < 20; packets++) {
        for (const [, length] of build(plan).pieces) sentBytes += length;
      }
      assertEquals(sentBytes, sizeBytes + 600, `${name} behind ${sizeBytes} bytes`);
    }
  }
});

const NOT_THE_END = false;

/** A side that sends byte `i` of a stream as `i mod 251`, and checks each packet that it builds. */
function sender({ omitsConnectionId }: { omitsConnectionId: boolean }) {
  const parts = createConnectionParts(bareConnectionOptions({ omitsConnectionId }));
  const stream = parts.streams.open()!;
  return {
    parts,
    entry: () => stream.send,
    write(from: number, length: number) {
      const bytes = Uint8Array.from({ length }, (_, i) => (from + i) % 251);
      assertEquals(parts.streams.write(stream, bytes), length);
      parts.streams.finish(stream);
    },
    build: (plan: Partial<PacketPlan> = {}) => buildChecked(parts, plan),
  };
}

/** One packet, opened again: its size, and the pieces of the stream in it. */
function buildChecked(
  { builder, protection, loss }: ConnectionParts,
  special: Partial<PacketPlan>,
) {
  const buffer = new Uint8Array(2000).fill(0xee);
  const packetNumber = loss.nextPacketNumber;
  const plan = {
    limitBytes: DATAGRAM_BYTES,
    mayCarryData: true,
    transient: [],
    isMtuProbe: false,
    asksForAckAtEnd: true,
    ...special,
  };
  const packetBytes = builder.build(buffer, 3, plan, 0);
  const pieces: [offset: number, length: number][] = [];
  if (packetBytes === 0) return { packetBytes, pieces };
  assert(protection.open(buffer, 3, packetBytes, packetNumber));
  const reader = new FrameReader();
  reader.reset(buffer, 3 + shortHeaderBytes(buffer[3]!), 3 + packetBytes - TAG_BYTES);
  for (let frame = reader.next(); frame !== null; frame = reader.next()) {
    if (frame.kind !== "stream") continue;
    const { offset, start, length } = frame;
    for (let i = 0; i < length; i++) assertEquals(buffer[start + i], (offset + i) % 251);
    pieces.push([offset, length]);
  }
  return { packetBytes, pieces };
}
