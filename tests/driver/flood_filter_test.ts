import { assert, assertEquals } from "@std/assert";
import { FloodFilter, floodProgram } from "../../lib/driver/flood_filter.ts";
import { isFfiGranted } from "../../lib/driver/c_library.ts";
import { tuneSocket } from "../../lib/driver/socket_options.ts";

/** Runs classic BPF as the kernel does; returns whether the packet gets through. */
function passes(program: Uint8Array, payload: Uint8Array, random: number): boolean {
  const packet = new Uint8Array(8 + payload.length);
  packet.set(payload, 8);
  const view = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const code = view.getUint16(at, LITTLE_ENDIAN);
    const k = view.getUint32(at + 4, LITTLE_ENDIAN);
    const jump = (isTrue: boolean) => at += 8 * program[at + (isTrue ? 2 : 3)]!;
    if (code === 0x80) accumulator = packet.length;
    else if (code === 0x20) accumulator = random >>> 0;
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) jump(accumulator === k);
    else if (code === 0x35) jump(accumulator >= k);
    else if (code === 0x06) return k !== 0;
    else if (code === 0x30) {
      if (k >= packet.length) return false;
      accumulator = packet[k]!;
    } else throw new Error(`No such instruction: ${code}`);
  }
  throw new Error("The program has no end");
}

const LITTLE_ENDIAN = true;

function initial(tokenBytes: number): Uint8Array {
  const bytes = new Uint8Array(1200);
  bytes[0] = 0xc0;
  bytes[24] = tokenBytes;
  return bytes;
}

Deno.test("the flood filter lets one INITIAL in four through, and every one with a token", () => {
  const program = floodProgram();
  let passed = 0;
  for (let random = 0; random < 1600; random++) {
    if (passes(program, initial(0), random * 0x0101_0101)) passed++;
    assert(passes(program, initial(29), random));
  }
  assertEquals(passed, 400);
});

Deno.test("the flood filter lets everything else through, however short", () => {
  const program = floodProgram();
  for (let length = 0; length < 100; length++) {
    for (const first of [0x40, 0x44, 0xc1, 0xc2, 0xc3, 0xff]) {
      const bytes = new Uint8Array(length).fill(first, 0, 1);
      assert(passes(program, bytes, 1), `${length} bytes beginning with ${first}`);
    }
  }
});

Deno.test("FloodFilter is attached while many INITIALs come, and taken away after them", () => {
  const calls: boolean[] = [];
  const filter = new FloodFilter({
    setFilter(program) {
      calls.push(program !== null);
      return true;
    },
  });
  let count = 0;
  const runFor = (ms: number, perSecond: number) => {
    for (let t = 0; t < ms; t += 10, nowMs += 10) filter.onCount(count += perSecond / 100, nowMs);
  };
  let nowMs = 0;
  runFor(2000, 1000);
  assertEquals(calls, []);
  runFor(1000, 20_000);
  assertEquals(calls, [true]);
  runFor(3000, 20_000 / 4);
  assertEquals(calls, [true], "what gets through stands for four times as many");
  runFor(1000, 10);
  assertEquals(calls, [true, false]);
  assert(!filter.isAttached);
});

Deno.test("FloodFilter does not ask again when the system refuses", () => {
  let asked = 0;
  const filter = new FloodFilter({
    setFilter() {
      asked++;
      return false;
    },
  });
  for (let i = 0; i < 100; i++) filter.onCount(i * 10_000, i * 300);
  assertEquals(asked, 1);
});

Deno.test("the kernel takes the flood filter and gives it back", async () => {
  if (Deno.build.os !== "linux" || !isFfiGranted()) return;
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const tuning = tuneSocket(socket.addr as Deno.NetAddr);
  assert(tuning !== null);
  assert(tuning.setFilter(floodProgram()));
  const target = socket.addr as Deno.NetAddr;
  for (let i = 0; i < 64; i++) await socket.send(initial(0), target);
  await socket.send(Uint8Array.of(0x40), target);
  let received = 0;
  for (;;) {
    const [bytes] = await socket.receive();
    if (bytes.length === 1) break;
    received++;
  }
  assert(received < 48, `${received} of 64 got through`);
  assert(tuning.setFilter(null));
  await socket.send(initial(0), target);
  assertEquals((await socket.receive())[0].length, 1200);
  tuning.close();
  socket.close();
});
