/**
 * Strangers at the port of a real server: what comes back is counted on the wire.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { createIdentity, nodeAeadProvider } from "../../lib/crypto/mod.ts";
import { connect, systemEntropy } from "../../lib/driver/mod.ts";
import { remotePathFromComponents } from "../../lib/files/mod.ts";
import { statPath } from "../../lib/operations/mod.ts";
import { Caller } from "../../lib/request/mod.ts";
import { LONG_HEADER_BYTES } from "../../lib/wire/packet_header.ts";
import { ProgramProcess, startFerryClient, startFerryServer } from "../tools/ferry_process.ts";
import { RawPeer } from "./raw_peer.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { HonestSide } from "./rig.ts";

const CONTENT = "the file of the honest\n";

/** What was sent and what came back. */
interface Tally {
  sentBytes: number;
  answers: Uint8Array[];
}

/**
 * Sends packets to a port, does something else, and collects the answers until a last, certain one has
 * come.
 */
async function provoke(
  port: number,
  packets: readonly Uint8Array[],
  afterwards: () => Promise<void> = () => Promise.resolve(),
): Promise<Tally> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const target: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const tally: Tally = { sentBytes: 0, answers: [] };
  for (const bytes of packets) {
    tally.sentBytes += await socket.send(bytes, target);
  }
  await afterwards();
  // A version that nobody knows is always answered: what was sent before it has been dealt with by then.
  const last = unknownVersion();
  tally.sentBytes += await socket.send(last, target);
  for (;;) {
    const [bytes] = await socket.receive();
    tally.answers.push(bytes.slice());
    if (bytes[0] === 0xc4) break;
  }
  socket.close();
  return tally;
}

function stranger(): RawPeer {
  return new RawPeer(new HonestSide("server"), "client");
}

function unknownVersion(): Uint8Array {
  const bytes = stranger().initial().initial.slice();
  bytes[4] = 0xee;
  return bytes;
}

Deno.test("a real server shrugs off strangers, serves its user, and ends in order", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ferry-hostile-" });
  const directory = join(folder, "client");
  const root = join(folder, "server");
  await Deno.mkdir(directory);
  await Deno.mkdir(root);
  await Deno.writeTextFile(join(root, "a.txt"), CONTENT);
  const { program, port } = await startFerryServer(root);
  try {
    const random = seededRandom(5);
    const garbage = Array.from(
      { length: 300 },
      () => Uint8Array.from({ length: 1 + Math.floor(random() * 1400) }, () => random() * 256),
    );
    // A first byte of 0xc0 would be an INITIAL, if only by chance.
    for (const bytes of garbage) if (bytes[0] === 0xc0) bytes[0] = 0xc7;
    assertEquals((await provoke(port, garbage)).answers.length, 1);

    const short = stranger().initial().initial.slice(0, 1199);
    new DataView(short.buffer).setUint16(21, 1199);
    assertEquals((await provoke(port, Array(50).fill(short))).answers.length, 1);

    const answers = [1, 2, 3, 4, 5].map((type) => {
      const bytes = stranger().initial().initial.slice();
      bytes[0] = 0xc0 | type;
      return bytes;
    });
    assertEquals((await provoke(port, answers)).answers.length, 1);

    const wrongProof = stranger().initial({ psk: new Uint8Array(32).fill(9), method: 1 }).initial;
    const refused = await provoke(port, Array(20).fill(wrongProof));
    for (const bytes of refused.answers) assert(bytes.length <= LONG_HEADER_BYTES + 4);

    const peer = stranger();
    const flood = Array.from({ length: 400 }, () => peer.initial().initial.slice());
    const fetched = async () => {
      const client = await startFerryClient(port, ["get", "a.txt"], { directory });
      assertEquals(await client.ended(), 0, await client.errorText);
    };
    const { sentBytes, answers: floodAnswers } = await provoke(port, flood, fetched);
    let answerBytes = 0;
    for (const bytes of floodAnswers) answerBytes += bytes.length;
    assert(answerBytes < sentBytes / 3, `${answerBytes} bytes for ${sentBytes}`);

    assertEquals(await Deno.readTextFile(join(directory, "a.txt")), CONTENT);
    assertEquals(await Deno.readTextFile(join(root, "a.txt")), CONTENT);
    const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
    assertEquals(names, ["a.txt"]);
  } finally {
    await program.closeInput();
    const code = await program.stop();
    await Deno.remove(folder, { recursive: true });
    assert(code === 0 || code === 143, `the server ended with ${code}`);
  }
});

Deno.test("a stranger who is let in nowhere fills no log", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ferry-hostile-" });
  const env = { XDG_CONFIG_HOME: join(folder, "config"), XDG_RUNTIME_DIR: join(folder, "run") };
  const args = ["127.0.0.1", "0", "--root", join(folder, "served"), "--json"];
  const program = new ProgramProcess("server.ts", args, { env });
  try {
    const { port } = await program.event("listening");
    const handle = await connect({
      ...{ hostname: "127.0.0.1", port: Number(port), identity: createIdentity(systemEntropy) },
      ...{ suites: ["chacha20-poly1305"], aead: nodeAeadProvider, ffi: false },
    });
    const caller = new Caller(handle);
    const path = remotePathFromComponents(Array(15).fill("a".repeat(250)));
    for (let round = 0; round < 20; round++) {
      const asked = Array.from({ length: 50 }, () => statPath(caller, path));
      for (const outcome of await Promise.allSettled(asked)) {
        assertEquals(outcome.status, "rejected");
      }
    }
    await handle.close();
  } finally {
    await program.closeInput();
    await program.stop();
    await Deno.remove(folder, { recursive: true });
  }
  const told = program.events.map(({ event }) => event);
  assertEquals(told.filter((event) => event === "connection").length, 1);
  const failures = told.filter((event) => event === "failure").length;
  assert(failures >= 90 && failures < 200, `${failures} of 1000 refusals were told`);
});
