import { assert, assertEquals, assertFalse } from "@std/assert";
import { isFfiGranted } from "../../lib/driver/c_library.ts";
import { tuneSocket } from "../../lib/driver/socket_options.ts";

// The options differ by system; everywhere the answer must agree with what the system can do.
const IS_LINUX = Deno.build.os === "linux";

Deno.test("FFI is granted to these tests", () => {
  assert(isFfiGranted());
});

Deno.test("the right descriptor is found among neighbours", async () => {
  if (!IS_LINUX) return;
  const sockets = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((hostname) =>
    Deno.listenDatagram({ transport: "udp", hostname, port: 0 })
  );
  const { hostname, port } = sockets[1]!.addr as Deno.NetAddr;
  // Same port at another address, and the same port and address for TCP.
  const twin = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.4", port });
  const listener = Deno.listen({ hostname, port });
  const tuning = tuneSocket({ hostname, port });
  assert(tuning !== null);

  const sender = sockets[0]!;
  const ping = new Uint8Array([1]);
  await sender.send(ping, twin.addr);
  assertFalse(tuning.waitReadable(0), "the twin's datagram is not ours");
  await sender.send(ping, sockets[1]!.addr);
  assert(tuning.waitReadable(1_000_000));

  tuning.close();
  listener.close();
  for (const socket of [...sockets, twin]) socket.close();
});

Deno.test("an IPv6 socket is found by its address", async () => {
  if (!IS_LINUX) return;
  for (const hostname of ["::1", "::"]) {
    let socket: Deno.DatagramConn;
    try {
      socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    } catch {
      continue; // A machine without IPv6.
    }
    const { port } = socket.addr as Deno.NetAddr;
    const tuning = tuneSocket({ hostname, port });
    assert(tuning !== null, hostname);
    assert(tuning.dontFragment, hostname);
    await socket.send(new Uint8Array([1]), { transport: "udp", hostname: "::1", port });
    assert(tuning.waitReadable(1_000_000));
    tuning.close();
    socket.close();
  }
});

Deno.test("a datagram is sent without Deno, to either family", async () => {
  if (!IS_LINUX) return;
  const pairs = [["127.0.0.1", "127.0.0.1"], ["::1", "::1"], ["::", "::ffff:127.0.0.1"]] as const;
  for (const [bound, to] of pairs) {
    let socket: Deno.DatagramConn;
    try {
      socket = Deno.listenDatagram({ transport: "udp", hostname: bound, port: 0 });
    } catch {
      continue; // A machine without IPv6.
    }
    const { port } = socket.addr as Deno.NetAddr;
    const tuning = tuneSocket({ hostname: bound, port })!;
    const address = tuning.encodeAddress({ transport: "udp", hostname: to, port })!;
    assert(tuning.sendNow(Uint8Array.of(9, 1, 2, 3).subarray(1), address), bound);
    const [bytes, from] = await socket.receive();
    assertEquals(bytes, Uint8Array.of(1, 2, 3));
    assertEquals(from, { transport: "udp", hostname: to, port });
    assertFalse(tuning.sendNow(new Uint8Array(65_536), address), "more than a datagram holds");
    tuning.close();
    assertFalse(tuning.sendNow(bytes, address), "the descriptor may be another's by now");
    socket.close();
  }
});

Deno.test("a socket nobody has is not tuned", () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  assertEquals(tuneSocket({ hostname: "127.0.0.1", port }), null);
});

Deno.test("the receive buffer grows, and everything else ends with close()", () => {
  if (!IS_LINUX) return;
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = socket.addr as Deno.NetAddr;
  const tuning = tuneSocket({ hostname, port });
  assert(tuning !== null);
  assert(tuning.receiveBufferBytes >= 212_992, String(tuning.receiveBufferBytes));
  assertEquals(tuning.setSegmentBytes(1400), tuning.segmentationOffload);
  assertEquals(tuning.setSegmentBytes(0), tuning.segmentationOffload);
  assertFalse(tuning.waitReadable(0));
  assertFalse(tuning.waitReadable(50));
  assertFalse(tuning.waitReadable(-1), "a moment that has passed is no endless wait");
  tuning.pause(50);
  tuning.pause(-1);
  tuning.close();
  tuning.close();
  assertFalse(tuning.setSegmentBytes(1400));
  assertEquals(tuning.waitReadable(0), undefined);
  tuning.pause(50);
  socket.close();
});
