import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { SocketTuning } from "../../lib/driver/socket_options.ts";
import {
  type Address,
  type DatagramSocket,
  SocketError,
} from "../../lib/driver/datagram_socket.ts";
import { type DatagramConnection, openUdpSocket, UdpSocket } from "../../lib/driver/udp_socket.ts";

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

Deno.test("the code of an error decides what became of a send", async () => {
  const outcomes: [string, string][] = [
    ["ENETUNREACH", "lost"],
    ["EHOSTUNREACH", "lost"],
    ["EPERM", "lost"],
    ["EINVAL", "lost"],
    ["ENOBUFS", "lost"],
    ["EMSGSIZE", "too-big"],
    ["EACCES", "refused"],
    ["EAFNOSUPPORT", "refused"],
  ];
  for (const [code, outcome] of outcomes) {
    const connection = new FakeConnection(() => code);
    const socket = new UdpSocket(connection, null);
    assertEquals(await socket.send(packet(1, 3000), 1000, PEER), outcome, code);
    assertEquals(connection.sent, [], code);
    assertEquals(connection.attempts, 1, "the packets after the first must not be tried");
    assertEquals(socket.counters.sendErrors, outcome === "lost" ? 1 : 0, code);
  }
});

for (const code of ["EIO", "EINVAL", "EMSGSIZE"]) {
  Deno.test(`offload is given up for good when ${code} goes away without it`, async () => {
    const tuning = new FakeTuning();
    const connection = new FakeConnection(() => tuning.segmentBytes > 0 ? code : null);
    const socket = new UdpSocket(connection, tuning);
    assert(socket.capabilities.segmentationOffload);
    assertEquals(await socket.send(packet(1, 2500), 1000, PEER), "sent");
    assertEquals(connection.sent, [1000, 1000, 500]);
    assertFalse(socket.capabilities.segmentationOffload);
    assertEquals(tuning.segmentBytes, 0);
    assertEquals(socket.counters.sendErrors, 0);

    assertEquals(await socket.send(packet(1, 2000), 1000, PEER), "sent");
    assertEquals(connection.sent, [1000, 1000, 500, 1000, 1000]);
    assertEquals(tuning.changes, [1000, 0]);
  });
}

Deno.test("offload is kept when single packets fail as well", async () => {
  for (const [code, outcome] of [["EMSGSIZE", "too-big"], ["EINVAL", "lost"]] as const) {
    const tuning = new FakeTuning();
    let isBroken = true;
    const connection = new FakeConnection(() => isBroken ? code : null);
    const socket = new UdpSocket(connection, tuning);
    assertEquals(await socket.send(packet(1, 2500), 1000, PEER), outcome);
    assert(socket.capabilities.segmentationOffload);
    isBroken = false;
    assertEquals(await socket.send(packet(1, 2500), 1000, PEER), "sent");
    assertEquals(connection.sent, [2500]);
  }
});

Deno.test("a segment size the kernel refuses ends offload before anything is sent", async () => {
  const tuning = new FakeTuning();
  tuning.refuses = true;
  const connection = new FakeConnection(() => null);
  const socket = new UdpSocket(connection, tuning);
  assertEquals(await socket.send(packet(1, 2500), 1000, PEER), "sent");
  assertEquals(connection.sent, [1000, 1000, 500]);
  assertFalse(socket.capabilities.segmentationOffload);
});

Deno.test("the segment size changes only when it must", async () => {
  const tuning = new FakeTuning();
  const connection = new FakeConnection(() => null);
  const socket = new UdpSocket(connection, tuning);
  await socket.send(packet(1, 1000), 1000, PEER); // single, offload was never on
  await socket.send(packet(1, 2500), 1000, PEER);
  await socket.send(packet(1, 2500), 1000, PEER);
  await socket.send(packet(1, 900), 1400, PEER); // fits into the segment size
  await socket.send(packet(1, 2500), 1000, PEER);
  assertEquals(tuning.changes, [1000]);
  await socket.send(packet(1, 1001), 1400, PEER); // would be cut
  assertEquals(tuning.changes, [1000, 0]);
});

Deno.test("a single packet is tried again without a stale segment size", async () => {
  const tuning = new FakeTuning();
  const connection = new FakeConnection((length) =>
    tuning.segmentBytes > 1300 && length < 1300 ? "EINVAL" : null
  );
  const socket = new UdpSocket(connection, tuning);
  await socket.send(packet(1, 2800), 1400, PEER);
  assertEquals(await socket.send(packet(1, 1200), 1200, PEER), "sent");
  assertEquals(connection.sent, [2800, 1200]);
  assert(socket.capabilities.segmentationOffload);
});

