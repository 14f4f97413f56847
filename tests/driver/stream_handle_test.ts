/** Readers and writers miss nothing that happens while they wait, or give way to the packets. */
import { assertEquals, assertRejects } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import type { EndpointDriver } from "../../lib/driver/endpoint_driver.ts";
import { StreamHandle } from "../../lib/driver/stream_handle.ts";
import { Connection } from "../../lib/transport/connection.ts";
import { bareConnectionOptions } from "../transport/bare_connection.ts";

/** More than any send buffer takes. */
const MUCH = new Uint8Array(64 << 20);

Deno.test("write() fails when the connection ends while it gives way to the packets", async () => {
  const { connection, stream } = openStream((stream) => {
    connection.abandon({ kind: "timed-out", code: 0, reason: "" });
    stream.onWritable();
  });
  const error = await assertRejects(() => stream.write(MUCH), StreamError);
  assertEquals(error.kind, "connection-lost");
});

Deno.test("write() fails when the stream is cut while it gives way to the packets", async () => {
  const { stream } = openStream((stream) => stream.reset(1));
  const error = await assertRejects(() => stream.write(MUCH), StreamError);
  assertEquals(error.kind, "aborted");
});

const BYTES = Uint8Array.from({ length: 200 }, (_, index) => index);

Deno.test("readInto() gives what is there, or what comes, and 0 at the end", async () => {
  const { stream, arrive } = openStream();
  arrive(0, 100);
  const target = new Uint8Array(70);
  assertEquals([await stream.readInto(target), target.slice(0, 70)], [70, BYTES.slice(0, 70)]);
  assertEquals([await stream.readInto(target), target.slice(0, 30)], [30, BYTES.slice(70, 100)]);
  const reading = stream.readInto(target);
  arrive(110, 120); // not its turn
  arrive(100, 105);
  arrive(105, 110);
  assertEquals([await reading, target.slice(0, 10)], [10, BYTES.slice(100, 110)]);
  assertEquals((await stream.read())?.slice(), BYTES.slice(110, 120));
  const last = stream.readInto(target);
  arrive(120, 125, { isFin: true });
  assertEquals([await last, target.slice(0, 5)], [5, BYTES.slice(120, 125)]);
  assertEquals([await stream.readInto(target), await stream.read()], [0, null]);
});

Deno.test("readInto() waits for what it was woken in vain for", async () => {
  const { stream, arrive } = openStream();
  const target = new Uint8Array(10);
  const reading = stream.readInto(target);
  stream.onReadable();
  await Promise.resolve();
  arrive(0, 4);
  assertEquals([await reading, target.slice(0, 4)], [4, BYTES.slice(0, 4)]);
});

Deno.test("readInto() fails when the stream or the connection ends", async () => {
  const ends: [string, (opened: ReturnType<typeof openStream>) => void][] = [
    ["aborted", ({ stream }) => stream.stop(1)],
    ["connection-lost", ({ connection, stream }) => {
      connection.abandon({ kind: "timed-out", code: 0, reason: "" });
      stream.onReadable();
    }],
  ];
  for (const [kind, end] of ends) {
    const opened = openStream();
    const reading = opened.stream.readInto(new Uint8Array(10));
    end(opened);
    assertEquals((await assertRejects(() => reading, StreamError)).kind, kind);
  }
});

/** A stream of a connection on which nothing is sent; `onTurn` happens when the writer gives way. */
function openStream(onTurn: (stream: StreamHandle) => void = () => {}) {
  const connection = new Connection(bareConnectionOptions({ omitsConnectionId: true }));
  const driver = {
    wake: () => {},
    nowMs: () => 0,
    yieldTurn: () => {
      onTurn(stream);
      return Promise.resolve();
    },
  };
  const entry = connection.streams.open()!;
  const stream: StreamHandle = new StreamHandle(
    driver as unknown as EndpointDriver,
    connection,
    entry,
  );
  /** The peer's bytes from `offset` to `end`, and the event of what can be read. */
  const arrive = (offset: number, end: number, { isFin } = { isFin: false }) => {
    const length = end - offset;
    const frame = { streamId: entry.id, offset, start: offset, length, isFin };
    connection.streams.onStreamFrame(BYTES, { kind: "stream", ...frame }, { nowMs: 0, rttMs: 1 });
    stream.onReadable();
  };
  return { connection, stream, arrive };
}
