/**
 * What a server without manners, or somebody in its name, can do to a client, one row each. After every
 * row the client can connect to an honest server, and holds nothing that grows.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LONG_HEADER_BYTES, VERSION } from "../../lib/wire/packet_header.ts";
import type { TransportParameters } from "../../lib/wire/transport_parameters.ts";
import { RawPeer, streamFrame } from "./raw_peer.ts";
import { HonestSide, SERVER, Wire } from "./rig.ts";

interface Misbehaviour {
  /** What the server does. */
  readonly name: string;
  /** How the attempt or the connection ends; null when there is a connection in the end. */
  readonly expected: string | null;
  readonly parameters?: Partial<TransportParameters>;
  /** Does it; the client has sent its INITIAL. */
  act(peer: RawPeer, client: HonestSide): void;
}

const one = Uint8Array.of(1);
const OTHER_VERSION = Uint8Array.of(9, 9, 9, 9);
const OUR_VERSION = Uint8Array.of(VERSION >>> 24, VERSION >>> 16, VERSION >>> 8, VERSION);

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  {
    name: "a REPLY of garbage, and then the genuine one",
    expected: null,
    act(peer) {
      for (let i = 0; i < 50; i++) {
        peer.deliver(peer.longAnswer("reply", new Uint8Array(100).fill(i)));
      }
      peer.accept();
    },
  },
  {
    name: "nothing but REPLYs of garbage",
    expected: "handshake-failed",
    act(peer) {
      for (let second = 0; second < 11; second++) {
        peer.deliver(peer.longAnswer("reply", new Uint8Array(second * 10)));
        peer.wait(1000, 50);
      }
      assert(peer.takeSent().length < 30);
    },
  },
  {
    name: "a REPLY with one bit changed on the way",
    expected: "handshake-failed",
    act(peer) {
      peer.accept((reply) => {
        const changed = reply.slice();
        changed[60] = changed[60]! ^ 1;
        return changed;
      });
      peer.wait(11_000, 50);
    },
  },
  {
    name: "a cipher suite that was not offered",
    expected: "handshake-failed",
    parameters: { suites: ["aes-128-gcm"] },
    act(peer) {
      // It answers as a server that only knows another suite would, and is not able to.
      let failed = false;
      try {
        peer.accept();
      } catch {
        failed = true;
      }
      assert(failed);
      peer.deliver(peer.longAnswer("reply", new Uint8Array(50)));
      peer.wait(11_000, 50);
    },
  },
  {
    name: "a refusal in the server's name, and then the genuine REPLY",
    expected: null,
    act(peer) {
      peer.deliver(peer.longAnswer("refusal", Uint8Array.of(2)));
      peer.wait(100, 10);
      peer.accept();
    },
  },
  {
    name: "a list of other versions in the server's name, and then the genuine REPLY",
    expected: null,
    act(peer) {
      peer.deliver(peer.longAnswer("version-negotiation", OTHER_VERSION, 0));
      peer.wait(100, 10);
      peer.accept();
    },
  },
  {
    name: "a refusal and nothing else is believed after a moment",
    expected: "refused",
    act(peer, client) {
      peer.deliver(peer.longAnswer("refusal", Uint8Array.of(1)));
      peer.wait(200, 10);
      assertEquals(client.endpoint.events.length, 0);
      peer.wait(300, 10);
    },
  },
  {
    name: "a list of other versions and nothing else is believed after a moment",
    expected: "version-mismatch",
    act(peer) {
      peer.deliver(peer.longAnswer("version-negotiation", OTHER_VERSION, 0));
      peer.wait(500, 10);
    },
  },
  {
    name: "a list with our version in it is not believed",
    expected: "unreachable",
    act(peer) {
      peer.deliver(peer.longAnswer("version-negotiation", OUR_VERSION, 0));
      peer.wait(11_000, 50);
    },
  },
  {
    name: "hints from another address are not believed",
    expected: null,
    act(peer) {
      const elsewhere = { hostname: "203.0.113.5", port: 5555 };
      peer.deliver(peer.longAnswer("refusal", Uint8Array.of(1)), elsewhere);
      peer.deliver(peer.longAnswer("version-negotiation", OTHER_VERSION, 0), elsewhere);
      peer.deliver(peer.longAnswer("retry", new Uint8Array(29)), elsewhere);
      peer.wait(2000, 50);
      assertEquals(peer.initialSeen()[LONG_HEADER_BYTES + 1], 0);
      peer.accept();
    },
  },
  {
    name: "hints for another connection ID are not believed",
    expected: null,
    act(peer) {
      for (const type of ["refusal", "version-negotiation", "retry"] as const) {
        const bytes = peer.longAnswer(type, new Uint8Array(29));
        bytes[5] = bytes[5]! ^ 1;
        peer.deliver(bytes);
      }
      peer.wait(2000, 50);
      peer.accept();
    },
  },
  {
    name: "RETRY after RETRY is followed three times",
    expected: "unreachable",
    act(peer) {
      peer.takeSent();
      for (let i = 0; i < 100; i++) {
        peer.deliver(peer.longAnswer("retry", new Uint8Array(29).fill(i)));
      }
      assertEquals(peer.takeSent().length, 3);
      peer.wait(11_000, 50);
    },
  },
  {
    name: "a forged RETRY does not keep the genuine REPLY out",
    expected: null,
    act(peer, client) {
      const before = peer.answer();
      peer.deliver(peer.longAnswer("retry", new Uint8Array(29).fill(3)));
      peer.deliver(before.reply);
      assert(client.isConnected);
    },
  },
  {
    name: "a RETRY without a token, or with one of a kilobyte",
    expected: null,
    act(peer) {
      peer.takeSent();
      peer.deliver(peer.longAnswer("retry", new Uint8Array(0)));
      peer.deliver(peer.longAnswer("retry", new Uint8Array(1100)));
      assertEquals(peer.takeSent().length, 0);
      peer.accept();
    },
  },
  {
    name: "an INITIAL sent to the client",
    expected: null,
    act(peer) {
      peer.takeSent();
      peer.deliver(peer.initial().initial);
      assertEquals(peer.takeSent().length, 0);
      peer.accept();
    },
  },
  {
    name: "a REPLY twice",
    expected: null,
    act(peer, client) {
      const reply = peer.accept();
      peer.deliver(reply);
      assertEquals(client.endpoint.connectionCount, 1);
    },
  },
  {
    name: "no word after the REPLY",
    expected: "timed-out",
    act(peer) {
      peer.acknowledges = false;
      peer.accept();
      peer.takeSent();
      peer.wait(150_000, 100);
      // The FINISH and a probe every 0.4 s for the silence timeout.
      assert(peer.takeSent().length < 500);
    },
  },
  {
    name: "bytes on streams that the client did not open",
    expected: "STREAM_STATE_ERROR",
    act(peer) {
      peer.accept();
      peer.send(streamFrame(0, 0, one));
    },
  },
  {
    name: "more streams than the client allows",
    expected: "STREAM_LIMIT_ERROR",
    act(peer) {
      peer.accept();
      peer.send(streamFrame(4 * 128 + 1, 0, one));
    },
  },
  {
    name: "streams of its own, never read by anybody",
    expected: null,
    act(peer, client) {
      client.onStream = "ignore";
      peer.accept();
      for (let id = 1; id < 4 * 128; id += 4) peer.send(streamFrame(id, 0, new Uint8Array(1000)));
      peer.wait(90_000, 1000);
      assert(client.connection.streams.heldBytes < 1 << 20);
    },
  },
  {
    name: "no credit at all",
    expected: null,
    parameters: { initialMaxDataBytes: 0, initialMaxStreamDataBytes: 0, initialMaxStreams: 1 },
    act(peer, client) {
      peer.accept();
      const { connection } = client;
      const stream = connection.streams.open()!;
      assertEquals(connection.streams.open(), null);
      let written = 0;
      for (let i = 0; i < 1000; i++) {
        written += connection.streams.write(stream, new Uint8Array(100_000));
        client.endpoint.wake(connection);
        peer.wait(10, 10);
      }
      assert(written <= 1 << 20, `${written} bytes were taken in`);
      assert(connection.streams.heldBytes <= 2 << 20);
    },
  },
  {
    name: "every stream stopped, reset and acknowledged at once",
    expected: null,
    act(peer, client) {
      peer.accept();
      for (let i = 0; i < 100; i++) {
        const stream = client.connection.streams.open()!;
        client.connection.streams.write(stream, new Uint8Array(1000));
        client.endpoint.wake(client.connection);
        peer.send(
          { kind: "stop-sending", streamId: stream.id, code: 1 },
          { kind: "reset-stream", streamId: stream.id, code: 1, finalSize: 0 },
        );
        peer.wait(10, 5);
      }
      assert(client.connection.streams.count <= 1);
      assert(client.connection.pendingFrames < 10);
    },
  },
  {
    name: "HANDSHAKE_DONE without end",
    expected: null,
    act(peer) {
      peer.accept();
      for (let i = 0; i < 500; i++) peer.send({ kind: "handshake-done" });
    },
  },
  {
    name: "numbers as large as they can be",
    expected: null,
    parameters: {
      maxIdleTimeoutMs: Number.MAX_SAFE_INTEGER,
      maxUdpPayloadBytes: Number.MAX_SAFE_INTEGER,
      initialMaxDataBytes: Number.MAX_SAFE_INTEGER,
      initialMaxStreamDataBytes: Number.MAX_SAFE_INTEGER,
      initialMaxStreams: Number.MAX_SAFE_INTEGER,
      receiveBufferBytes: Number.MAX_SAFE_INTEGER,
    },
    act(peer) {
      peer.accept();
      const limit = Number.MAX_SAFE_INTEGER;
      peer.send({ kind: "max-data", limit }, { kind: "max-streams", limit }, {
        kind: "ack-frequency",
        sequence: limit,
        packetThreshold: limit,
        maxAckDelayUs: limit,
      });
    },
  },
  {
    name: "numbers as small as they can be",
    expected: null,
    parameters: { maxIdleTimeoutMs: 0, maxUdpPayloadBytes: 1200, receiveBufferBytes: 0 },
    act(peer) {
      peer.accept();
      peer.send({ kind: "ack-frequency", sequence: 0, packetThreshold: 0, maxAckDelayUs: 0 });
      peer.wait(5000, 50);
    },
  },
  {
    name: "packets from another address, which the client must not follow",
    expected: null,
    act(peer, client) {
      peer.accept();
      const bytes = peer.packet(new Uint8Array([1]));
      peer.deliver(bytes, { hostname: "203.0.113.5", port: 1 });
      peer.wait(1000, 10);
      assertEquals(client.connection.address, SERVER);
    },
  },
];

