/** Streams of whole connections: credit, limits, and how each comes to its end. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { connectPair } from "./endpoint_pair.ts";
import { bytesOf } from "./scene.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

Deno.test("a reader that does not read stops the writer at the window, and reading starts it again", () => {
  const net = new SimulatedNetwork({ seed: 5 });
  const window = { initialStreamWindowBytes: 50_000, maxStreamWindowBytes: 50_000 };
  const { client, server } = connectPair(net, { server: window });
  server.isReading = false;
  const stream = client.openStream().write(bytesOf(400_000)).finish();
  net.runFor(5000);
  assertEquals(stream.entry.send.sentEnd, 50_000);
  server.isReading = true;
  server.host.pump();
  net.runFor(5000);
  assertEquals(server.receivedBytes, 400_000);
});

Deno.test("a thousand streams pass through a limit of four, one after another", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 1, lossRate: 0.01 } });
  const { client, server, violations } = connectPair(net, { server: { maxStreams: 4 } });
  let opened = 0;
  while (opened < 1000) {
    while (opened < 1000) {
      const entry = client.live.streams.open();
      if (entry === null) break;
      client.wrap(entry).write(Uint8Array.of(opened)).finish();
      opened++;
    }
    for (const entry of server.accepted.splice(0)) server.wrap(entry).finish();
    net.runFor(20);
    assertLess(net.clock.nowMs, 1e6);
  }
  net.runFor(5000);
  for (const entry of server.accepted.splice(0)) server.wrap(entry).finish();
  net.runFor(5000);
  assertEquals(server.receivedBytes, 1000);
  assertEquals([client.live.streams.count, server.live.streams.count], [0, 0]);
  assertEquals(violations, []);
});

Deno.test("streams that are opened and abandoned wait within the limit while none is accepted", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 1 } });
  const { client, server, violations } = connectPair(net, { server: { maxStreams: 8 } });
  server.isAccepting = false;
  let opened = 0;
  const abandonMany = (): void => {
    for (let round = 0; round < 100; round++) {
      client.act(({ streams }) => {
        for (let entry = streams.open(); entry !== null; entry = streams.open()) {
          opened++;
          streams.reset(entry, 1);
          streams.stop(entry, 1);
        }
      });
      net.runFor(20);
    }
  };
  abandonMany();
  assertEquals([opened, server.accepted.length], [8, 8]);
  server.act(({ streams }) => {
    for (const entry of server.accepted) streams.accept(entry);
  });
  abandonMany();
  assertEquals([opened, server.accepted.length], [16, 16]);
  assertEquals([client.live.streams.count, server.live.streams.count], [0, 0]);
  assertEquals(violations, []);
});

Deno.test("every stream that is over is reported closed, once, on both sides", () => {
  const net = new SimulatedNetwork({ seed: 5, link: { latencyMs: 1 } });
  const { client, server } = connectPair(net);
  const [ended, answered, cut] = Array.from({ length: 3 }, () => client.openStream());
  ended!.write(bytesOf(100)).finish();
  answered!.write(bytesOf(100)).finish();
  cut!.write(bytesOf(100));
  net.runFor(500);
  server.wrap(server.accepted[0]!).finish();
  server.wrap(server.accepted[1]!).write(bytesOf(300_000)).finish();
  client.act(({ streams }) => {
    streams.reset(cut!.entry, 1);
    streams.stop(cut!.entry, 1);
  });
  net.runFor(5000);
  for (const side of [client, server]) {
    const closed = side.seen.flatMap((event) =>
      event.kind === "stream-closed" ? [event.stream.id] : []
    );
    assertEquals(closed.sort((a, b) => a - b), [0, 4, 8]);
  }
});

Deno.test("a stream is forgotten when its end comes alone and last", () => {
  const net = new SimulatedNetwork({ seed: 5 });
  const { client, server } = connectPair(net);
  const stream = client.openStream().write(bytesOf(100));
  net.runFor(200);
  server.wrap(server.accepted[0]!).write(bytesOf(50)).finish();
  net.runFor(200);
  stream.finish();
  net.runFor(500);
  assertEquals(server.ended, [0]);
  assertEquals([client.live.streams.count, server.live.streams.count], [0, 0]);
});

Deno.test("a reset and a stop that are lost are said again", () => {
  for (const kind of ["reset", "stop"] as const) {
    const net = new SimulatedNetwork({ seed: 5 });
    const { client, server } = connectPair(net);
    const stream = client.openStream().write(bytesOf(5000));
    net.runFor(200);
    const accepted = server.accepted[0]!;
    net.addFault({
      fromMs: net.clock.nowMs,
      untilMs: net.clock.nowMs + 300,
      conditions: { lossRate: 1 },
    });
    if (kind === "reset") client.act(({ streams }) => streams.reset(stream.entry, 42));
    else server.act((connection) => connection.stop(accepted, 42, net.clock.nowMs));
    net.runFor(3000);
    const code = kind === "reset" ? accepted.peerResetCode : stream.entry.peerStopCode;
    assertEquals(code, 42, kind);
    assert(stream.entry.send.isDone, kind);
  }
});
