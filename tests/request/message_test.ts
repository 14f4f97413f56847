import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ByteReader } from "../../lib/bytes/byte_reader.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import {
  type Codec,
  decodeBody,
  encodeRefusal,
  encodeRequest,
  encodeResponse,
  MAX_MESSAGE_BYTES,
  MessageError,
  readChoice,
  readFlag,
  readRequest,
  readResponse,
  readText,
  RemoteError,
  StreamReader,
  writeChoice,
  writeFlag,
  writeText,
} from "../../lib/request/mod.ts";
import { streamPair } from "../support/stream_pair.ts";

interface Greeting {
  text: string;
  isLoud: boolean;
  colour: "red" | "green";
}

const COLOURS = ["red", "green"] as const;

const greetingCodec: Codec<Greeting> = {
  encode: ({ text, isLoud, colour }, writer) => {
    writeText(writer, text);
    writeFlag(writer, isLoud);
    writeChoice(writer, COLOURS, colour);
  },
  decode: (reader) => ({
    text: readText(reader, 100),
    isLoud: readFlag(reader),
    colour: readChoice(reader, COLOURS),
  }),
};

const GREETING: Greeting = { text: "hé ✓", isLoud: true, colour: "green" };

/** A reader of a stream on which exactly these bytes arrive, a few at a time. */
async function readerOf(bytes: Uint8Array, readBytes = 3): Promise<StreamReader> {
  const [sender, receiver] = streamPair({ capacityBytes: 1 << 18, readBytes });
  await sender.write(bytes);
  await sender.finish();
  return new StreamReader(receiver);
}

Deno.test("readRequest() returns what encodeRequest() wrote, however it is split", async () => {
  const bytes = encodeRequest(300, greetingCodec, GREETING);
  for (const readBytes of [1, 2, 5, 1000]) {
    const request = await readRequest(await readerOf(bytes, readBytes));
    assertEquals(request!.operation, 300);
    assertEquals(decodeBody(greetingCodec, request!.body), GREETING);
  }
});

Deno.test("readResponse() returns the response, throws the refusal, and knows the end", async () => {
  const reader = await readerOf(
    new ByteWriter().bytes(encodeResponse(greetingCodec, GREETING))
      .bytes(encodeRefusal("no-space", "/a b")).finish(),
  );
  assertEquals((await readResponse(reader, greetingCodec))?.response, GREETING);
  const refusal = await assertRejects(() => readResponse(reader, greetingCodec), RemoteError);
  assertEquals([refusal.status, refusal.path], ["no-space", "/a b"]);
  assertEquals(await readResponse(reader, greetingCodec), null);
});

Deno.test("a message longer than 64 KiB is refused before its body is awaited", async () => {
  const reader = await readerOf(new ByteWriter().u32(MAX_MESSAGE_BYTES + 1).finish());
  await assertRejects(() => readRequest(reader), MessageError, "at most 65536");
  assertThrows(
    () => encodeResponse(greetingCodec, { ...GREETING, text: "x".repeat(MAX_MESSAGE_BYTES) }),
    RangeError,
  );
});

Deno.test("a message that is cut short, or too long for its fields, is malformed", async () => {
  const bytes = encodeResponse(greetingCodec, GREETING);
  for (let length = 1; length < bytes.length; length++) {
    const reader = await readerOf(bytes.subarray(0, length));
    await assertRejects(() => readResponse(reader, greetingCodec), MessageError);
  }
  assertThrows(() => decodeBody(greetingCodec, Uint8Array.of(0, 0, 0, 9)), MessageError, "1 more");
});

Deno.test("decodeBody() throws only MessageError for any bytes", () => {
  let state = 1;
  const random = () => state = (state * 48_271) % 0x7fff_ffff;
  for (let round = 0; round < 5000; round++) {
    const body = Uint8Array.from({ length: random() % 24 }, () => random() % 256);
    try {
      decodeBody(greetingCodec, body);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
    }
  }
});

Deno.test("readText(), readFlag() and readChoice() hold their bounds", () => {
  const reader = (...bytes: number[]) => new ByteReader(Uint8Array.from(bytes));
  assertThrows(() => readText(reader(3, 65, 66, 67), 2), MessageError);
  assertThrows(() => readFlag(reader(2)), MessageError);
  assertThrows(() => readChoice(reader(2), COLOURS), MessageError);
});

Deno.test("StreamReader.into() gives first what is held, then what comes, and 0 at the end", async () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
  const reader = await readerOf(bytes, 8);
  assertEquals(await reader.exactly(3), bytes.subarray(0, 3)); // of a read of 8
  const target = new Uint8Array(4);
  const got: number[] = [];
  for (;;) {
    const length = await reader.into(target);
    if (length === 0) break;
    got.push(...target.subarray(0, length));
  }
  assertEquals(got, [...bytes.subarray(3)]);
  assert(reader.isEnded);
  assertEquals(await reader.into(target), 0);
  await reader.end();
});

Deno.test("StreamReader.end() accepts the end and nothing else", async () => {
  const reader = await readerOf(Uint8Array.of(1, 2));
  await reader.exactly(1);
  await assertRejects(() => reader.end(), MessageError);
  await reader.exactly(1);
  await reader.end();
  assert(reader.isEnded);
});
