/** Every frame there and back, and everything else refused. */
import { varintLength } from "../../lib/bytes/varint.ts";
import { assertEquals, assertThrows } from "@std/assert";
import {
  type ControlFrame,
  frameBytes,
  FrameEncodingError,
  FrameReader,
  streamHeaderBytes,
  type TransientFrame,
  writeFrame,
  writeStreamHeader,
} from "../../lib/wire/frame.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

type WrittenFrame = ControlFrame | TransientFrame;
type WrittenFrames = { [Kind in WrittenFrame["kind"]]: () => WrittenFrame & { kind: Kind } };

/** A random frame of any kind but STREAM and ACK. A kind without a row here does not compile. */
function randomFrame(random: SeededRandom): WrittenFrame {
  const number = () => Math.floor(random.next() * 2 ** random.integer(1, 53));
  const frames: WrittenFrames = {
    "padding": () => ({ kind: "padding" }),
    "ping": () => ({ kind: "ping" }),
    "handshake-done": () => ({ kind: "handshake-done" }),
    "reset-stream": () => ({
      kind: "reset-stream",
      streamId: number(),
      code: number(),
      finalSize: number(),
    }),
    "stop-sending": () => ({ kind: "stop-sending", streamId: number(), code: number() }),
    "max-data": () => ({ kind: "max-data", limit: number() }),
    "max-stream-data": () => ({ kind: "max-stream-data", streamId: number(), limit: number() }),
    "max-streams": () => ({ kind: "max-streams", limit: number() }),
    "data-blocked": () => ({ kind: "data-blocked", limit: number() }),
    "path-challenge": () => ({ kind: "path-challenge", token: random.bytes(8) }),
    "path-response": () => ({ kind: "path-response", token: random.bytes(8) }),
    "ack-frequency": () => ({
      kind: "ack-frequency",
      sequence: number(),
      packetThreshold: number(),
      maxAckDelayUs: number(),
    }),
    "connection-close": () => ({
      kind: "connection-close",
      isApplication: random.chance(0.5),
      code: number(),
      reason: "größer ".repeat(random.below(20)),
    }),
  };
  return random.pick(Object.values(frames))();
}

Deno.test("any sequence of frames is read back and takes the bytes that were foretold", () => {
  for (let seed = 0; seed < 500; seed++) {
    const random = new SeededRandom(seed, "frames");
    const frames = Array.from({ length: random.integer(1, 30) }, () => randomFrame(random));
    const bytes = new Uint8Array(20_000);
    let at = 5;
    for (const frame of frames) {
      const end = writeFrame(bytes, at, frame);
      assertEquals(end - at, frameBytes(frame), frame.kind);
      at = end;
    }
    const reader = new FrameReader();
    reader.reset(bytes, 5, at);
    for (const [index, frame] of frames.entries()) {
      // A run of PADDING is read as one.
      if (frame.kind === "padding" && frames[index - 1]?.kind === "padding") continue;
      assertEquals(reader.next(), frame);
    }
    assertEquals(reader.next(), null);
  }
});

Deno.test("a STREAM frame's bytes stay where they are", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new SeededRandom(seed, "stream");
    const length = random.below(1200);
    const frame = {
      streamId: Math.floor(random.logBetween(1, 2 ** 40)) - 1,
      offset: random.chance(0.3) ? 0 : Math.floor(random.next() * 2 ** 50),
      length,
      isFin: random.chance(0.5),
    };
    const bytes = new Uint8Array(1300);
    const reader = new FrameReader();
    const start = writeStreamHeader(bytes, 3, { ...frame, isLast: false });
    reader.reset(bytes, 3, start + length + 1);
    assertEquals(reader.next(), { kind: "stream", start, ...frame });
    assertEquals(reader.next(), { kind: "padding" });
    const lastStart = writeStreamHeader(bytes, 3, { ...frame, isLast: true });
    assertEquals(lastStart - 3, streamHeaderBytes(frame.streamId, frame.offset));
    assertEquals(start - lastStart, varintLength(length));
    reader.reset(bytes, 3, lastStart + length);
    assertEquals(reader.next(), { kind: "stream", start: lastStart, ...frame });
    assertEquals(reader.next(), null);
  }
});

Deno.test("a run of PADDING is one frame", () => {
  const bytes = new Uint8Array(65_507);
  bytes[0] = 0x01;
  bytes[60_000] = 0x01;
  const reader = new FrameReader();
  reader.reset(bytes, 0, bytes.length);
  const kinds = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) kinds.push(frame.kind);
  assertEquals(kinds, ["ping", "padding", "ping", "padding"]);
});

Deno.test("a STREAM frame without a length reaches to the end of the packet", () => {
  const reader = new FrameReader();
  reader.reset(Uint8Array.of(0x08, 4, 9, 9, 9, 7), 0, 5);
  const frame = { streamId: 4, offset: 0, start: 2, length: 3, isFin: false };
  assertEquals(reader.next(), { kind: "stream", ...frame });
  assertEquals(reader.next(), null);
});

Deno.test("a frame cut short is refused at every cut", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed, "cuts");
    const bytes = new Uint8Array(600);
    const end = writeFrame(bytes, 0, randomFrame(random));
    for (let cut = 1; cut < end; cut++) {
      const reader = new FrameReader();
      reader.reset(bytes, 0, cut);
      assertThrows(() => reader.next(), FrameEncodingError);
    }
  }
});

Deno.test("unknown frame types are refused", () => {
  const known = [
    ...[0x00, 0x01, 0x02, 0x04, 0x05, 0x10, 0x11, 0x12, 0x14, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x2f],
    ...[0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f],
  ];
  for (let type = 0; type < 256; type++) {
    const bytes = new Uint8Array(40);
    bytes[0] = type;
    const reader = new FrameReader();
    reader.reset(bytes, 0, 40);
    if (known.includes(type)) reader.next();
    else assertThrows(() => reader.next(), FrameEncodingError, `0x${type.toString(16)}`);
  }
});

Deno.test("stream offsets beyond 2^53 and bytes beyond the packet are refused", () => {
  const refused = [
    Uint8Array.of(0x0e, 0, 0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7),
    Uint8Array.of(0x0a, 0, 5, 1, 2, 3, 4),
    Uint8Array.of(0x0a, 0, 0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  ];
  for (const bytes of refused) {
    const reader = new FrameReader();
    reader.reset(bytes, 0, bytes.length);
    assertThrows(() => reader.next(), FrameEncodingError);
  }
});

Deno.test("a long reason is cut at a character", () => {
  const bytes = new Uint8Array(600);
  const reason = "x" + "€".repeat(100);
  const frame = { kind: "connection-close", isApplication: true, code: 1, reason } as const;
  const end = writeFrame(bytes, 0, frame);
  const reader = new FrameReader();
  reader.reset(bytes, 0, end);
  assertEquals(reader.next(), { ...frame, reason: "x" + "€".repeat(85) });
});
