/** The receiving half: order, credit, and the final size, which never moves. RFC 9000 §3.2, §4.5. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { ReceiveStream } from "../../lib/transport/streams/receive_stream.ts";
import { TransportError } from "../../lib/transport/transport_error.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

const SOURCE = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);

/** A frame of bytes `[offset, end)`, which hold their offset. */
function give(stream: ReceiveStream, offset: number, end: number): number {
  return stream.onData(SOURCE, { offset, start: offset, length: end - offset, isFin: false });
}

function giveEnd(stream: ReceiveStream, offset: number, end: number): number {
  return stream.onData(SOURCE, { offset, start: offset, length: end - offset, isFin: true });
}

function readAll(stream: ReceiveStream): number[] {
  const bytes: number[] = [];
  for (let view = stream.peek(); view.length > 0; view = stream.peek()) {
    bytes.push(...view);
    stream.consume(view.length);
  }
  return bytes;
}

function throwsWith(errorName: string, run: () => unknown): void {
  const error = assertThrows(run, TransportError) as TransportError;
  assertEquals(error.errorName, errorName);
}

Deno.test("bytes are readable when every byte before them is here", () => {
  const stream = new ReceiveStream(100);
  assertEquals(give(stream, 10, 20), 20);
  assertEquals(stream.readableBytes, 0);
  assertEquals(give(stream, 0, 5), 0);
  assertEquals(stream.readableBytes, 5);
  assertEquals(give(stream, 3, 12), 0);
  assertEquals(stream.readableBytes, 20);
  assertEquals(readAll(stream), [...SOURCE.subarray(0, 20)]);
  assertEquals(give(stream, 0, 20), 0);
  assertEquals(stream.readableBytes, 0);
});

Deno.test("data beyond the credit is a flow control error, data up to it is not", () => {
  const stream = new ReceiveStream(100);
  give(stream, 90, 100);
  throwsWith("FLOW_CONTROL_ERROR", () => give(stream, 95, 101));
  stream.giveCredit(101);
  give(stream, 95, 101);
});

Deno.test("the end comes with bytes, alone, or before them", () => {
  for (
    const script of [
      (stream: ReceiveStream) => giveEnd(stream, 0, 10),
      (stream: ReceiveStream) => (give(stream, 0, 10), giveEnd(stream, 10, 10)),
      (stream: ReceiveStream) => (giveEnd(stream, 10, 10), give(stream, 0, 10)),
      (stream: ReceiveStream) => (giveEnd(stream, 4, 10), give(stream, 0, 4)),
    ]
  ) {
    const stream = new ReceiveStream(100);
    script(stream);
    assert(stream.isSizeKnown);
    assertFalse(stream.isAtEnd);
    assertEquals(readAll(stream).length, 10);
    assertEquals([stream.isAtEnd, stream.isDone], [true, true]);
  }
});

Deno.test("an empty stream is at its end at once", () => {
  const stream = new ReceiveStream(0);
  giveEnd(stream, 0, 0);
  assertEquals([stream.isAtEnd, stream.readableBytes], [true, 0]);
});

Deno.test("the final size never moves", () => {
  const ended = () => {
    const stream = new ReceiveStream(100);
    give(stream, 0, 5);
    giveEnd(stream, 10, 20);
    return stream;
  };
  throwsWith("FINAL_SIZE_ERROR", () => give(ended(), 15, 21));
  throwsWith("FINAL_SIZE_ERROR", () => giveEnd(ended(), 10, 19));
  throwsWith("FINAL_SIZE_ERROR", () => giveEnd(ended(), 10, 21));
  throwsWith("FINAL_SIZE_ERROR", () => ended().onReset(19));
  throwsWith("FINAL_SIZE_ERROR", () => ended().onReset(21));
  assertEquals(ended().onReset(20), 0);
  giveEnd(ended(), 10, 20);
  giveEnd(ended(), 20, 20);
});

Deno.test("an end below what has already come is an error", () => {
  const stream = new ReceiveStream(100);
  give(stream, 0, 50);
  throwsWith("FINAL_SIZE_ERROR", () => giveEnd(stream, 0, 49));
  throwsWith("FINAL_SIZE_ERROR", () => stream.onReset(49));
});

Deno.test("a reset counts the bytes that will never come and ends everything", () => {
  const stream = new ReceiveStream(100);
  give(stream, 0, 30);
  assertEquals(stream.onReset(70), 40);
  assertEquals([stream.isReset, stream.isDone, stream.highest, stream.peek().length], [
    true,
    true,
    70,
    0,
  ]);
  assertEquals(give(stream, 30, 70), 0);
  throwsWith("FINAL_SIZE_ERROR", () => give(stream, 30, 71));
  throwsWith("FLOW_CONTROL_ERROR", () => new ReceiveStream(100).onReset(101));
});

Deno.test("a stopped stream counts on but keeps nothing", () => {
  const stream = new ReceiveStream(1000);
  give(stream, 0, 30);
  assertEquals(stream.stop(), 30);
  assertEquals(give(stream, 100, 200), 170);
  assertEquals([stream.readableBytes, stream.capacity], [0, 0]);
  give(stream, 30, 100);
  assertEquals(stream.readOffset, 200);
  assertFalse(stream.isDone);
  giveEnd(stream, 200, 200);
  assert(stream.isDone);
});

