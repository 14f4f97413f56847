/**
 * What a client without manners can do to a server, one row each. After every row the server still serves
 * an honest client, and holds nothing that grows.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { REFUSAL_CODES, type TransportConfig } from "../../lib/transport/mod.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { LONG_HEADER_BYTES, readLongHeader, VERSION } from "../../lib/wire/packet_header.ts";
import { ackFrame, framesOf, RawPeer, streamFrame } from "./raw_peer.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { CLIENT, drain, HonestSide, SERVER } from "./rig.ts";

/** Frames that a connection may have waiting, whatever the peer sends: a few for each stream. */
const MAX_PENDING_FRAMES = 600;
/** Unread and unacknowledged bytes that one hostile connection may cost. */
const MAX_HELD_BYTES = 28 << 20;

interface Misbehaviour {
  /** What the client does. */
  readonly name: string;
  /** How the server's connection must end; null when it must go on; "none" when there must be none. */
  readonly expected: string | null | "none";
  readonly config?: Partial<TransportConfig>;
  /** Credit that the client gives for everything that it is sent. */
  readonly creditBytes?: number;
  /** Does it. The handshake is over unless `expected` is "none". */
  act(peer: RawPeer, server: HonestSide): void;
}

const one = Uint8Array.of(1);
const PING = framesOf({ kind: "ping" });
const random = seededRandom(11);

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  // ── Before there is a connection ───────────────────────────────────────────────────────────────
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
  // ── Frames that break a rule ───────────────────────────────────────────────────────────────────
  {
    name: "an unknown frame",
    expected: "FRAME_ENCODING_ERROR",
    act: (peer) => void peer.send(Uint8Array.of(0x3f)),
  },
  {
    name: "a frame that is cut off",
    expected: "FRAME_ENCODING_ERROR",
    act: (peer) => void peer.send(Uint8Array.of(0x04, 0x40)),
  },
  {
    name: "a stream frame that claims more bytes than there are",
    expected: "FRAME_ENCODING_ERROR",
    act: (peer) => void peer.send(streamFrame(0, 0, one, { claimedLength: 1 << 20 })),
  },
  {
    name: "a reason to close of a megabyte",
    expected: "FRAME_ENCODING_ERROR",
    act: (peer) => void peer.send(Uint8Array.of(0x1d, 0, 0x80, 0x10, 0, 0)),
  },
  {
    name: "an acknowledgement of what was never sent",
    expected: "PROTOCOL_VIOLATION",
    act: (peer) => void peer.send(ackFrame([[0, 1_000_000]])),
  },
  {
    name: "acknowledgements ahead of what arrives, to be sent more than the path takes",
    expected: "PROTOCOL_VIOLATION",
    act(peer, server) {
      server.onStream = "send";
      server.sendBytes = 8 << 20;
      peer.acknowledges = false;
      peer.send(streamFrame(0, 0, one));
      // It guesses the next numbers, and takes care never to claim one that cannot exist yet.
      for (let i = 0; i < 400 && server.isConnected; i++) {
        const highest = server.connection.stats().sentPackets - 1;
        peer.send(ackFrame([[0, highest]]));
        peer.wait(2);
      }
    },
  },
  {
    name: "hundreds of acknowledgements in one packet",
    expected: "PROTOCOL_VIOLATION",
    act: (peer) => void peer.send(...Array.from({ length: 200 }, () => ackFrame([[0, 0]]))),
  },
  {
    name: "bytes beyond a stream's credit",
    expected: "FLOW_CONTROL_ERROR",
    act: (peer) => void peer.send(streamFrame(0, 4 << 20, one)),
  },
  {
    name: "bytes beyond the connection's credit",
    expected: "FLOW_CONTROL_ERROR",
    act(peer, server) {
      server.onStream = "ignore";
      for (let i = 0; i < 3; i++) peer.send(streamFrame(4 * i, (4 << 20) - 1, one));
    },
  },
  {
    name: "an offset at the end of the number range",
    expected: "FRAME_ENCODING_ERROR",
    act: (peer) => void peer.send(streamFrame(0, Number.MAX_SAFE_INTEGER, one)),
  },
  {
    name: "more streams than allowed",
    expected: "STREAM_LIMIT_ERROR",
    act: (peer) => void peer.send(streamFrame(4 * 128, 0, one)),
  },
  {
    name: "a stream that only the server could open",
    expected: "STREAM_STATE_ERROR",
    act: (peer) => void peer.send(streamFrame(1, 0, one)),
  },
  {
    name: "credit for a stream that only the server could open",
    expected: "STREAM_STATE_ERROR",
    act: (peer) => void peer.send({ kind: "max-stream-data", streamId: 401, limit: 1 }),
  },
  {
    name: "an end that moves",
    expected: "FINAL_SIZE_ERROR",
    act(peer, server) {
      server.onStream = "ignore";
      peer.send(streamFrame(0, 0, one, { isFin: true }));
      peer.send(streamFrame(0, 0, new Uint8Array(5), { isFin: true }));
    },
  },
  {
    name: "bytes behind the end",
    expected: "FINAL_SIZE_ERROR",
    act(peer, server) {
      server.onStream = "ignore";
      peer.send(streamFrame(0, 0, one, { isFin: true }));
      peer.send(streamFrame(0, 5, one));
    },
  },
  {
    name: "a reset that takes bytes back",
    expected: "FINAL_SIZE_ERROR",
    act(peer) {
      peer.send(streamFrame(0, 0, new Uint8Array(100)));
      peer.send({ kind: "reset-stream", streamId: 0, code: 0, finalSize: 10 });
    },
  },
  {
    name: "a stream in ten thousand pieces",
    expected: "FLOW_CONTROL_ERROR",
    act(peer, server) {
      server.onStream = "ignore";
      for (let i = 0; i < 10_000 && server.isConnected; i += 100) {
        peer.send(
          ...Array.from({ length: 100 }, (_, k) => streamFrame(0, 2 * (i + k) + 1, one)),
        );
        assertBounded(server);
      }
    },
  },
  // ── Too much of what is allowed ────────────────────────────────────────────────────────────────
  {
    name: "a flood of PATH_CHALLENGE is answered four at a time",
    expected: null,
    act(peer, server) {
      peer.takeSent();
      const token = new Uint8Array(8);
      const challenges = Array.from(
        { length: 120 },
        () => ({ kind: "path-challenge", token }) as const,
      );
      for (let i = 0; i < 100; i++) {
        const bytes = peer.packet(framesOf(...challenges));
        server.endpoint.handleDatagram(bytes, peer.address, peer.nowMs);
      }
      assert(server.connection.pendingFrames < 10);
      peer.collect();
      assertFewBytesOut(peer, 100 * 1000);
    },
  },
  {
    name: "a flood of PING is answered packet by packet at most",
    expected: null,
    act(peer) {
      peer.takeSent();
      for (let i = 0; i < 2000; i++) peer.send({ kind: "ping" });
      assert(peer.takeSent().length <= 2001);
    },
  },
  {
    name: "a flood of credit, blocked and frequency frames",
    expected: null,
    act(peer, server) {
      for (let i = 0; i < 2000; i++) {
        peer.send(
          { kind: "max-data", limit: i },
          { kind: "max-streams", limit: i },
          { kind: "data-blocked", limit: i },
          { kind: "ack-frequency", sequence: i, packetThreshold: 1e6, maxAckDelayUs: 1e9 },
          { kind: "handshake-done" },
        );
      }
      assert(server.connection.pendingFrames < 10);
    },
  },
  {
    name: "streams opened and abandoned as fast as the limit allows",
    expected: null,
    act(peer, server) {
      let id = 0;
      for (let i = 0; i < 3000; i++) {
        const credit = peer.frames.findLast((frame) => frame.kind === "max-streams");
        const limit = credit?.kind === "max-streams" ? credit.limit : 128;
        if (id / 4 < limit) {
          peer.send(
            { kind: "stop-sending", streamId: id, code: 1 },
            { kind: "reset-stream", streamId: id, code: 1, finalSize: 0 },
          );
          id += 4;
        }
        if (i % 10 === 0) peer.wait(20, 10);
        assertBounded(server);
      }
      assert(id / 4 > 200, "the limit grew");
    },
  },
  {
    name: "every stream stopped again and again",
    expected: null,
    act(peer, server) {
      peer.acknowledges = false;
      for (let round = 0; round < 30; round++) {
        for (let id = 0; id < 4 * 128; id += 4) {
          peer.send({ kind: "stop-sending", streamId: id, code: round });
        }
        assertBounded(server);
      }
    },
  },
  {
    name: "a key update with every packet",
    expected: null,
    act(peer, server) {
      const before = server.connection.stats().failedOpens;
      for (let i = 0; i < 200; i++) {
        const bytes = peer.packet(framesOf({ kind: "ping" }));
        bytes[0] = bytes[0]! ^ 0x04;
        peer.deliver(bytes);
      }
      assertEquals(server.connection.stats().failedOpens - before, 200);
    },
  },
  {
    name: "packets from a hundred spoofed addresses draw three times their bytes at most",
    expected: null,
    act(peer) {
      // Gaps make long acknowledgements, which must not travel in a challenge.
      for (let i = 0; i < 120; i++) peer.deliver(peer.packet(PING, { packetNumber: 10 + 3 * i }));
      peer.wait(500, 10);
      peer.takeSent();
      for (let i = 0; i < 100; i++) {
        const victim = { hostname: `203.0.113.${i + 1}`, port: 9 };
        const bytes = peer.packet(framesOf({ kind: "ping" }));
        peer.deliver(bytes, victim);
        peer.wait(50, 10);
        const out = peer.takeSent().filter(({ to }) => to.hostname === victim.hostname);
        assert(sum(out.map((datagram) => datagram.bytes.length)) <= 3 * bytes.length, `${i}`);
      }
    },
  },
  // ── Too little ─────────────────────────────────────────────────────────────────────────────────
  {
    name: "a request of one byte every ten seconds ends after a minute; the connection does not",
    expected: null,
    act(peer, server) {
      let offset = 0;
      for (let second = 0; second < 90; second++) {
        if (second % 10 === 0) peer.send(streamFrame(0, offset++, one));
        else peer.send({ kind: "ping" });
        peer.wait(1000, 200);
        const hasEnded = peer.frames.some(({ kind }) => kind === "stop-sending");
        assert(second < 50 ? !hasEnded : second < 80 || hasEnded, `after ${second} s: ${hasEnded}`);
      }
      assert(server.connection.streams.count <= 1);
    },
  },
  {
    name: "a download that is acknowledged and never given credit ends after a minute",
    expected: null,
    creditBytes: 100_000,
    act(peer, server) {
      server.onStream = "send";
      server.sendBytes = 32 << 20;
      peer.send(streamFrame(0, 0, one, { isFin: true }));
      for (let second = 0; second < 100; second++) {
        peer.send({ kind: "ping" });
        peer.wait(1000, 100);
        assertBounded(server);
      }
      assert(peer.frames.some(({ kind }) => kind === "reset-stream"));
      assert(server.endpoint.takenMemoryBytes < 16 << 20);
    },
  },
  {
    name: "a client that talks and never acknowledges is given up after a minute and a half",
    expected: "timed-out",
    act(peer, server) {
      peer.acknowledges = false;
      server.onStream = "send";
      peer.send(streamFrame(0, 0, one));
      for (let second = 0; second < 100 && server.isConnected; second++) {
        peer.send({ kind: "ping" });
        peer.wait(1000, 100);
        assertBounded(server);
      }
    },
  },
  {
    name: "a hundred requests whose answers nobody takes",
    expected: null,
    act(peer, server) {
      server.onStream = "send";
      server.sendBytes = 4 << 20;
      for (let id = 0; id < 400; id += 4) {
        peer.send(streamFrame(id, 0, one, { isFin: true }));
        if (id % 40 === 0) peer.wait(50, 10);
      }
      peer.wait(5000, 100);
      assertBounded(server);
    },
  },
  {
    name: "large buffers left behind in many streams",
    expected: null,
    act(peer, server) {
      const piece = new Uint8Array(16 << 10);
      const end = 2 << 20;
      for (let stream = 0; stream < 40; stream++) {
        const send = (offset: number) => {
          peer.send(streamFrame(4 * stream, offset, piece));
          if (offset % (128 << 10) === 0) peer.wait(2, 1);
        };
        // Backwards at first, so that all of it must be held before anything can be read.
        for (let offset = end - piece.length; offset > 0; offset -= piece.length) send(offset);
        send(0);
        peer.wait(50, 10);
        assertBounded(server);
      }
      assert(server.connection.streams.count === 40);
    },
  },
  // ── Somebody on the path ───────────────────────────────────────────────────────────────────────
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
];

