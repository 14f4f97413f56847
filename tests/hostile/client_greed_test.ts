/**
 * A client that does too much or too little of what is allowed.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { assertBounded, assertFewBytesOut, sum, testMisbehaviours } from "./hostile_client.ts";
import { framesOf, streamFrame } from "./raw_peer.ts";

const one = Uint8Array.of(1);
const PING = framesOf({ kind: "ping" });

testMisbehaviours([
  // ── Too much ───────────────────────────────────────────────────────────────────────────────────
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
]);