Deno.test("thousands of pieces with holes between them are refused", () => {
  const stream = new ReceiveStream(1e9);
  throwsWith("FLOW_CONTROL_ERROR", () => {
    for (let i = 0; i < 10_000; i++) {
      stream.onData(SOURCE, { offset: 2 * i + 1, start: 0, length: 1, isFin: false });
    }
  });
});

Deno.test("any pieces in any order make the same stream, also far above 2^32", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new SeededRandom(seed, "pieces");
    const bytes = random.bytes(Math.floor(random.logBetween(1, 50_000)));
    const stream = new ReceiveStream(bytes.length);
    const pieces: [number, number][] = [];
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + random.integer(1, 1400));
      pieces.push([Math.max(0, at - random.below(100)), end]);
      if (random.chance(0.3)) pieces.push([at, Math.min(bytes.length, end + random.below(3000))]);
      at = end;
    }
    pieces.sort(() => random.next() - 0.5);
    const read: number[] = [];
    let growth = 0;
    for (const [start, end] of pieces) {
      const isFin = end === bytes.length;
      growth += stream.onData(bytes, { offset: start, start, length: end - start, isFin });
      if (random.chance(0.3)) read.push(...readAll(stream));
    }
    read.push(...readAll(stream));
    assertEquals(Uint8Array.from(read), bytes, `SEED=${seed}`);
    assertEquals([growth, stream.isAtEnd], [bytes.length, true]);
  }
});

Deno.test("bytes that come next go where a reader wants them, the rest stays", () => {
  const stream = new ReceiveStream(1000);
  const target = new Uint8Array(30).fill(0xdd);
  stream.lend(target);
  give(stream, 0, 10);
  give(stream, 5, 20); // partly known
  assertEquals(stream.readableBytes, 20);
  give(stream, 18, 50); // more than fits
  assertEquals([stream.readableBytes, stream.takeBack()], [50, 30]);
  assertEquals(target, SOURCE.slice(0, 30));
  stream.consume(30);
  assertEquals(readAll(stream), [...SOURCE.subarray(30, 50)]);
});

Deno.test("what comes behind a hole does not go to a reader's target, nor what comes behind that", () => {
  const stream = new ReceiveStream(1000);
  const target = new Uint8Array(500);
  stream.lend(target);
  give(stream, 0, 10);
  give(stream, 40, 60);
  give(stream, 10, 30);
  give(stream, 25, 45); // closes the hole
  give(stream, 60, 80);
  assertEquals(stream.readableBytes, 80);
  const taken = stream.takeBack();
  assertEquals(target.slice(0, taken), SOURCE.slice(0, taken));
  stream.consume(taken);
  assertEquals(readAll(stream), [...SOURCE.subarray(taken, 80)]);
});

Deno.test("a target gets nothing after it was taken back, or the stream was stopped or reset", () => {
  const endings: ((stream: ReceiveStream) => void)[] = [
    (stream) => stream.takeBack(),
    (stream) => stream.stop(),
    (stream) => stream.onReset(100),
  ];
  for (const end of endings) {
    const stream = new ReceiveStream(1000);
    const target = new Uint8Array(50).fill(0xdd);
    stream.lend(target);
    end(stream);
    give(stream, 0, 10);
    assertEquals(stream.takeBack(), 0);
    assertEquals(target, new Uint8Array(50).fill(0xdd));
  }
});

Deno.test("any pieces in almost any order make the same stream for a reader with targets", () => {
  let delivered = 0;
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed, "targets");
    const bytes = random.bytes(Math.floor(random.logBetween(1, 600_000)));
    const stream = new ReceiveStream(bytes.length);
    const pieces: { start: number; end: number; turn: number }[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + random.integer(1, 30_000));
      const turn = at + (random.chance(0.1) ? random.below(100_000) : 0);
      pieces.push({
        start: Math.max(0, at - random.below(random.chance(0.1) ? 99 : 1)),
        end,
        turn,
      });
      at = end;
    }
    pieces.sort((a, b) => a.turn - b.turn);
    const read = new Uint8Array(bytes.length);
    let readLength = 0;
    const take = (part: Uint8Array) => {
      read.set(part, readLength);
      readLength += part.length;
      stream.consume(part.length);
    };
    let target: Uint8Array | null = null;
    const takeBack = () => {
      const length = stream.takeBack();
      delivered += length;
      if (target !== null) take(target.subarray(0, length));
      target = null;
    };
    for (const { start, end } of pieces) {
      if (target === null && stream.readableBytes === 0 && random.chance(0.8)) {
        target = new Uint8Array(Math.floor(random.logBetween(1, 100_000)));
        stream.lend(target);
      }
      const isFin = end === bytes.length;
      stream.onData(bytes, { offset: start, start, length: end - start, isFin });
      if (random.chance(0.5)) takeBack();
      if (target === null && random.chance(0.7)) {
        for (let view = stream.peek(); view.length > 0; view = stream.peek()) take(view);
      }
    }
    takeBack();
    for (let view = stream.peek(); view.length > 0; view = stream.peek()) take(view);
    assertEquals([readLength, stream.isAtEnd], [bytes.length, true], `SEED=${seed}`);
    assert(read.every((byte, at) => byte === bytes[at]), `SEED=${seed}`);
  }
  assert(delivered > 500_000, `${delivered}`);
});
