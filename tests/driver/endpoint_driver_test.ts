/** How the driver takes datagrams from the socket: one by one, or collected while they come densely. */
import { assertEquals } from "@std/assert";
import { type Clock, systemClock } from "../../lib/driver/clock.ts";
import { EndpointDriver } from "../../lib/driver/endpoint_driver.ts";
import type { Address, DatagramSocket, Received } from "../../lib/driver/datagram_socket.ts";
import type { Endpoint } from "../../lib/transport/mod.ts";

const FROM: Address = { hostname: "192.0.2.1", port: 1 };
const FULL_PACKET = 1472;
const ACKNOWLEDGEMENT = 60;

Deno.test("packets that come densely are collected", async () => {
  const { log } = await drive({ alone: [FULL_PACKET], batches: [8, 17, 17, 2] });
  assertEquals(log, [
    "receive",
    "take 8",
    "pause",
    "take 17",
    "pause",
    "take 17",
    "pause",
    "take 2",
  ]);
});

Deno.test("a few packets are not waited for", async () => {
  const { log } = await drive({ alone: [FULL_PACKET, FULL_PACKET], batches: [3, 4] });
  assertEquals(log, ["receive", "take 3", "receive", "take 4"]);
});

Deno.test("acknowledgements and coalesced packets are not waited for", async () => {
  for (const length of [ACKNOWLEDGEMENT, 50_000]) {
    const { log } = await drive({ alone: [length], batches: [20], length });
    assertEquals(log.filter((step) => step === "pause"), [], `${length} bytes`);
  }
});

Deno.test("nothing is waited for while something waits for its moment to be sent", async () => {
  const { log } = await drive({ alone: [FULL_PACKET], batches: [20], pacingMs: 1e9 });
  assertEquals(log, ["receive", "take 20"]);
});

Deno.test("nothing is waited for where the system cannot take many at once", async () => {
  const { log } = await drive({
    alone: Array(20).fill(FULL_PACKET),
    batches: [],
    batchReceive: false,
  });
  assertEquals(log, Array(20).fill("receive"));
});

Deno.test("with a turn's worth received, nothing more is taken before the sending task comes", async () => {
  const { log } = await drive({
    alone: [FULL_PACKET],
    batches: [7, 70, 1],
    acknowledgedAfter: 8,
  });
  assertEquals(log, [
    ...["receive", "take 7", "pause", "take 70"],
    ...["acknowledge 8", "take 1"],
  ]);
});

Deno.test("what waits already is not waited for", async () => {
  const { log } = await drive({ alone: [FULL_PACKET], batches: [70, 70, 30, 1] });
  assertEquals(log, ["receive", "take 70", "take 70", "take 30", "pause", "take 1"]);
});

interface Script {
  /** Lengths of the datagrams that `receive()` brings, one each. */
  readonly alone: readonly number[];
  /** How many have arrived at each further look. */
  readonly batches: readonly number[];
  /** Length of those. */
  readonly length?: number;
  readonly pacingMs?: number;
  readonly batchReceive?: boolean;
  /** After how many datagrams there is something to send, which takes the socket some turns. */
  readonly acknowledgedAfter?: number;
}

/** Runs a driver until everything was received; tells what it did. */
async function drive(script: Script): Promise<{ log: string[] }> {
  const { length = FULL_PACKET, pacingMs = Infinity, batchReceive = true } = script;
  const log: string[] = [];
  let isAcknowledged = false;
  const alone = [...script.alone];
  const batches = [...script.batches];
  const allReceived = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<null>();
  let received = 0;
  let turn = 0;
  let lookTurn = -1;

  const socket = {
    capabilities: { batchReceive },
    receive: (buffer: Uint8Array): Promise<Received | null> => {
      const next = alone.shift();
      if (next === undefined) {
        if (batches.length === 0) allReceived.resolve();
        return closed.promise;
      }
      log.push("receive");
      return Promise.resolve({ bytes: buffer.subarray(0, next), from: FROM });
    },
    receiveArrived: (take: (bytes: Uint8Array, from: Address) => void): number => {
      // One batch a look: the second call of a look finds nothing more. A look that was full has no second one.
      if (log.at(-1)?.startsWith("take") && lookTurn === turn) return 0;
      lookTurn = turn;
      const count = batches.shift() ?? 0;
      if (count > 0) log.push(`take ${count}`);
      for (let i = 0; i < count; i++) take(new Uint8Array(length), FROM);
      return count;
    },
    pause: () => void log.push("pause"),
    send: async () => {
      const count = received;
      for (let turns = 0; turns < 5; turns++) await clock.yieldTurn();
      log.push(`acknowledge ${count}`);
      return "sent";
    },
    turn: () => Promise.resolve(),
    setFilter: () => false,
    close: () => closed.resolve(null),
  };
  const endpoint = {
    events: [],
    handshakeCounters: null,
    hasAnswers: false,
    handleDatagram: () => void received++,
    nextDeadlineMs: () => Infinity,
    nextPrecisePacingMs: () => pacingMs,
    receivePatienceMs: () => 0,
    pollTransmit: () => {
      if (isAcknowledged || script.acknowledgedAfter !== received) return false;
      return isAcknowledged = true;
    },
    takeEventful: () => [],
  };
  const clock: Clock = {
    nowMs: () => 0,
    sleep: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      return { done: promise, cancel: resolve };
    },
    yieldTurn: async () => {
      await systemClock.yieldTurn();
      turn++;
    },
  };
  const driver = new EndpointDriver({
    socket: socket as unknown as DatagramSocket,
    endpoint: endpoint as unknown as Endpoint,
    clock,
    listener: { onEndpointEvent: () => {}, onConnectionEvents: () => {} },
  });
  await allReceived.promise;
  await driver.close();
  return { log };
}
