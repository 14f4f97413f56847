/**
 * Frames of a client that break a rule: each ends the connection with the right code.
 *
 * @module
 */
import { assertBounded, testMisbehaviours } from "./hostile_client.ts";
import { ackFrame, streamFrame } from "./raw_peer.ts";

const one = Uint8Array.of(1);

testMisbehaviours([
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
]);
