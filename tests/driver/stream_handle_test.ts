/** A writer that gives way to the packets misses nothing that happens meanwhile. */
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

/** A stream of a connection on which nothing is sent; `onTurn` happens when the writer gives way. */
function openStream(onTurn: (stream: StreamHandle) => void) {
  const connection = new Connection(bareConnectionOptions({ omitsConnectionId: true }));
  const driver = {
    wake: () => {},
    nowMs: () => 0,
    yieldTurn: () => {
      onTurn(stream);
      return Promise.resolve();
    },
  };
  const stream: StreamHandle = new StreamHandle(
    driver as unknown as EndpointDriver,
    connection,
    connection.streams.open()!,
  );
  return { connection, stream };
}
