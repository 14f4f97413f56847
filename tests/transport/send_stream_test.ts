/** The sending half of a stream, alone and against a lossy wire. RFC 9000 §3.1. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { InternalError } from "../../lib/bytes/invariant.ts";
import { SendStream, type StreamChunk } from "../../lib/transport/streams/send_stream.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

const FIN = true;
const NO_FIN = false;

function taken(
  stream: SendStream,
  maxBytes: number,
  credit: number = Infinity,
): StreamChunk | null {
  const chunk = stream.nextChunk(maxBytes, credit);
  return chunk === null ? null : { ...chunk };
}

Deno.test("bytes go out in order, within both credits", () => {
  const stream = new SendStream(10);
  assertEquals(stream.write(new Uint8Array(25), 1000), 25);
  assertEquals(taken(stream, 4), { offset: 0, length: 4, isFin: false });
  assertEquals(taken(stream, 100, 3), { offset: 4, length: 3, isFin: false });
  assertFalse(stream.hasPending(0));
  assertEquals(taken(stream, 100), { offset: 7, length: 3, isFin: false });
  assertEquals([taken(stream, 100), stream.hasPending(99)], [null, false]);
  assert(stream.onMaxStreamData(12));
  assertFalse(stream.onMaxStreamData(11));
  assertEquals(taken(stream, 100), { offset: 10, length: 2, isFin: false });
});

Deno.test("a writer gets no more room than the limit", () => {
  const stream = new SendStream(1000);
  assertEquals(stream.write(new Uint8Array(80), 50), 50);
  assertEquals(stream.write(new Uint8Array(80), 50), 0);
  taken(stream, 30);
  stream.onAcked(0, 30, NO_FIN);
  assertEquals(stream.write(new Uint8Array(80), 50), 30);
});

Deno.test("lost ranges go again before new bytes, and the end is repeated with its bytes", () => {
  const stream = new SendStream(1000);
  stream.write(new Uint8Array(30), 1000);
  stream.finish();
  taken(stream, 10);
  taken(stream, 10);
  assertEquals(taken(stream, 10), { offset: 20, length: 10, isFin: true });
  assertFalse(stream.hasPending(100));
  stream.onLost(20, 10, FIN);
  stream.onLost(0, 10, NO_FIN);
  assertEquals(taken(stream, 6), { offset: 0, length: 6, isFin: false });
  assertEquals(taken(stream, 100), { offset: 6, length: 4, isFin: false });
  assertEquals(taken(stream, 100), { offset: 20, length: 10, isFin: true });
});

Deno.test("an end without bytes goes alone, and again when it is lost", () => {
  const stream = new SendStream(0);
  stream.finish();
  assert(stream.hasPending(0));
  assertEquals(taken(stream, 100, 0), { offset: 0, length: 0, isFin: true });
  assertFalse(stream.hasPending(0));
  stream.onLost(0, 0, FIN);
  assertEquals(taken(stream, 100, 0), { offset: 0, length: 0, isFin: true });
  assertFalse(stream.isDone);
  assert(stream.onAcked(0, 0, FIN));
  assert(stream.isDone);
});

Deno.test("the end waits for credit for the bytes before it", () => {
  const stream = new SendStream(5);
  stream.write(new Uint8Array(8), 100);
  stream.finish();
  assertEquals(taken(stream, 100), { offset: 0, length: 5, isFin: false });
  assertEquals(taken(stream, 100), null);
  stream.onMaxStreamData(8);
  assertEquals(taken(stream, 100), { offset: 5, length: 3, isFin: true });
});

Deno.test("what is acknowledged after being declared lost is not sent again", () => {
  const stream = new SendStream(1000);
  stream.write(new Uint8Array(30), 1000);
  taken(stream, 30);
  stream.onLost(0, 30, NO_FIN);
  stream.onAcked(10, 10, NO_FIN);
  assertEquals(taken(stream, 100), { offset: 0, length: 10, isFin: false });
  assertEquals(taken(stream, 100), { offset: 20, length: 10, isFin: false });
});

Deno.test("what was acknowledged in another packet is not lost any more", () => {
  const stream = new SendStream(1000);
  stream.write(new Uint8Array(30), 1000);
  taken(stream, 30);
  stream.onAcked(5, 10, NO_FIN);
  stream.onLost(0, 30, NO_FIN);
  assertEquals(taken(stream, 100), { offset: 0, length: 5, isFin: false });
  assertEquals(taken(stream, 100), { offset: 15, length: 15, isFin: false });
  stream.onAcked(0, 30, NO_FIN);
  stream.onLost(0, 30, NO_FIN);
  assertFalse(stream.hasPending(1000));
});

Deno.test("a reset forgets the bytes and waits for its own acknowledgement", () => {
  const stream = new SendStream(1000);
  stream.write(new Uint8Array(30), 1000);
  taken(stream, 20);
  assert(stream.reset());
  assertFalse(stream.reset());
  stream.onLost(0, 20, NO_FIN);
  assertEquals([stream.hasPending(100), stream.sentEnd, stream.isDone], [false, 20, false]);
  assertThrows(() => stream.write(new Uint8Array(1), 100), InternalError);
  stream.onResetAcked();
  assert(stream.isDone);
});

Deno.test("a stream that is done cannot be reset", () => {
  const stream = new SendStream(1000);
  stream.finish();
  taken(stream, 1);
  stream.onAcked(0, 0, FIN);
  assertFalse(stream.reset());
});

Deno.test("any bytes pass a wire that loses, repeats and reorders", () => {
  for (let seed = 0; seed < 80; seed++) {
    const random = new SeededRandom(seed, "wire");
    const bytes = random.bytes(Math.floor(random.logBetween(1, 60_000)));
    const stream = new SendStream(random.below(2000));
    const arrived = new Uint8Array(bytes.length);
    const flight: StreamChunk[] = [];
    let written = 0;
    let hasEnded = false;
    for (let step = 0; !stream.isDone; step++) {
      assert(step < 100_000, `SEED=${seed} does not end`);
      if (!stream.isFinished) {
        written += stream.write(bytes.subarray(written, written + random.below(5000)), 20_000);
      }
      if (written === bytes.length) stream.finish();
      const chunk = taken(stream, random.integer(1, 1400), random.below(3000));
      if (chunk !== null) {
        assertEquals(
          chunk.isFin,
          stream.isFinished && chunk.offset + chunk.length === bytes.length,
        );
        stream.copyTo(arrived, chunk.offset, chunk);
        flight.push(chunk);
      }
      stream.onMaxStreamData(stream.sentEnd + random.below(2000));
      for (let n = flight.length > 30 || chunk === null ? 2 : 0; n > 0 && flight.length > 0; n--) {
        const { offset, length, isFin } = flight.splice(random.below(flight.length), 1)[0]!;
        if (random.chance(0.3)) {
          stream.onLost(offset, length, isFin);
          // Sometimes the loss was a mistake.
          if (random.chance(0.2)) stream.onAcked(offset, length, isFin);
        } else {
          stream.onAcked(offset, length, isFin);
          if (isFin) hasEnded = true;
        }
      }
    }
    assert(hasEnded || bytes.length === written);
    assertEquals(arrived, bytes, `SEED=${seed}`);
    assertEquals([stream.unacknowledgedBytes, stream.hasPending(1e6)], [0, false]);
  }
});
