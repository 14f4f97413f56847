import { assertEquals, assertRejects } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { connectionPair, streamPair } from "./stream_pair.ts";

Deno.test("streamPair() carries bytes both ways and holds the writer back", async () => {
  const [left, right] = streamPair({ capacityBytes: 4, readBytes: 3 });
  const sent = left.write(Uint8Array.of(1, 2, 3, 4, 5, 6)).then(() => left.finish());
  const received: number[] = [];
  for (let bytes = await right.read(); bytes !== null; bytes = await right.read()) {
    received.push(...bytes);
  }
  await sent;
  assertEquals(received, [1, 2, 3, 4, 5, 6]);
  await right.write(Uint8Array.of(7));
  assertEquals(await left.read(), Uint8Array.of(7));
});

Deno.test("streamPair() tells each side what cut it", async () => {
  const [left, right] = streamPair({ capacityBytes: 1 });
  const blocked = assertRejects(() => left.write(Uint8Array.of(1, 2)), StreamError, "stopped");
  right.stop(5);
  await blocked;
  await assertRejects(() => right.read(), StreamError, "aborted");
  right.reset(6);
  await assertRejects(() => left.read(), StreamError, "reset-by-peer, code 6");
  await assertRejects(() => right.write(Uint8Array.of(1)), StreamError, "aborted");
});

Deno.test("connectionPair() fails everything when the connection is lost", async () => {
  const { client, server, lose } = connectionPair();
  const stream = await client.openStream();
  const accepted = await server.acceptStream();
  const reading = assertRejects(() => accepted!.read(), StreamError, "connection-lost");
  const accepting = server.acceptStream();
  lose();
  await reading;
  assertEquals(await accepting, null);
  await assertRejects(() => stream.write(Uint8Array.of(1)), StreamError, "connection-lost");
  await assertRejects(() => client.openStream(), StreamError, "connection-lost");
});
