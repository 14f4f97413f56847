/**
 * Somebody on the path between a client and a server, without their keys.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../support/seeded_random.ts";
import { assertFewBytesOut, testMisbehaviours } from "./hostile_client.ts";
import { framesOf, streamFrame } from "./raw_peer.ts";

const random = seededRandom(11);

testMisbehaviours([
  {
    name: "every packet of the client a hundred times more",
    expected: null,
    act(peer, server) {
      const packets: Uint8Array[] = [];
      for (let i = 0; i < 20; i++) {
        packets.push(peer.send(streamFrame(0, 10 * i, new Uint8Array(10))));
      }
      const read = server.readBytes.get(0);
      for (let i = 0; i < 100; i++) for (const bytes of packets) peer.deliver(bytes);
      assertEquals(server.readBytes.get(0), read);
      assertEquals(server.connection.stats().replayedPackets, 2000);
    },
  },
  {
    name: "two thousand damaged packets",
    expected: null,
    act(peer, server) {
      for (let i = 0; i < 2000; i++) {
        const bytes = peer.packet(streamFrame(0, 0, new Uint8Array(50)));
        const at = 15 + Math.floor(random() * (bytes.length - 15));
        bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8));
        peer.deliver(bytes);
      }
      assertEquals(server.connection.stats().failedOpens, 2000);
      assertEquals(server.readBytes.size, 0);
    },
  },
  {
    name: "a CONNECTION_CLOSE by somebody without the keys",
    expected: null,
    act(peer, server) {
      const close = framesOf({
        kind: "connection-close",
        isApplication: true,
        code: 0,
        reason: "",
      });
      for (let i = 0; i < 500; i++) {
        const bytes = peer.packet(framesOf({ kind: "ping" }, new Uint8Array(20)));
        bytes.set(close, 15);
        peer.deliver(bytes);
        bytes.fill(Math.floor(random() * 256), 15);
        peer.deliver(bytes);
      }
      assert(server.isConnected);
    },
  },
  {
    name: "the server's own packets sent back to it",
    expected: null,
    act(peer, server) {
      peer.send({ kind: "ping" });
      peer.wait(200, 10);
      for (const { bytes } of peer.takeSent()) {
        const turned = bytes.slice();
        const { localId } = server.connection.handshake;
        if ((turned[0]! & 0x80) === 0) localId.write(turned, 1);
        peer.deliver(turned);
      }
      assert(server.isConnected);
    },
  },
  {
    name: "datagrams whose lengths lie, alone and behind a good packet",
    expected: null,
    act(peer, server) {
      for (const length of [0, 1, 14, 30, 32, 1000, 65_535]) {
        const good = peer.packet(framesOf({ kind: "ping" }));
        const bad = good.slice();
        new DataView(bad.buffer).setUint16(9, length);
        peer.deliver(bad);
        const both = new Uint8Array(good.length + bad.length);
        both.set(good);
        both.set(bad, good.length);
        peer.deliver(both);
      }
      for (let i = 0; i < 3000; i++) {
        const bytes = Uint8Array.from(
          { length: Math.floor(random() * 1500) },
          () => random() * 256,
        );
        peer.deliver(bytes);
      }
      assert(server.isConnected);
    },
  },
  {
    name: "packets to a connection that is closing are answered one for one at most",
    expected: "FRAME_ENCODING_ERROR",
    act(peer) {
      peer.send(Uint8Array.of(0x3f));
      peer.takeSent();
      for (let i = 0; i < 500; i++) peer.send({ kind: "ping" }, new Uint8Array(100));
      assertFewBytesOut(peer, 500 * 100);
    },
  },
]);
