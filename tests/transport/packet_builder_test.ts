/** How packets are filled: to the brim, and what is in them is what was written, sent again or not. */
import { assert, assertEquals } from "@std/assert";
import { TAG_BYTES } from "../../lib/crypto/mod.ts";
import {
  type ConnectionParts,
  createConnectionParts,
} from "../../lib/transport/connection_parts.ts";
import { DEFAULT_TRANSPORT_CONFIG } from "../../lib/transport/transport_config.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import { BARE_HEADER_BYTES, shortHeaderBytes } from "../../lib/wire/packet_header.ts";
import { seededEntropy, SeededRandom } from "../simulation/seeded_entropy.ts";
import { fastAead } from "../simulation/watchful_aead.ts";

const LIMIT_BYTES = 1472;

Deno.test("stream bytes fill a packet to its limit, and a full packet needs no length field", () => {
  const { parts, write, build } = sender({ omitsConnectionId: true });
  write(0, 10_000);
  build(); // with what is said once
  const { packetBytes, pieces } = build();
  assertEquals(packetBytes, LIMIT_BYTES);
  // Besides header and tag: frame type, stream, two bytes for the offset.
  const overheadBytes = BARE_HEADER_BYTES + TAG_BYTES + 4;
  assertEquals(pieces.map(([, length]) => length), [LIMIT_BYTES - overheadBytes]);
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
      assert(packetBytes <= LIMIT_BYTES);
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

const NOT_THE_END = false;

/** A side that sends byte `i` of a stream as `i mod 251`, and checks each packet that it builds. */
function sender({ omitsConnectionId }: { omitsConnectionId: boolean }) {
  const secret = new Uint8Array(32).fill(7);
  const parts = createConnectionParts({
    role: "client",
    address: { hostname: "192.0.2.1", port: 5555 },
    config: DEFAULT_TRANSPORT_CONFIG,
    handshake: {
      localId: new ConnectionId(1, 2),
      remoteId: new ConnectionId(3, 4),
      suite: "aes-128-gcm",
      sendSecret: secret,
      receiveSecret: secret,
      peerParameters: {
        maxIdleTimeoutMs: 60_000,
        maxUdpPayloadBytes: LIMIT_BYTES,
        initialMaxDataBytes: 1 << 20,
        initialMaxStreamDataBytes: 1 << 20,
        initialMaxStreams: 10,
        receiveBufferBytes: 1 << 20,
        suites: ["aes-128-gcm"],
        agent: "",
        features: 0,
        omitsConnectionId,
      },
      remoteIdentity: new Uint8Array(32),
      handshakeHash: new Uint8Array(32),
      method: 0,
      rttMs: 10,
    },
    finish: null,
    aead: fastAead,
    entropy: seededEntropy(1, "packets"),
    random: () => 0.5,
    maxDatagramBytes: LIMIT_BYTES,
    nowMs: 0,
  });
  const stream = parts.streams.open()!;
  return {
    parts,
    entry: () => stream.send,
    write(from: number, length: number) {
      const bytes = Uint8Array.from({ length }, (_, i) => (from + i) % 251);
      assertEquals(parts.streams.write(stream, bytes), length);
      parts.streams.finish(stream);
    },
    build: () => buildChecked(parts),
  };
}

/** One packet, opened again: its size, and the pieces of the stream in it. */
function buildChecked({ builder, protection, loss }: ConnectionParts) {
  const buffer = new Uint8Array(2000).fill(0xee);
  const packetNumber = loss.nextPacketNumber;
  const plan = {
    limitBytes: LIMIT_BYTES,
    mayCarryData: true,
    transient: [],
    isMtuProbe: false,
    asksForAckAtEnd: true,
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
