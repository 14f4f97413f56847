/** Sealing, opening and key updates between two ends, packets in any order. RFC 9001 §6. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { nodeAeadProvider, type SuiteName, TAG_BYTES } from "../../lib/crypto/mod.ts";
import { PacketProtection } from "../../lib/transport/packet_protection.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import {
  SHORT_HEADER_BYTES,
  shortFirstByte,
  writeShortHeader,
} from "../../lib/wire/packet_header.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";
import { fastAead, KeyWatch } from "../simulation/watchful_aead.ts";

const LATER = false;
const ID = new ConnectionId(1, 2);

interface Packet {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** The newest packet that its sender had opened: what an ACK in it would say. */
  readonly acknowledges: number;
}

/** One end; counts its packets. */
class End {
  readonly protection: PacketProtection;
  nextNumber = 0;
  newest = -1;
  readonly opened: number[] = [];

  constructor(protection: PacketProtection) {
    this.protection = protection;
  }

  /** Seals a packet with its number as contents. */
  send(): Packet {
    const number = this.nextNumber++;
    this.protection.updateIfDue(number);
    const bytes = new Uint8Array(SHORT_HEADER_BYTES + 8 + TAG_BYTES);
    writeShortHeader(bytes, 0, {
      firstByte: shortFirstByte(this.protection.keyPhase, LATER),
      destination: ID,
      packetBytes: bytes.length,
      packetNumber: number,
    });
    new DataView(bytes.buffer).setFloat64(SHORT_HEADER_BYTES, number);
    this.protection.seal(bytes, 0, 8, number);
    return { number, bytes, acknowledges: this.newest };
  }

  /** Opens a copy of a packet; what it acknowledges is not taken note of. */
  take({ number, bytes }: Pick<Packet, "number" | "bytes">): boolean {
    const copy = bytes.slice();
    if (!this.protection.open(copy, 0, copy.length, number)) return false;
    assertEquals(new DataView(copy.buffer).getFloat64(SHORT_HEADER_BYTES), number);
    this.opened.push(number);
    this.newest = Math.max(this.newest, number);
    return true;
  }
}

function pair(
  updateAfterPackets: number,
  options?: { suite?: SuiteName; violations?: string[]; leastPacketsPerUpdate?: number },
): [End, End] {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const violations = options?.violations;
  const provider = violations === undefined
    ? nodeAeadProvider
    : new KeyWatch((message) => void violations.push(message)).watch(fastAead);
  const suite = options?.suite ?? "aes-128-gcm";
  const { leastPacketsPerUpdate = 0 } = options ?? {};
  const updates = { updateAfterPackets, leastPacketsPerUpdate };
  const end = (sendSecret: Uint8Array, receiveSecret: Uint8Array) =>
    new End(
      new PacketProtection(provider, { suite, sendSecret, receiveSecret }, updates),
    );
  return [end(a, b), end(b, a)];
}

Deno.test("what one end seals the other opens, and nobody else, with every suite", () => {
  for (const suite of ["aes-128-gcm", "chacha20-poly1305"] as const) {
    const [client, server] = pair(1e6, { suite });
    const packet = client.send();
    // Our own packet reflected to us does not open: each direction has its key.
    assertFalse(client.take(packet));
    assert(server.take(packet));
    const [stranger] = pair(1e6, { suite });
    assertFalse(stranger.take(packet));
    assertEquals([client.protection.failedOpens, server.protection.failedOpens], [1, 0]);
    for (const end of [client, server, stranger]) end.protection.destroy();
  }
});

Deno.test("a changed bit anywhere, or another packet number, does not open", () => {
  const [client, server] = pair(1e6);
  const { bytes } = client.send();
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.slice();
    changed[i]! ^= 1 << (i % 8);
    assertFalse(server.take({ number: 0, bytes: changed }), `byte ${i}`);
  }
  assertFalse(server.take({ number: 1, bytes }));
  assert(server.take({ number: 0, bytes }));
});

Deno.test("a packet without room for a tag does not open", () => {
  const [, server] = pair(1e6);
  for (let size = 0; size < SHORT_HEADER_BYTES + TAG_BYTES; size++) {
    assertFalse(server.protection.open(new Uint8Array(100), 0, size, 0));
  }
});

