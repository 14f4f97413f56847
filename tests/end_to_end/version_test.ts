/** What the client says to a server of another version. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  LONG_HEADER_BYTES,
  readLongHeader,
  writeLongHeader,
} from "../../lib/wire/packet_header.ts";
import { Stage } from "./support.ts";

const OTHER_VERSION = 0x46_52_59_63;

Deno.test("client: a server that speaks another version is named as such, with exit code 10", async () => {
  await using stage = await Stage.set();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const answering = answerOtherVersion(socket);
  try {
    stage.port = (socket.addr as Deno.NetAddr).port;
    const { code, stderr } = await stage.run(["list"], ["--timeout", "3"]);
    assertEquals(code, 10, stderr);
    assertMatch(
      stderr,
      /^The server at 127\.0\.0\.1 port \d+ speaks another version of the protocol/,
    );
  } finally {
    socket.close();
    await answering;
  }
});

/** Answers every first packet as a server does that knows only its own version. RFC 9000 §6.1. */
async function answerOtherVersion(socket: Deno.DatagramConn): Promise<void> {
  for await (const [bytes, from] of socket) {
    const header = readLongHeader(bytes, 0);
    if (header?.type !== "initial") continue;
    const packet = new Uint8Array(LONG_HEADER_BYTES + 4);
    writeLongHeader(packet, 0, {
      type: "version-negotiation",
      version: 0,
      destination: header.source,
      source: header.destination,
      packetBytes: packet.length,
    });
    new DataView(packet.buffer).setUint32(LONG_HEADER_BYTES, OTHER_VERSION);
    await socket.send(packet, from);
  }
}
