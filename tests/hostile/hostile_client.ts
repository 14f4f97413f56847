/**
 * What every hostile client meets: after whatever it does the server still serves an honest one, and holds
 * nothing that grows.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TransportConfig } from "../../lib/transport/mod.ts";
import { RawPeer, streamFrame } from "./raw_peer.ts";
import { HonestSide } from "./rig.ts";

/** Frames that a connection may have waiting, whatever the peer sends: a few for each stream. */
const MAX_PENDING_FRAMES = 600;
/** Unread and unacknowledged bytes that one hostile connection may cost. */
const MAX_HELD_BYTES = 28 << 20;

/** One thing that a client does. */
export interface Misbehaviour {
  /** What the client does. */
  readonly name: string;
  /** How the server's connection must end; null when it must go on; "none" when there must be none. */
  readonly expected: string | null | "none";
  /** Settings of the server that differ. */
  readonly config?: Partial<TransportConfig>;
  /** Credit that the client gives for everything that it is sent. */
  readonly creditBytes?: number;
  /** Does it. The handshake is over unless `expected` is "none". */
  act(peer: RawPeer, server: HonestSide): void;
}

/** A test for each: the client does it, and is looked after. */
export function testMisbehaviours(misbehaviours: readonly Misbehaviour[]): void {
  for (const { name, expected, config, creditBytes, act } of misbehaviours) {
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
}

/** The sum of some numbers. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** No more bytes have come back since the last look than went there. */
export function assertFewBytesOut(peer: RawPeer, receivedBytes: number): void {
  const sentBytes = sum(peer.takeSent().map(({ bytes }) => bytes.length));
  assert(sentBytes <= receivedBytes, `${sentBytes} bytes out for ${receivedBytes} in`);
}

/** Nothing that a peer can fill is larger than it may be. */
export function assertBounded(server: HonestSide): void {
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
