import { assert, assertEquals, assertFalse } from "@std/assert";
import { type Clock, systemClock } from "../../lib/driver/clock.ts";
import { openPortProbe, type PortProbe } from "../../lib/driver/port_probe.ts";

const IS_LINUX = Deno.build.os === "linux";
const NEVER = new AbortController().signal;

/** Time that passes at once: on loopback the answer is there before the question is sent. */
const INSTANT: Clock = {
  ...systemClock,
  sleep: () => ({ done: systemClock.yieldTurn(), cancel: () => {} }),
};

function probe(): PortProbe {
  const probe = openPortProbe(INSTANT);
  assert(probe !== null);
  return probe;
}

/** null on a machine without that address. */
function openSocket(hostname: string): Deno.DatagramConn | null {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  } catch {
    return null;
  }
}

/** Not 127.0.0.1: there the port may get a new owner before it is asked. */
const LOOPBACK = ["127.0.77.1", "::1"];

for (const hostname of LOOPBACK) {
  Deno.test(`PortProbe.isClosed() is told that a port of ${hostname} is closed, and only then`, async () => {
    if (!IS_LINUX) return;
    const socket = openSocket(hostname);
    if (socket === null) return;
    const address = { hostname, port: (socket.addr as Deno.NetAddr).port };
    try {
      assertFalse(await probe().isClosed(address, NEVER), "somebody has it");
      const [question] = await socket.receive();
      assertEquals(question.length, 1, "too short for any packet");
    } finally {
      socket.close();
    }
    assert(await probe().isClosed(address, NEVER), "nobody has it");
  });
}

Deno.test("PortProbe.isClosed() knows nothing of an address that it cannot reach or read", async () => {
  if (!IS_LINUX) return;
  // connect() refuses a broadcast.
  assertFalse(await probe().isClosed({ hostname: "255.255.255.255", port: 9 }, NEVER));
  assertFalse(await probe().isClosed({ hostname: "fe80::1%nowhere", port: 9 }, NEVER));
});

Deno.test("PortProbe.isClosed() ends when it is told to", async () => {
  if (!IS_LINUX) return;
  const socket = openSocket("127.0.0.1")!;
  const { port } = socket.addr as Deno.NetAddr;
  const stop = new AbortController();
  const sleeps: PromiseWithResolvers<void>[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: () => {
      const sleep = Promise.withResolvers<void>();
      sleeps.push(sleep);
      return { done: sleep.promise, cancel: () => sleep.resolve() };
    },
  };
  const asking = openPortProbe(clock)!.isClosed({ hostname: "127.0.0.1", port }, stop.signal);
  assertEquals(sleeps.length, 1);
  stop.abort();
  assertFalse(await asking);
  assertEquals(sleeps.length, 1);
  assertFalse(await probe().isClosed({ hostname: "127.0.0.1", port }, stop.signal));
  socket.close();
});

const ROUNDS = 50;

/** Other tests of this process open and close descriptors meanwhile: a process of its own counts. */
const COUNTING = `
import { systemClock } from ${JSON.stringify(import.meta.resolve("../../lib/driver/clock.ts"))};
import { openPortProbe } from ${
  JSON.stringify(import.meta.resolve("../../lib/driver/port_probe.ts"))
};
const clock = { ...systemClock, sleep: () => ({ done: systemClock.yieldTurn(), cancel() {} }) };
const probe = openPortProbe(clock);
const { signal } = new AbortController();
const countOpen = () => [...Deno.readDirSync("/proc/self/fd")].length;
const ask = async () => {
  const answers = [];
  for (const address of JSON.parse(Deno.args[0])) {
    answers.push(await probe.isClosed(address, signal));
  }
  return answers;
};
const answers = await ask();
const before = countOpen();
for (let round = 0; round < ${ROUNDS}; round++) await ask();
console.log(JSON.stringify({ answers, left: countOpen() - before }));
`;

Deno.test("PortProbe.isClosed() leaves no descriptor behind", async () => {
  if (!IS_LINUX) return;
  const socket = openSocket("127.0.0.1")!;
  const { port } = socket.addr as Deno.NetAddr;
  const addresses = [
    { hostname: "127.0.0.1", port },
    { hostname: "127.0.77.1", port: 9 },
    { hostname: "255.255.255.255", port },
  ];
  const counting = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=ts", COUNTING, JSON.stringify(addresses)],
  });
  const { stdout, stderr } = await counting.output();
  const decoder = new TextDecoder();
  const { answers, left } = JSON.parse(decoder.decode(stdout) || "{}");
  assertEquals(answers, [false, true, false], decoder.decode(stderr));
  // Deno opens a few of its own, at times of its own.
  assert(left < ROUNDS / 2, `${left} descriptors are left of ${ROUNDS} questions of each kind`);
  socket.close();
});
