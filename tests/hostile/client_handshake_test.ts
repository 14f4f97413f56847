/**
 * What a client without manners can do to a server before there is a connection.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { REFUSAL_CODES } from "../../lib/transport/stateless_answers.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { LONG_HEADER_BYTES, readLongHeader, VERSION } from "../../lib/wire/packet_header.ts";
import { assertFewBytesOut, testMisbehaviours } from "./hostile_client.ts";
import { RawPeer } from "./raw_peer.ts";
import { CLIENT, drain, HonestSide, SERVER } from "./rig.ts";

testMisbehaviours([
  {
    name: "an INITIAL of 1199 bytes gets no answer",
    expected: "none",
    act(peer) {
      const { initial } = peer.initial();
      const short = initial.slice(0, 1199);
      new DataView(short.buffer).setUint16(21, 1199);
      peer.deliver(short);
      assertEquals(peer.sent.length, 0);
    },
  },
  {
    name: "an unknown version gets one small list",
    expected: "none",
    act(peer) {
      const bytes = peer.initial().initial.slice();
      new DataView(bytes.buffer).setUint32(1, VERSION + 1);
      peer.deliver(bytes);
      assertEquals(peer.sent.map((datagram) => datagram.bytes.length), [LONG_HEADER_BYTES + 4]);
    },
  },
  {
    name: "answers, and types that do not exist, get no answer",
    expected: "none",
    act(peer) {
      const { initial } = peer.initial();
      for (let type = 1; type < 64; type++) {
        const bytes = initial.slice();
        bytes[0] = 0xc0 | type;
        peer.deliver(bytes);
      }
      assertEquals(peer.sent.length, 0);
    },
  },
  {
    name: "a wrong secret gets one byte of refusal and leaves nothing",
    expected: "none",
    act(peer, server) {
      peer.deliver(peer.initial({ psk: new Uint8Array(32).fill(1) }).initial);
      assertEquals(peer.longPackets.map(refusalCode), [REFUSAL_CODES.proof]);
      assertEquals(server.endpoint.halfOpenCount, 0);
    },
  },
  {
    name: "an INITIAL with lengths that lie leaves nothing",
    expected: "none",
    act(peer, server) {
      for (const [at, value] of [[24, 0xff], [24, 0x3f], [25, 0xff], [26, 0xff], [23, 0xff]]) {
        const bytes = peer.initial().initial.slice();
        bytes[at!] = value!;
        peer.deliver(bytes);
      }
      assertEquals(server.endpoint.halfOpenCount, 0);
      assertFewBytesOut(peer, 5 * 1200);
    },
  },
  {
    name: "one INITIAL a thousand times is one handshake and three times its bytes at most",
    expected: "none",
    act(peer, server) {
      const { initial } = peer.initial();
      for (let i = 0; i < 1000; i++) peer.deliver(initial);
      assertEquals(server.endpoint.halfOpenCount, 1);
      assertFewBytesOut(peer, 1000 * 1200);
    },
  },
  {
    name: "two thousand INITIALs at once are at most 64 handshakes without a token",
    expected: "none",
    act(peer, server) {
      for (let i = 0; i < 2000; i++) {
        peer.deliver(peer.initial().initial, { hostname: `198.51.${i >> 8}.${i & 255}`, port: 99 });
      }
      assertEquals(server.endpoint.halfOpenCount, 64);
      const { handshakes, retries } = server.endpoint.handshakeCounters!;
      assertEquals(handshakes, 64);
      assert(retries > 0);
      assertFewBytesOut(peer, 2000 * 1200);
      peer.wait(12_001, 500);
      assertEquals(server.endpoint.halfOpenCount, 0);
    },
  },
  {
    name: "a FINISH of garbage costs four tries at most",
    expected: "none",
    act(peer, server) {
      const handshake = peer.initial();
      peer.deliver(handshake.initial);
      const finish = peer.finishFor(handshake);
      for (let i = 0; i < 10; i++) {
        const bytes = finish.slice();
        bytes[30 + i] = bytes[30 + i]! ^ 1;
        peer.deliver(bytes);
      }
      assertEquals(server.endpoint.halfOpenCount, 0);
      peer.deliver(finish);
    },
  },
  {
    name: "a FINISH from a third party's address makes no connection to the third party",
    expected: null,
    act(peer, server) {
      server.endpoint.handleTimeout(peer.nowMs);
      const second = new RawPeer(server, "client");
      second.nowMs = peer.nowMs;
      second.address = { hostname: "198.51.100.1", port: 7 };
      const handshake = second.initial();
      second.deliver(handshake.initial);
      const finish = second.finishFor(handshake);
      second.takeSent();
      second.deliver(finish, { hostname: "203.0.113.9", port: 9 });
      for (const { to } of second.takeSent()) assertEquals(to, second.address);
    },
  },
  {
    name: "a FINISH twice makes no second connection",
    expected: null,
    act(peer, server) {
      const handshake = peer.initial();
      peer.deliver(handshake.initial);
      const finish = peer.finishFor(handshake);
      const before = server.endpoint.connectionCount;
      for (let i = 0; i < 5; i++) peer.deliver(finish);
      assertEquals(server.endpoint.connectionCount, before + 1);
    },
  },
  {
    name: "more connections than one address may have are refused",
    expected: null,
    config: { maxConnectionsPerSource: 3 },
    act(peer, server) {
      for (let i = 0; i < 4; i++) {
        const next = new RawPeer(server, "client");
        next.nowMs = peer.nowMs;
        next.address = { hostname: CLIENT.hostname, port: 1000 + i };
        const handshake = next.initial({ localId: new ConnectionId(77, i) });
        next.deliver(handshake.initial);
        if (i < 2) {
          next.deliver(next.finishFor(handshake));
        } else {
          assertEquals(next.longPackets.map(refusalCode), [REFUSAL_CODES.full]);
        }
      }
      assertEquals(server.endpoint.connectionCount, 3);
    },
  },
]);

Deno.test("the server takes no packet from addresses that nobody honest sends from", () => {
  const server = new HonestSide("server");
  const peer = new RawPeer(server, "client");
  const sources = [
    { hostname: "192.0.2.9", port: 0 },
    { hostname: "224.0.0.1", port: 5 },
    { hostname: "239.255.255.250", port: 1900 },
    { hostname: "255.255.255.255", port: 5 },
    { hostname: "0.0.0.0", port: 5 },
    { hostname: "::ffff:224.0.0.1", port: 5 },
    { hostname: "::", port: 5 },
    { hostname: "ff02::1", port: 5 },
    { hostname: "FF0E::1", port: 5 },
    SERVER,
    { ...SERVER, hostname: `::ffff:${SERVER.hostname}` },
  ];
  for (const from of sources) {
    for (let i = 0; i < 5; i++) peer.deliver(peer.initial().initial, from);
    const unknown = peer.initial().initial.slice();
    unknown[1] = 0;
    peer.deliver(unknown, from);
  }
  assertEquals(peer.sent, []);
  assertEquals(server.endpoint.halfOpenCount, 0);
});

Deno.test("two servers do not keep each other busy, whatever one is told in the other's name", () => {
  const servers = [new HonestSide("server", { seed: 3 }), new HonestSide("server", { seed: 4 })];
  const addresses = [{ hostname: "192.0.2.3", port: 5555 }, { hostname: "192.0.2.4", port: 5555 }];
  const { initial } = new RawPeer(servers[0]!, "client").initial();
  const unknownVersion = initial.slice();
  unknownVersion[4] = 9;
  let flying = [initial, unknownVersion].map((bytes) => ({ bytes, to: 0 }));
  let rounds = 0;
  for (; flying.length > 0 && rounds < 10; rounds++) {
    const next: typeof flying = [];
    for (const { bytes, to } of flying) {
      servers[to]!.endpoint.handleDatagram(bytes.slice(), addresses[1 - to]!, 1000);
      for (const answer of drain(servers[to]!.endpoint, 1000)) {
        next.push({ bytes: answer.bytes, to: 1 - to });
      }
    }
    flying = next;
  }
  assertEquals(rounds, 2);
});

function refusalCode(packet: Uint8Array): number {
  assertEquals(readLongHeader(packet, 0)?.type, "refusal");
  return packet[LONG_HEADER_BYTES]!;
}
