/** A writer that gives way to the packets misses nothing that happens meanwhile. */
import { assertEquals, assertRejects } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import type { EndpointDriver } from "../../lib/driver/endpoint_driver.ts";
import { StreamHandle } from "../../lib/driver/stream_handle.ts";
import { Connection } from "../../lib/transport/connection.ts";
import { DEFAULT_TRANSPORT_CONFIG } from "../../lib/transport/mod.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { seededEntropy } from "../simulation/seeded_entropy.ts";
import { fastAead } from "../simulation/watchful_aead.ts";

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
  const secret = new Uint8Array(32);
  const connection = new Connection({
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
        maxUdpPayloadBytes: 1472,
        initialMaxDataBytes: 1 << 20,
        initialMaxStreamDataBytes: 1 << 20,
        initialMaxStreams: 10,
        receiveBufferBytes: 1 << 20,
        suites: ["aes-128-gcm"],
        agent: "",
        features: 0,
        omitsConnectionId: true,
      },
      remoteIdentity: new Uint8Array(32),
      handshakeHash: new Uint8Array(32),
      method: 0,
      rttMs: 10,
    },
    finish: null,
    aead: fastAead,
    entropy: seededEntropy(1, "stream handle"),
    random: () => 0.5,
    maxDatagramBytes: 1472,
    nowMs: 0,
  });
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