Deno.test("one send carries at most 64 packets and 65,507 bytes", async () => {
  const connection = new FakeConnection(() => null);
  const socket = new UdpSocket(connection, new FakeTuning());
  await socket.send(new Uint8Array(100 * 129), 100, PEER);
  await socket.send(new Uint8Array(1472 * 45), 1472, PEER);
  await socket.send(new Uint8Array(65_507 + 10), 65_507, PEER);
  assertEquals(connection.sent, [6400, 6400, 100, 1472 * 44, 1472, 65_507, 10]);
});

Deno.test("failing receives are counted and repeated, even many in a row", async () => {
  const connection = new FakeConnection(() => null);
  connection.failures = 250;
  const socket = new UdpSocket(connection, null);
  const received = await socket.receive(new Uint8Array(65_536));
  assertEquals(received?.bytes.length, 3);
  assertEquals(socket.counters.receiveErrors, 250);
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

Deno.test("a sender who sends again is the same object", async () => {
  const connection = new FakeConnection(() => null);
  const socket = new UdpSocket(connection, null);
  const buffer = new Uint8Array(65_536);
  const first = (await socket.receive(buffer))!.from;
  assertEquals(first, { hostname: "198.51.100.7", port: 4000 });
  assertStrictEquals((await socket.receive(buffer))!.from, first);
  connection.from = { transport: "udp", hostname: "::ffff:198.51.100.8", port: 4000 };
  assertEquals((await socket.receive(buffer))!.from, { hostname: "198.51.100.8", port: 4000 });
  assertEquals(first, { hostname: "198.51.100.7", port: 4000 });
  connection.from = { transport: "udp", hostname: "::ffff:c633:6408", port: 4001 };
  assertEquals((await socket.receive(buffer))!.from.hostname, "::ffff:c633:6408");
});

const PEER: Address = { hostname: "198.51.100.7", port: 4000 };

/** Counts what is sent; fails as told. */
class FakeConnection implements DatagramConnection {
  readonly addr: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: 5555 };
  readonly sent: number[] = [];
  attempts = 0;
  failures = 0;
  isSilent = false;
  speak: () => void = () => {};
  from: Deno.NetAddr = { transport: "udp", hostname: "::ffff:198.51.100.7", port: 4000 };
  readonly #codeFor: (length: number) => string | null;
  #closed = false;

  constructor(codeFor: (length: number) => string | null) {
    this.#codeFor = codeFor;
  }

  async send(bytes: Uint8Array): Promise<number> {
    await Promise.resolve();
    this.attempts++;
    const code = this.#codeFor(bytes.length);
    if (code !== null) throw Object.assign(new Error(`Failed with ${code}`), { code });
    this.sent.push(bytes.length);
    return bytes.length;
  }

  async receive(buffer?: Uint8Array): Promise<[Uint8Array<ArrayBuffer>, Deno.Addr]> {
    await Promise.resolve();
    if (this.#closed) throw new Deno.errors.BadResource("Closed");
    if (this.isSilent) await new Promise<void>((resolve) => this.speak = resolve);
    if (this.failures > 0) {
      this.failures--;
      throw new Deno.errors.ConnectionReset("A port was closed");
    }
    return [buffer!.subarray(0, 3) as Uint8Array<ArrayBuffer>, this.from];
  }

  close(): void {
    this.#closed = true;
  }
}

class FakeTuning implements SocketTuning {
  readonly receiveBufferBytes = 8_388_608;
  readonly dontFragment = true;
  readonly segmentationOffload = true;
  readonly receiveOffload = true;
  readonly changes: number[] = [];
  segmentBytes = 0;
  refuses = false;

  readonly batch = null;

  receiveArrived(): number {
    return 0;
  }

  setFilter(): boolean {
    return false;
  }

  setSegmentBytes(segmentBytes: number): boolean {
    if (this.refuses) return false;
    this.changes.push(segmentBytes);
    this.segmentBytes = segmentBytes;
    return true;
  }

  waitReadable(): undefined {}
  pause(): void {}

  close(): void {}
}

/** A packet that carries its own length in its first two bytes, as every packet must. */
function packet(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  new DataView(bytes.buffer).setUint16(0, length);
  return bytes;
}

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
