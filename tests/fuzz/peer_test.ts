/**
 * A peer that holds the keys and breaks the rules: the connection ends with the right error or goes on,
 * and nothing is ever thrown.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { LossDetection } from "../../lib/transport/loss_detection.ts";
import { ReceiveStream } from "../../lib/transport/streams/receive_stream.ts";
import { TRANSPORT_ERROR_CODES, type TransportErrorName } from "../../lib/wire/error_code.ts";
import { writeVarint } from "../../lib/bytes/varint.ts";
import { writeFrame } from "../../lib/wire/frame.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";
import corpus from "./corpus/frames.json" with { type: "json" };
import { fromHex, mutate } from "./mutator.ts";
import { TestPeer } from "./test_peer.ts";

const BODIES = corpus.bodies.map(fromHex);

/** Varints behind each other. */
function numbers(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  let at = 0;
  for (const value of values) at = writeVarint(bytes, at, value);
  return bytes.slice(0, at);
}

/** A STREAM frame with offset and length. */
function stream(id: number, offset: number, length: number, isLast?: "last"): Uint8Array {
  const head = numbers(isLast === undefined ? 0x0e : 0x0f, id, offset, length);
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  return bytes;
}

const RULES: readonly [what: string, error: TransportErrorName, bodies: Uint8Array[]][] = [
  ["an ACK of a packet never sent", "PROTOCOL_VIOLATION", [numbers(2, 5000, 0, 0, 0)]],
  ["an ACK below zero", "FRAME_ENCODING_ERROR", [numbers(2, 3, 0, 0, 4)]],
  ["an unknown frame", "FRAME_ENCODING_ERROR", [Uint8Array.of(0x31)]],
  ["a frame cut short", "FRAME_ENCODING_ERROR", [Uint8Array.of(0x10)]],
  ["a stream of ours that does not exist", "STREAM_STATE_ERROR", [stream(1, 0, 1)]],
  ["a unidirectional stream", "STREAM_STATE_ERROR", [stream(2, 0, 1)]],
  ["credit for a stream that cannot exist", "STREAM_STATE_ERROR", [numbers(0x11, 1, 9)]],
  ["a stop for a stream that cannot exist", "STREAM_STATE_ERROR", [numbers(5, 9, 1)]],
  ["more streams than allowed", "STREAM_LIMIT_ERROR", [stream(4 * 128, 0, 1)]],
  ["data beyond the stream's credit", "FLOW_CONTROL_ERROR", [stream(0, 64_000, 1)]],
  ["data beyond the connection's credit", "FLOW_CONTROL_ERROR", [
    stream(0, 49_999, 1),
    stream(4, 49_999, 1),
    stream(8, 49_999, 1),
  ]],
  ["a reset beyond the credit", "FLOW_CONTROL_ERROR", [numbers(4, 0, 1, 64_001)]],
  ["data behind the end", "FINAL_SIZE_ERROR", [stream(0, 10, 5, "last"), stream(0, 15, 1)]],
  ["a second end", "FINAL_SIZE_ERROR", [stream(0, 10, 5, "last"), stream(0, 10, 4, "last")]],
  ["an end before data", "FINAL_SIZE_ERROR", [stream(0, 10, 5), stream(0, 0, 5, "last")]],
  ["a reset that moves the end", "FINAL_SIZE_ERROR", [
    stream(0, 10, 5, "last"),
    numbers(4, 0, 1, 16),
  ]],
];
const CONFIG = {
  initialStreamWindowBytes: 50_000,
  maxStreamWindowBytes: 50_000,
  baseWindowBytes: 100_000,
  initialWindowBytes: 100_000,
  maxWindowBytes: 100_000,
};

function assertRule(errorName: TransportErrorName, bodies: readonly Uint8Array[]): void {
  const peer = new TestPeer(1, CONFIG);
  peer.collect();
  for (const body of bodies) {
    assertEquals(peer.connection.end, null);
    peer.send(body);
  }
  const code = TRANSPORT_ERROR_CODES[errorName];
  assertEquals(peer.connection.end?.kind, "protocol-error");
  assertEquals([peer.connection.end?.code, peer.closeCode], [code, code]);
}

for (const [what, errorName, bodies] of RULES) {
  Deno.test(`${what} ends the connection with ${errorName}`, () => assertRule(errorName, bodies));
}

Deno.test("these rules notice an ACK of unsent packets that is accepted", () => {
  const original = LossDetection.prototype.onAckReceived;
  LossDetection.prototype.onAckReceived = function (ack, nowMs) {
    const ranges = ack.ranges.map((n) => Math.min(n, this.nextPacketNumber - 1));
    return original.call(this, { ...ack, ranges }, nowMs);
  };
  try {
    assertThrows(() => assertRule("PROTOCOL_VIOLATION", RULES[0]![2]));
  } finally {
    LossDetection.prototype.onAckReceived = original;
  }
});

Deno.test("these rules notice an end of stream that the final size check ignores", () => {
  const original = ReceiveStream.prototype.onData;
  ReceiveStream.prototype.onData = function (source, frame) {
    return original.call(this, source, { ...frame, isFin: false });
  };
  try {
    for (const [, errorName, bodies] of RULES.filter(([, name]) => name === "FINAL_SIZE_ERROR")) {
      assertThrows(() => assertRule(errorName, bodies));
    }
  } finally {
    ReceiveStream.prototype.onData = original;
  }
});