for (const { name, expected, config, creditBytes, act } of MISBEHAVIOURS) {
  Deno.test(`a hostile client: ${name}`, () => {
    const server = new HonestSide("server", config === undefined ? {} : { config });
    const peer = new RawPeer(server, "client");
    if (creditBytes !== undefined) {
      peer.parameters = { ...peer.parameters, initialMaxDataBytes: creditBytes };
    }
    if (expected !== "none") peer.connect();
    const connection = expected === "none" ? null : server.connection;
    act(peer, server);
    if (connection !== null) {
      const end = server.ends.get(connection);
      const seen = end === undefined ? null : end.reason.split(":")[0] || end.kind;
      assertEquals(seen, expected);
    }
    assertBounded(server);
    server.onStream = "read";
    assertServes(server, peer.nowMs);
    assertLeavesNothing(peer, server);
  });
}

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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function assertFewBytesOut(peer: RawPeer, receivedBytes: number): void {
  const sentBytes = sum(peer.takeSent().map(({ bytes }) => bytes.length));
  assert(sentBytes <= receivedBytes, `${sentBytes} bytes out for ${receivedBytes} in`);
}

/** Nothing that a peer can fill is larger than it may be. */
function assertBounded(server: HonestSide): void {
  for (const connection of server.endpoint.connections) {
    assert(connection.pendingFrames <= MAX_PENDING_FRAMES, `${connection.pendingFrames} frames`);
    const { heldBytes, count } = connection.streams;
    assert(heldBytes <= MAX_HELD_BYTES, `${heldBytes} bytes are held`);
    assert(count <= 128, `${count} streams`);
    assertEquals(connection.events.length, 0);
  }
  assert(server.endpoint.halfOpenCount <= 256);
}

/** An honest client comes, is served, and goes. */
function assertServes(server: HonestSide, nowMs: number): void {
  const honest = new RawPeer(server, "client");
  honest.nowMs = nowMs + 1;
  honest.address = { hostname: "198.18.0.1", port: 50_000 };
  honest.connect();
  honest.send(streamFrame(0, 0, new Uint8Array(1000), { isFin: true }));
  honest.wait(100, 10);
  assert(server.readBytes.get(0)! >= 1000);
  assert(
    honest.frames.some((frame) => frame.kind === "stream" && frame.isFin),
    "the honest client gets the end of its stream",
  );
  honest.send({ kind: "connection-close", isApplication: true, code: 0, reason: "" });
}

/** When everybody has gone, nothing is left of them. */
function assertLeavesNothing(peer: RawPeer, server: HonestSide): void {
  peer.acknowledges = false;
  peer.wait(130_000, 1000);
  assertEquals(server.endpoint.connectionCount, 0);
  assertEquals(server.endpoint.halfOpenCount, 0);
  assertEquals(server.endpoint.takenMemoryBytes, 0);
}