Deno.test("a key update needs the acknowledgement of the one before", () => {
  const [client, server] = pair(3);
  const phases: number[] = [];
  for (let i = 0; i < 12; i++) {
    server.take(client.send());
    phases.push(client.protection.keyPhase);
    if (i === 8) client.protection.onPacketAcked(8);
  }
  assertEquals(phases, [0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
  assertEquals(server.opened.length, 12);
});

Deno.test("the other end answers a key update with its own", () => {
  const [client, server] = pair(3);
  for (let i = 0; i < 4; i++) server.take(client.send());
  assertEquals([client.protection.keyPhase, server.protection.keyPhase], [1, 1]);
  assert(client.take(server.send()));
});

Deno.test("after answering an update the next one waits until the answer has arrived", () => {
  const [client, server] = pair(3);
  for (let i = 0; i < 4; i++) server.take(client.send());
  const held = Array.from({ length: 8 }, () => server.send());
  assertEquals(server.protection.keyPhase, 1);
  for (const packet of held.reverse()) assert(client.take(packet));
  server.protection.onPacketAcked(7);
  server.send();
  assertEquals(server.protection.keyPhase, 0);
});

Deno.test("packets from before an update still open when it has overtaken them", () => {
  const [client, server] = pair(3);
  const packets = Array.from({ length: 6 }, () => client.send());
  for (const n of [0, 3, 5, 1, 4, 2]) assert(server.take(packets[n]!), `packet ${n}`);
});

Deno.test("a forged packet with the next phase's bit changes nothing", () => {
  const [client, server] = pair(1e6);
  for (let i = 0; i < 3; i++) server.take(client.send());
  const forged = client.send();
  forged.bytes[0]! ^= 0x04;
  assertFalse(server.take(forged));
  assertEquals(server.protection.keyPhase, 0);
  assert(server.take(client.send()));
});

Deno.test("both ends update at once without losing each other", () => {
  const [client, server] = pair(3);
  const fromClient = Array.from({ length: 5 }, () => client.send());
  const fromServer = Array.from({ length: 5 }, () => server.send());
  for (let i = 4; i >= 0; i--) {
    assert(server.take(fromClient[i]!));
    assert(client.take(fromServer[i]!));
  }
  assert(server.take(client.send()) && client.take(server.send()));
});

Deno.test("updates every few packets survive loss, reordering and lost acknowledgements", () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededRandom(seed, "updates");
    const violations: string[] = [];
    const [client, server] = pair(random.integer(1, 6), { violations });
    const wires: { from: End; to: End; flight: Packet[] }[] = [
      { from: client, to: server, flight: [] },
      { from: server, to: client, flight: [] },
    ];
    for (let step = 0; step < 600; step++) {
      const { from, to, flight } = random.pick(wires);
      flight.push(from.send());
      while (flight.length > random.below(6)) {
        // Neighbours overtake each other; a quarter is lost.
        const packet = flight.splice(random.below(Math.min(3, flight.length)), 1)[0]!;
        if (random.chance(0.25)) continue;
        // Only what is two updates old may fail; it counts as lost.
        if (!to.take(packet) || packet.acknowledges < 0) continue;
        to.protection.onPacketAcked(packet.acknowledges);
      }
    }
    assertEquals(violations, [], `SEED=${seed}`);
    for (const end of [client, server]) {
      assert(end.opened.length > 150, `SEED=${seed} opened ${end.opened.length}`);
      assert(Math.max(...end.opened) > 200, `SEED=${seed}`);
    }
    assert(server.take(client.send()) && client.take(server.send()), `SEED=${seed} fell apart`);
  }
});

Deno.test("a peer that updates its key with every packet is not followed", () => {
  const [client, server] = pair(1, { leastPacketsPerUpdate: 100 });
  for (let n = 0; n < 300; n++) {
    server.take(client.send());
    client.protection.onPacketAcked(n); // it says so to itself
  }
  assertEquals(server.opened, [0]);
  assertEquals(server.protection.keyPhase, 0);
});

Deno.test("a peer that follows an update of ours need not have sent much", () => {
  const [client, server] = pair(200, { leastPacketsPerUpdate: 100 });
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 200; n++) assert(server.take(client.send()));
    const first = client.nextNumber;
    assert(server.take(client.send()));
    // The only packet of the server in this phase.
    assert(client.take(server.send()), `round ${round}`);
    client.protection.onPacketAcked(first);
    server.protection.onPacketAcked(server.nextNumber - 1);
  }
  assertEquals(client.protection.failedOpens + server.protection.failedOpens, 0);
});