for (const { name, expected, parameters, act } of MISBEHAVIOURS) {
  Deno.test(`a hostile server: ${name}`, () => {
    const client = new HonestSide("client");
    const peer = new RawPeer(client, "server");
    peer.parameters = { ...peer.parameters, ...parameters };
    client.endpoint.connect(SERVER, { method: 0, psk: new Uint8Array(32) }, peer.nowMs);
    peer.collect();
    act(peer, client);
    assertEquals(outcomeOf(client), expected);
    for (const connection of client.endpoint.connections) {
      connection.close(0, "", peer.nowMs);
      client.endpoint.wake(connection);
    }
    peer.acknowledges = false;
    peer.wait(30_000, 500);
    assertEquals(client.endpoint.connectionCount, 0);
    assertEquals(client.endpoint.takenMemoryBytes, 0);
    assertConnects(client, peer.nowMs);
  });
}

/** How the client's connection, or its attempt, came out. */
function outcomeOf(client: HonestSide): string | null {
  for (const end of client.ends.values()) return end.reason.split(":")[0] || end.kind;
  for (const event of client.endpoint.events) {
    if (event.kind === "failed") return event.end.kind;
  }
  return client.isConnected ? null : "nothing";
}

/** The same endpoint connects to a server that behaves. */
function assertConnects(client: HonestSide, nowMs: number): void {
  const peer = new RawPeer(client, "server");
  peer.nowMs = nowMs;
  client.endpoint.connect(SERVER, { method: 0, psk: new Uint8Array(32) }, nowMs);
  peer.collect();
  peer.accept();
  assert(client.isConnected);
}

Deno.test("two honest sides connect while every INITIAL is asked for a token", () => {
  const wire = new Wire();
  const stranger = new RawPeer(wire.server, "client");
  for (let i = 0; i < 100; i++) {
    const from = { hostname: `198.51.100.${i}`, port: 5 };
    wire.server.receive(stranger.initial().initial.slice(), from, wire.nowMs);
  }
  wire.connect();
  assert(wire.client.isConnected && wire.server.isConnected);
  assert(wire.server.endpoint.handshakeCounters!.retries > 0);
  assertEquals(wire.server.connection.address, wire.client.address);
});
