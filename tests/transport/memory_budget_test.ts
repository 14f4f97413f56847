import { assert, assertEquals } from "@std/assert";
import { createConnectionParts } from "../../lib/transport/connection_parts.ts";
import { ConnectionFlowControl } from "../../lib/transport/flow_control.ts";
import { EndpointMemory, MemoryBudget } from "../../lib/transport/memory_budget.ts";
import { DEFAULT_TRANSPORT_CONFIG } from "../../lib/transport/mod.ts";
import { RawPeer, streamFrame } from "../hostile/raw_peer.ts";
import { HonestSide } from "../hostile/rig.ts";
import { bareConnectionOptions } from "./bare_connection.ts";

Deno.test("MemoryBudget never grants more than it has, nor all of it to one", () => {
  const budget = new MemoryBudget(1000);
  assertEquals(budget.take(100), 100);
  assertEquals(budget.take(5000), 225);
  for (let i = 0; i < 100; i++) budget.take(5000);
  assert(budget.takenBytes <= 1000);
  assertEquals(budget.take(5000), 0);
});

Deno.test("MemoryBudget has again what is given back", () => {
  const budget = new MemoryBudget(1000);
  const granted = budget.take(200);
  budget.giveBack(granted);
  assertEquals(budget.takenBytes, 0);
  assertEquals(new MemoryBudget(Infinity).take(1e12), 1e12);
});

Deno.test("newcomers leave half of a MemoryBudget to those who turn out to need it", () => {
  const budget = new MemoryBudget(3200);
  assertEquals(budget.newcomersBytes, 100);
  for (let i = 0; i < 1000; i++) budget.take(budget.newcomersBytes);
  assert(budget.takenBytes <= 1600);
  assertEquals(budget.take(400), 400);
  assertEquals(budget.newcomersBytes, 0);
  assertEquals(new MemoryBudget(Infinity).newcomersBytes, Infinity);
});

Deno.test("after a thousand idle connections one still gets the room that a long path wants", () => {
  const { config } = bareConnectionOptions({ omitsConnectionId: true });
  const memory = new EndpointMemory(config.maxSharedMemoryBytes);
  const connect = () =>
    createConnectionParts({ ...bareConnectionOptions({ omitsConnectionId: true }), memory })
      .streams;
  for (let i = 0; i < 1000; i++) connect();

  const streams = connect();
  const entry = streams.open()!;
  const flightBytes = 8 << 20;
  streams.onFlight(flightBytes);
  streams.onRate(100e6);
  const bytes = new Uint8Array(1 << 20);
  let keptBytes = 0;
  for (let i = 0; i < 100; i++) {
    keptBytes += streams.write(entry, bytes);
    entry.send.onMaxStreamData(keptBytes);
    while (entry.send.nextChunk(1 << 20, Infinity) !== null);
  }
  assert(keptBytes >= 3 * flightBytes, `${keptBytes} bytes are kept for sending`);

  const { receiveWindow } = new ConnectionFlowControl(
    config.baseWindowBytes,
    96 << 20,
    memory.incoming,
  );
  const arrivedBytes = [0, 0.1, 1, 5, 12].map((megabytes) => megabytes * 1e6);
  arrivedBytes.forEach((end, round) =>
    receiveWindow.onReceived(end, { nowMs: 80 * round, rttMs: 80 })
  );
  assert(receiveWindow.windowBytes > 6 * 6e6, `the window is ${receiveWindow.windowBytes} bytes`);
});

Deno.test("two hundred clients that fill their windows hold no more than the shared memory", () => {
  const server = new HonestSide("server", {
    config: { maxSharedMemoryBytes: 16 << 20, maxConnectionsPerSource: 1000 },
  });
  server.onStream = "ignore";
  for (let i = 0; i < 200; i++) {
    const peer = new RawPeer(server, "client");
    peer.nowMs = 1000 + 10 * i;
    peer.address = { hostname: `198.51.100.${i}`, port: 9 };
    peer.connect();
    peer.wait(5, 5);
    peer.send(streamFrame(0, Math.min(lastLimit(peer), 4 << 20) - 1, Uint8Array.of(1)));
  }
  let held = 0;
  for (const connection of server.endpoint.connections) held += connection.streams.heldBytes;
  assertEquals(server.endpoint.connectionCount, 200);
  assert(server.endpoint.takenMemoryBytes <= 16 << 20);
  const base = 200 * DEFAULT_TRANSPORT_CONFIG.baseWindowBytes;
  // A buffer's size is a power of two: up to twice of what it must hold.
  assert(held <= 2 * (base + (16 << 20)), `${held} bytes are held`);
});

Deno.test("a connection that has done its work holds little", () => {
  const server = new HonestSide("server");
  server.onStream = "send";
  server.sendBytes = 3 << 20;
  const peer = new RawPeer(server, "client");
  peer.connect();
  peer.send(streamFrame(0, 0, Uint8Array.of(1)));
  peer.wait(20_000, 5);
  const { connection } = server;
  assert(connection.stats().deliveredBytes > 3 << 20);
  assert(connection.streams.heldBytes <= 4096, "the request, which nobody has read");
  assert(connection.pendingFrames < 4);
});

Deno.test("strangers have no part of the shared memory before they are let in", () => {
  const server = new HonestSide("server", { config: { letsInAtOnce: false } });
  const strangers = Array.from({ length: 64 }, (_, i) => {
    const peer = new RawPeer(server, "client");
    peer.nowMs = 1000 + 10 * i;
    peer.address = { hostname: "198.51.100.7", port: 1000 + i };
    peer.connect();
    peer.wait(5, 5);
    return peer;
  });
  const { baseWindowBytes, initialWindowBytes } = DEFAULT_TRANSPORT_CONFIG;
  const [peer] = strangers;
  peer!.nowMs = 2000;
  for (let offset = 0; offset < 4 * baseWindowBytes; offset += 1000) {
    peer!.send(streamFrame(0, offset, new Uint8Array(1000)));
    peer!.wait(5, 5);
  }
  assert(server.readBytes.get(0)! >= 4 * baseWindowBytes, "it is read all the same");
  assertEquals(server.endpoint.takenMemoryBytes, 0);
  assert(lastLimit(peer!) - server.readBytes.get(0)! <= baseWindowBytes);

  const [connection] = [...server.endpoint.connections];
  connection!.streams.letIn();
  server.endpoint.wake(connection!);
  peer!.wait(5, 5);
  assert(lastLimit(peer!) - server.readBytes.get(0)! > initialWindowBytes - baseWindowBytes);
  assertEquals(server.endpoint.takenMemoryBytes, initialWindowBytes - baseWindowBytes);
  connection!.close(0, "", peer!.nowMs);
  assertEquals(server.endpoint.takenMemoryBytes, 0);
});

function lastLimit({ frames }: RawPeer): number {
  const credit = frames.findLast((frame) => frame.kind === "max-data");
  return credit?.kind === "max-data" ? credit.limit : DEFAULT_TRANSPORT_CONFIG.baseWindowBytes;
}
