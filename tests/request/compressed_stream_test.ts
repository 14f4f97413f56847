import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { constants, zstdCompressSync } from "node:zlib";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { CompressedStream, MessageError, StreamReader } from "../../lib/request/mod.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { type Direction, streamPair } from "../support/stream_pair.ts";

const TEXT = new TextEncoder().encode(
  Array.from({ length: 20_000 }, (_, i) => `line ${i * i} of a text\n`).join(""),
);
const NOISE = new Uint8Array(300_000);
for (let i = 0; i < NOISE.length; i += 50_000) {
  crypto.getRandomValues(NOISE.subarray(i, i + 50_000));
}

/** Both ends of a compressed stream, and how much passed beneath. */
function compressedPair(readBytes?: number) {
  const passed: Record<Direction, number> = { "from-opener": 0, "to-opener": 0 };
  const ends = streamPair({
    ...(readBytes === undefined ? {} : { readBytes }),
    onBytes: (bytes, { direction }) => passed[direction] += bytes.length,
  });
  const [near, far] = ends.map((end) => new CompressedStream(end, new StreamReader(end)));
  return { near: near!, far: far!, ends, passed };
}

async function readAll(stream: CompressedStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    pieces.push(bytes.slice());
  }
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
}

async function writeAll(stream: CompressedStream, pieces: Iterable<Uint8Array>): Promise<void> {
  for (const piece of pieces) await stream.write(piece);
  await stream.finish();
}

/** What a reader says of these bytes. */
async function unpacked(...pieces: Uint8Array[]): Promise<Uint8Array> {
  const [near, far] = streamPair();
  const reading = readAll(new CompressedStream(far, new StreamReader(far)));
  reading.catch(() => {});
  for (const piece of pieces) await near.write(piece);
  await near.finish();
  return await reading;
}

const head = (...numbers: number[]) => {
  const writer = new ByteWriter(8);
  for (const number of numbers) writer.u32(number);
  return writer.finish();
};

Deno.test("CompressedStream: text takes a third of the way at most, and arrives as it was", async () => {
  const { near, far, passed } = compressedPair();
  const [arrived] = await Promise.all([readAll(far), writeAll(near, [TEXT])]);
  assertEquals(arrived, TEXT);
  assert(passed["from-opener"] < TEXT.length / 3, `${passed["from-opener"]} of ${TEXT.length}`);
});

Deno.test("CompressedStream: noise goes as it is, with four bytes for each block", async () => {
  const { near, far, passed } = compressedPair();
  const [arrived] = await Promise.all([readAll(far), writeAll(near, [NOISE])]);
  assertEquals(arrived, NOISE);
  assertEquals(passed["from-opener"], NOISE.length + 5 * 4);
});

Deno.test("CompressedStream: after noise it goes on trying, so that text behind it is packed", async () => {
  const { near, far, passed } = compressedPair();
  const pieces = [NOISE, TEXT, TEXT, TEXT];
  const [arrived] = await Promise.all([readAll(far), writeAll(near, pieces)]);
  assertEquals(arrived.length, NOISE.length + 3 * TEXT.length);
  assert(passed["from-opener"] < NOISE.length + 1.5 * TEXT.length);
});

Deno.test("CompressedStream: pieces of any size arrive in order, both ways, read either way", async () => {
  const random = seededRandom(7);
  for (const readBytes of [1, 1000, 65_536]) {
    const { near, far } = compressedPair(readBytes);
    const pieces: Uint8Array[] = [];
    for (let count = 0; count < 20; count++) {
      const source = random() < 0.5 ? TEXT : NOISE;
      const start = Math.floor(random() * 100_000);
      const length = Math.floor(random() ** 3 * (readBytes === 1 ? 2000 : 150_000));
      pieces.push(source.subarray(start, start + length));
    }
    const expected = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
    const target = new Uint8Array(expected.length + 1);
    const fill = async () => {
      let filled = 0;
      for (;;) {
        const room = target.subarray(filled, filled + 1 + Math.floor(random() * 90_000));
        const length = await near.readInto(room);
        if (length === 0) return filled;
        filled += length;
      }
    };
    const [arrived, filled] = await Promise.all([
      readAll(far),
      fill(),
      writeAll(near, pieces),
      writeAll(far, pieces),
    ]);
    assertEquals(arrived, expected);
    assertEquals(target.subarray(0, filled), expected);
  }
});

Deno.test("CompressedStream: what is no block is refused, and a forged one costs no memory", async () => {
  const params = { [constants.ZSTD_c_windowLog]: 16 };
  const frame = zstdCompressSync(TEXT.subarray(0, 1000), { params });
  const wide = zstdCompressSync(TEXT.subarray(0, 1000), {
    params: { [constants.ZSTD_c_windowLog]: 27 },
  });
  const bomb = zstdCompressSync(new Uint8Array(2 ** 28), {
    params: { ...params, [constants.ZSTD_c_compressionLevel]: 1 },
  });
  const packed = 2 ** 31;
  const cases: Record<string, Uint8Array[]> = {
    "cut in the head": [head(5).subarray(0, 2)],
    "cut in plain bytes": [head(5), NOISE.subarray(0, 4)],
    "cut before the length": [head(packed + frame.length)],
    "cut in the frame": [head(packed + frame.length, 1000), frame.subarray(0, 20)],
    "another length": [head(packed + frame.length, 999), frame],
    "a frame that ends early": [head(packed + 20, 1000), frame.subarray(0, 20)],
    "no frame": [head(packed + 20, 1000), NOISE.subarray(0, 20)],
    "no bytes": [head(packed, 1000)],
    "longer than what it holds": [head(packed + 100, 50), NOISE.subarray(0, 100)],
    "a large one": [head(packed + frame.length, 65_537), frame],
    "a window of 128 MiB": [head(packed + wide.length, 1000), wide],
    "a bomb": [head(packed + bomb.length, 65_536), bomb],
  };
  for (const [name, pieces] of Object.entries(cases)) {
    await assertRejects(() => unpacked(...pieces), MessageError, undefined, name);
  }
  assertEquals(await unpacked(head(packed + frame.length, 1000), frame), TEXT.slice(0, 1000));
});

Deno.test("CompressedStream: damage of any kind is told as such or changes bytes, and ends", async () => {
  const random = seededRandom(11);
  const { near, ends } = compressedPair();
  const original: Uint8Array[] = [];
  await writeAll(near, [TEXT.subarray(0, 30_000), NOISE.subarray(0, 3000), TEXT.subarray(0, 700)]);
  for (let bytes = await ends[1].read(); bytes !== null; bytes = await ends[1].read()) {
    original.push(bytes.slice());
  }
  const whole = new Uint8Array(await new Blob(original as BlobPart[]).arrayBuffer());
  for (let round = 0; round < 300; round++) {
    const damaged = whole.slice(
      0,
      random() < 0.3 ? Math.floor(random() * whole.length) : undefined,
    );
    for (let count = Math.floor(random() * 4); count > 0; count--) {
      damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
    }
    try {
      await unpacked(damaged);
    } catch (error) {
      assertInstanceOf(error, MessageError);
    }
  }
});

Deno.test("CompressedStream: cuts pass through", () => {
  const { near, ends } = compressedPair();
  near.reset(5);
  near.stop(6);
  assertEquals([ends[1].resetWith, ends[1].stoppedWith], [5, 6]);
});
