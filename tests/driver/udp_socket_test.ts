import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Address,
  type DatagramSocket,
  SocketError,
} from "../../lib/driver/datagram_socket.ts";
import { openUdpSocket, UdpSocket } from "../../lib/driver/udp_socket.ts";
import { FakeConnection, FakeTuning, packet } from "./fake_connection.ts";

const LOOPBACKS = canBind("::1") ? ["127.0.0.1", "::1"] : ["127.0.0.1"];

for (const hostname of LOOPBACKS) {
  for (const ffi of [false, true]) {
    const setting = `${hostname}, ${ffi ? "tuned" : "plain"}`;

    Deno.test(`two sockets exchange datagrams (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const buffer = new Uint8Array(65_536);
      for (let round = 1; round <= 20; round++) {
        assertEquals(await left.send(packet(round, 100), 1200, right.address), "sent");
        const question = await right.receive(buffer);
        assert(question !== null);
        assertEquals(question.bytes, packet(round, 100));
        assertEquals(question.from, left.address);
        assertEquals(await right.send(packet(round, 1200), 1200, question.from), "sent");
        const reply = await left.receive(buffer);
        assertEquals(reply?.bytes, packet(round, 1200));
      }
    });

    Deno.test(`a batch arrives as the packets it was made of (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const packets = [...Array(30).keys()].map((index) => packet(index + 1, 1452));
      packets.push(packet(31, 17));
      assertEquals(await left.send(concat(packets), 1452, right.address), "sent");
      assertEquals(await receivePackets(right, packets.length), packets);
    });

    Deno.test(`more packets than one send carries still arrive (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const packets = [...Array(130).keys()].map((index) => packet(index + 1, 64));
      assertEquals(await left.send(concat(packets), 64, right.address), "sent");
      assertEquals(await receivePackets(right, packets.length), packets);
    });

    Deno.test(`packets of any length may follow a batch (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const batches = [
        [packet(1, 1200), packet(2, 1200), packet(3, 300)],
        [packet(4, 9000)],
        [packet(5, 40)],
        [packet(6, 1452), packet(7, 1452)],
        [packet(8, 1453)],
        [packet(9, 1200), packet(10, 1200)],
      ];
      for (const batch of batches) {
        const { length } = batch[0]!;
        assertEquals(await left.send(concat(batch), length, right.address), "sent");
        assertEquals(await receivePackets(right, batch.length), batch);
      }
    });

    Deno.test(`sends that overlap do not mix their packet lengths (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const batches = [300, 700, 500, 1100].map((length, index) =>
        [1, 2, 3].map((number) => packet(10 * index + number, length))
      );
      const outcomes = await Promise.all(
        batches.map((batch) => left.send(concat(batch), batch[0]!.length, right.address)),
      );
      assertEquals(outcomes, ["sent", "sent", "sent", "sent"]);
      const arrived = await receivePackets(right, 12);
      const byFirstByte = (a: Uint8Array, b: Uint8Array) => a[2]! - b[2]!;
      assertEquals(arrived.sort(byFirstByte), batches.flat().sort(byFirstByte));
    });

    Deno.test(`close() ends a receive that waits (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left } = pair;
      const waiting = left.receive(new Uint8Array(65_536));
      left.close();
      left.close();
      assertEquals(await waiting, null);
      assertEquals(await left.receive(new Uint8Array(65_536)), null);
      assertEquals(await left.send(packet(1, 50), 50, { hostname, port: 9 }), "lost");
      assertEquals(left.waitReadable(0), undefined);
    });

    Deno.test(`turn() lets a datagram in that has arrived (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const lengths: number[] = [];
      const reading = readLengths(right, lengths);
      for (let round = 1; round <= 50; round++) {
        await left.send(packet(1, 100 + round), 1200, right.address);
        // With nothing but setImmediate it takes up to 61 turns; without FFI turn() looks every 0.1 ms only.
        let turns = 0;
        while (lengths.length < round && turns++ < 61) await right.turn();
        if (right.capabilities.receiveOffload) assert(turns <= 3, `${turns} turns`);
        assertEquals(lengths.at(-1), 100 + round);
      }
      right.close();
      await reading;
      assertEquals(lengths.length, 50, "what turn() sends to the socket itself stays inside");
    });

    Deno.test(`turn() ends without a reader and after close() (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      await left.send(packet(1, 10), 1200, right.address);
      for (let i = 0; i < 100; i++) await right.turn();
      await right.turn(1);
      const received = await right.receive(new Uint8Array(65_536));
      assertEquals(received?.bytes, packet(1, 10));
      right.close();
      await right.turn(1);
    });

    Deno.test(`receiveArrived() takes what has arrived, in order (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const lengths: number[] = [];
      const senders = new Set<string>();
      const take = (bytes: Uint8Array, from: Address): void => {
        lengths.push(bytes.length);
        senders.add(`${from.hostname} ${from.port}`);
      };
      assertEquals(right.receiveArrived(take), 0);
      for (let i = 1; i <= 70; i++) await left.send(packet(1, 100 + i), 1200, right.address);
      while (right.receiveArrived(take) > 0) { /* the next batch */ }
      if (!right.capabilities.receiveOffload) return assertEquals(lengths, []);
      assertEquals(lengths, [...Array(70).keys()].map((i) => 101 + i));
      assertEquals([...senders], [`${left.address.hostname} ${left.address.port}`]);
      right.close();
      assertEquals(right.receiveArrived(take), 0);
    });

    Deno.test(`a datagram above the UDP limit is too big (${setting})`, async () => {
      using pair = socketPair(hostname, ffi);
      const { left, right } = pair;
      const outcome = await left.send(new Uint8Array(65_536), 65_536, right.address);
      assertEquals(outcome, "too-big");
    });
  }
}

Deno.test("a socket for both families shows IPv4 peers as such and reaches them", async () => {
  if (!LOOPBACKS.includes("::1")) return;
  for (const hostname of LOOPBACKS) {
    using server = closing(openUdpSocket({ hostname: "::", port: 0, ffi: true }));
    using client = closing(openUdpSocket({ hostname, port: 0, ffi: false }));
    const buffer = new Uint8Array(65_536);
    await client.send(packet(1, 100), 1200, { hostname, port: server.address.port });
    if (server.capabilities.receiveOffload) {
      await client.send(packet(1, 100), 1200, { hostname, port: server.address.port });
      server.receiveArrived((_bytes, from) => assertEquals(from, client.address));
    }
    await client.send(packet(1, 100), 1200, { hostname, port: server.address.port });
    const received = await server.receive(buffer);
    assert(received !== null);
    assertEquals(received.from, client.address);
    assertEquals(await server.send(packet(2, 100), 1200, received.from), "sent");
    assertEquals((await client.receive(buffer))?.bytes, packet(2, 100));
  }
});

Deno.test("an address of the other family is refused", async () => {
  using socket = closing(openUdpSocket({ hostname: "127.0.0.1", port: 0, ffi: true }));
  const to = { hostname: "2001:db8::1", port: 5555 };
  assertEquals(await socket.send(packet(1, 50), 1200, to), "refused");
});

Deno.test("a port that cannot be sent to is refused", async () => {
  using socket = closing(openUdpSocket({ hostname: "127.0.0.1", port: 0, ffi: false }));
  for (const port of [0, -1, 65_536, 70_000, 1.5, NaN]) {
    const to = { hostname: "127.0.0.1", port };
    assertEquals(await socket.send(packet(1, 50), 1200, to), "refused", String(port));
  }
});

Deno.test("wrong arguments throw", async () => {
  using socket = closing(openUdpSocket({ hostname: "127.0.0.1", port: 0, ffi: false }));
  await assertRejects(() => socket.receive(new Uint8Array(65_535)), RangeError, "65536");
  await assertRejects(() => socket.send(packet(1, 50), 0, socket.address), RangeError);
  await assertRejects(() => socket.send(packet(1, 50), NaN, socket.address), RangeError);
  const name = { hostname: "localhost", port: 5555 };
  await assertRejects(() => socket.send(packet(1, 50), 1200, name), TypeError, "localhost");
});

Deno.test("a taken port and a foreign address are told apart", () => {
  using first = closing(openUdpSocket({ hostname: "127.0.0.1", port: 0, ffi: false }));
  const { port } = first.address;
  const taken = assertThrows(
    () => openUdpSocket({ hostname: "127.0.0.1", port, ffi: true }),
    SocketError,
    `Cannot open UDP port "127.0.0.1:${port}": another program is using it`,
  );
  assertEquals(taken.kind, "address-in-use");
  const foreign = assertThrows(
    () => openUdpSocket({ hostname: "192.0.2.1", port: 0, ffi: false }),
    SocketError,
    'Cannot open UDP port "192.0.2.1:0": no interface',
  );
  assertEquals(foreign.kind, "address-not-available");
});

Deno.test("without the API or the permission the error says what to do", async () => {
  const module = import.meta.resolve("../../lib/driver/udp_socket.ts");
  const program = `import { openUdpSocket } from ${JSON.stringify(module)};
    try { openUdpSocket({ hostname: "127.0.0.1", port: 0, ffi: true }); }
    catch (error) { console.log(error.kind, error.message); }`;
  const unavailable = await runDeno(["--no-config", "--allow-net"], program);
  assert(unavailable.startsWith("unavailable "), unavailable);
  assert(unavailable.includes("--unstable-net"), unavailable);
  const notAllowed = await runDeno(["--no-config", "--unstable-net"], program);
  assert(notAllowed.startsWith("not-allowed "), notAllowed);
  assert(notAllowed.includes("--allow-net"), notAllowed);
});

Deno.test("a socket works with the net permission alone", async () => {
  const module = import.meta.resolve("../../lib/driver/udp_socket.ts");
  const program = `import { openUdpSocket } from ${JSON.stringify(module)};
    const socket = openUdpSocket({ hostname: "127.0.0.1", port: 0, ffi: true });
    console.log(await socket.send(new Uint8Array(3000), 1000, socket.address));
    for (let i = 0; i < 3; i++) console.log((await socket.receive(new Uint8Array(65536))).bytes.length);
    console.log(socket.capabilities.segmentationOffload, socket.waitReadable(0));
    socket.close();`;
  const output = await runDeno(["--no-config", "--unstable-net", "--allow-net=127.0.0.1"], program);
  assertEquals(output.trim().split("\n"), ["sent", "1000", "1000", "1000", "false undefined"]);
});

Deno.test("failing receives are counted and repeated, even many in a row", async () => {
  const connection = new FakeConnection(() => null);
  connection.failures = 250;
  const socket = new UdpSocket(connection, null);
  const received = await socket.receive(new Uint8Array(65_536));
  assertEquals(received?.bytes.length, 3);
  assertEquals(socket.counters.receiveErrors, 250);
});

Deno.test("a socket tells what has failed and what it has given up", async () => {
  const tuning = new FakeTuning();
  const to = { hostname: "198.51.100.7", port: 4000 };
  let code = "EPERM";
  const socket = new UdpSocket(
    new FakeConnection(() => tuning.segmentBytes > 0 || code === "EPERM" ? code : null),
    tuning,
  );
  const { capabilities, counters } = socket;
  assertEquals(await socket.send(packet(1, 2500), 1000, to), "lost");
  assertEquals([capabilities.segmentationOffload, counters.sendErrors], [true, 1]);
  code = "EIO";
  assertEquals(await socket.send(packet(1, 2500), 1000, to), "sent");
  assertEquals([capabilities.segmentationOffload, counters.sendErrors], [false, 1]);
});

Deno.test("receive() ends when the connection was closed by somebody else", async () => {
  const connection = new FakeConnection(() => null);
  connection.close();
  const socket = new UdpSocket(connection, null);
  assertEquals(await socket.receive(new Uint8Array(65_536)), null);
});

Deno.test("a socket that cannot reach itself still turns", async () => {
  const connection = new FakeConnection(() => "EINVAL");
  const socket = new UdpSocket(connection, null);
  connection.isSilent = true;
  const waiting = socket.receive(new Uint8Array(65_536));
  for (let i = 0; i < 10; i++) await socket.turn();
  assertEquals(connection.attempts, 1);
  assertEquals(socket.counters.sendErrors, 0);
  connection.isSilent = false;
  connection.speak();
  assertEquals((await waiting)?.bytes.length, 3);
});

function concat(packets: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(packets.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const one of packets) {
    bytes.set(one, offset);
    offset += one.length;
  }
  return bytes;
}

/** Receives until `count` packets are there, walking coalesced ones by their length. */
async function receivePackets(socket: DatagramSocket, count: number): Promise<Uint8Array[]> {
  const buffer = new Uint8Array(65_536);
  const packets: Uint8Array[] = [];
  while (packets.length < count) {
    const received = await socket.receive(buffer);
    assert(received !== null);
    for (let { bytes } = received; bytes.length > 0;) {
      const length = bytes[0]! << 8 | bytes[1]!;
      packets.push(bytes.slice(0, length));
      bytes = bytes.subarray(length);
    }
  }
  return packets;
}

/** Notes the length of whatever arrives until the socket is closed. */
async function readLengths(socket: DatagramSocket, lengths: number[]): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const received = await socket.receive(buffer);
    if (received === null) return;
    lengths.push(received.bytes.length);
  }
}

function closing(socket: DatagramSocket): DatagramSocket & Disposable {
  return Object.assign(socket, { [Symbol.dispose]: () => socket.close() });
}

function socketPair(hostname: string, ffi: boolean) {
  const left = openUdpSocket({ hostname, port: 0, ffi });
  const right = openUdpSocket({ hostname, port: 0, ffi });
  return {
    left,
    right,
    [Symbol.dispose]: () => {
      left.close();
      right.close();
    },
  };
}

function canBind(hostname: string): boolean {
  try {
    openUdpSocket({ hostname, port: 0, ffi: false }).close();
    return true;
  } catch {
    return false;
  }
}

/** Runs a program given as text under exactly these flags and returns what it prints. */
async function runDeno(flags: readonly string[], program: string): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, "data:text/javascript," + encodeURIComponent(program)],
    stdin: "null",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  });
  const { stdout } = await command.output();
  return new TextDecoder().decode(stdout);
}