Deno.test("a peer that sends random frames never makes the server throw", () => {
  const ends = new Map<string, number>();
  for (let seed = 0; seed < 300; seed++) {
    const random = new SeededRandom(seed, "peer");
    try {
      const kind = attack(seed, random);
      ends.set(kind, (ends.get(kind) ?? 0) + 1);
    } catch (error) {
      throw new Error(`SEED=${seed}`, { cause: error });
    }
  }
  // Most are caught breaking a rule; some do no harm.
  assert((ends.get("protocol-error") ?? 0) > 100, JSON.stringify([...ends]));
});

/** One peer's life; returns how its connection ended. */
function attack(seed: number, random: SeededRandom): string {
  const peer = new TestPeer(seed, random.chance(0.5) ? CONFIG : {});
  const { connection } = peer;
  const boldness = random.logBetween(0.005, 0.5);
  for (let step = 0; step < 60 && peer.server.connectionCount > 0; step++) {
    peer.send(body(random, { boldness, nextNumber: connection.stats().sentPackets }), {
      ...(random.chance(0.1) ? { packetNumber: peer.nextNumber + random.below(300) } : {}),
      ...(random.chance(0.05) ? { from: { hostname: "203.0.113.7", port: random.below(9) } } : {}),
    });
    work(peer, random);
    if (random.chance(0.2)) peer.wait(random.logBetween(0.1, 3000));
    assertBounded(peer);
  }
  peer.wait(200_000);
  assert(connection.end !== null, "a silent peer is given up");
  peer.wait(200_000);
  assertEquals([peer.server.connectionCount, peer.server.nextDeadlineMs()], [0, Infinity]);
  return connection.end.kind;
}

/** The frames of one packet: mostly sound and out of place, sometimes damaged. */
function body(
  random: SeededRandom,
  options: { boldness: number; nextNumber: number },
): Uint8Array {
  if (random.chance(options.boldness)) return mutate(random.pick(BODIES), random, BODIES);
  const id = 4 * random.below(6) + (random.chance(0.1) ? 1 : 0);
  const small = () => Math.floor(random.logBetween(1, 60_000)) - 1;
  const choices: (() => Uint8Array)[] = [
    () => stream(id, small(), random.below(1200)),
    () => stream(id, 0, random.below(1200)),
    () => stream(id, 0, random.below(100), "last"),
    () => numbers(4, id, small(), small()),
    () => numbers(5, id, small()),
    () => numbers(0x10, Math.floor(random.logBetween(1, 2 ** 53))),
    () => numbers(0x11, id, Math.floor(random.logBetween(1, 2 ** 53))),
    () => numbers(0x12, Math.floor(random.logBetween(1, 2 ** 53))),
    () => numbers(0x2f, small(), small(), small()),
    () => numbers(2, Math.max(0, options.nextNumber - 1), small(), 0, 0),
    () => numbers(1, 1, 1, 0x1e, 0x14, small()),
    () => {
      const bytes = new Uint8Array(1400);
      let at = 0;
      // As many challenges as a packet holds.
      while (at < 1380) {
        at = writeFrame(bytes, at, { kind: "path-challenge", token: random.bytes(8) });
      }
      return bytes.slice(0, at);
    },
  ];
  return random.pick(choices)();
}

/** The server's application does what applications do. */
function work(peer: TestPeer, random: SeededRandom): void {
  const { connection } = peer;
  for (const event of connection.events.splice(0)) {
    if (connection.end !== null || !("stream" in event)) continue;
    const entry = event.stream;
    if (event.kind === "readable") {
      while (!entry.receive.isReset) {
        const { length } = entry.receive.peek();
        if (length === 0) break;
        connection.consume(entry, random.integer(1, length), peer.nowMs);
      }
      connection.streams.onReadableSeen(entry);
    } else if (event.kind === "stream-opened" && random.chance(0.1)) {
      // It waits until the end of the connection.
    } else if (event.kind === "stream-opened") {
      connection.streams.accept(entry);
      if (entry.send.isFinished) continue;
      if (random.chance(0.7)) connection.streams.write(entry, random.bytes(random.below(30_000)));
      if (random.chance(0.3)) connection.streams.finish(entry);
      else if (random.chance(0.2)) connection.streams.reset(entry, 5);
      if (random.chance(0.2)) connection.stop(entry, 6, peer.nowMs);
    }
  }
  if (connection.end === null && random.chance(0.1)) {
    const entry = connection.streams.open();
    if (entry !== null) connection.streams.write(entry, random.bytes(3000));
  }
  peer.collect();
}

/** Whatever the peer sends, what it makes us hold is limited. */
function assertBounded({ connection }: TestPeer): void {
  assert(connection.pendingFrames < 2000, `${connection.pendingFrames} frames are pending`);
  assert(connection.streams.count < 300, `${connection.streams.count} streams are open`);
  assert(connection.streams.heldBytes < 32 << 20, `${connection.streams.heldBytes} bytes are held`);
}

Deno.test("packet numbers of the peer pass 2^31 and 2^32", () => {
  const peer = new TestPeer(1);
  for (const packetNumber of [0, 2 ** 31 - 10, 2 ** 32 - 30, 2 ** 32 + 5, 2 ** 32 + 6]) {
    peer.send(Uint8Array.of(1), { packetNumber });
  }
  peer.wait(100);
  assertEquals(peer.connection.stats().receivedPackets, 5);
  assertEquals(peer.connection.end, null);
});
