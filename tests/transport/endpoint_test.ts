/** What an endpoint answers to strangers, and what it makes of answers. RFC 9000 §5, §6, §8. */
import { assert, assertEquals } from "@std/assert";
import { createIdentity } from "../../lib/crypto/mod.ts";
import { ClientHandshake, METHOD_NONE } from "../../lib/transport/handshake.ts";
import {
  type Address,
  createTransmitBatch,
  DEFAULT_TRANSPORT_CONFIG,
  Endpoint,
  type TransportConfig,
} from "../../lib/transport/mod.ts";
import { ConnectionId, writeU32 } from "../../lib/wire/connection_id.ts";
import {
  isBareHeader,
  isShortHeader,
  LONG_HEADER_BYTES,
  readLongHeader,
  VERSION,
  writeLongHeader,
} from "../../lib/wire/packet_header.ts";
import { seededEntropy, SeededRandom } from "../simulation/seeded_entropy.ts";
import { fastAead } from "../simulation/watchful_aead.ts";
import { PEER_PARAMETERS } from "../support/peer_parameters.ts";

const CLIENT: Address = { hostname: "192.0.2.1", port: 40_000 };
const SERVER: Address = { hostname: "10.0.0.1", port: 5555 };

function endpoint(
  role: "client" | "server",
  { name = role, config = {} }: { name?: string; config?: Partial<TransportConfig> } = {},
): Endpoint {
  const entropy = seededEntropy(1, name);
  return new Endpoint({
    config: { ...DEFAULT_TRANSPORT_CONFIG, ...config },
    identity: createIdentity(entropy),
    entropy,
    random: () => 0.5,
    suites: ["aes-128-gcm"],
    aead: fastAead,
    receiveBufferBytes: 1 << 20,
    maxDatagramBytes: () => 1472,
    pskFor: role === "server"
      ? (method) => method === METHOD_NONE ? new Uint8Array(32) : null
      : null,
    isDedicated: role === "client",
  });
}

function initial(options?: { method?: number; psk?: Uint8Array }): Uint8Array {
  return new ClientHandshake({
    identity: createIdentity(seededEntropy(5, "identity")),
    entropy: seededEntropy(5, "client"),
    parameters: PEER_PARAMETERS,
    method: options?.method ?? METHOD_NONE,
    psk: options?.psk ?? new Uint8Array(32),
    token: new Uint8Array(0),
  }).initial;
}

/** Everything the endpoint wants to send now. */
function sent(from: Endpoint, nowMs: number): { bytes: Uint8Array; to: Address }[] {
  const batch = createTransmitBatch();
  const packets = [];
  while (from.pollTransmit(batch, nowMs)) {
    packets.push({ bytes: batch.buffer.slice(0, batch.length), to: { ...batch.address } });
  }
  return packets;
}

function answersTo(
  datagram: Uint8Array,
  from: Address = CLIENT,
): { bytes: Uint8Array; to: Address }[] {
  const server = endpoint("server");
  server.handleDatagram(datagram.slice(), from, 1000);
  return sent(server, 1000);
}

Deno.test("an INITIAL of an unknown version is answered with the versions there are", () => {
  const unknown = initial();
  writeU32(unknown, 1, 0x0a0a0a0a);
  const [answer, ...more] = answersTo(unknown);
  assertEquals(more, []);
  const header = readLongHeader(answer!.bytes, 0)!;
  assertEquals([header.type, header.version], ["version-negotiation", 0]);
  assert(header.destination.equals(ConnectionId.read(unknown, 13)));
  assertEquals(answer!.to, CLIENT);
  const list = answer!.bytes.subarray(LONG_HEADER_BYTES);
  assertEquals(new DataView(list.buffer, list.byteOffset).getUint32(0), VERSION);
});

Deno.test("an INITIAL shorter than 1200 bytes is not answered", () => {
  const bytes = initial();
  for (const length of [1199, 600, 100]) {
    const short = bytes.slice(0, length);
    short[21] = length >> 8;
    short[22] = length;
    assertEquals(answersTo(short), []);
  }
  assertEquals(answersTo(bytes).length, 1);
});

Deno.test("an unknown method and a wrong secret are refused in a few bytes", () => {
  for (const bytes of [initial({ method: 99 }), initial({ psk: new Uint8Array(32).fill(1) })]) {
    const [answer] = answersTo(bytes);
    assertEquals(readLongHeader(answer!.bytes, 0)!.type, "refusal");
    assert(answer!.bytes.length < 40);
  }
});

Deno.test("nobody is answered who cannot have asked", () => {
  for (const hostname of ["224.0.0.1", "255.255.255.255", "::", "ff02::1", "0.0.0.0"]) {
    assertEquals(answersTo(initial(), { hostname, port: 5 }), []);
  }
  assertEquals(answersTo(initial(), { ...CLIENT, port: 0 }), []);
});

Deno.test("answers are not answered, and neither are packets for unknown connections", () => {
  const reply = answersTo(initial())[0]!.bytes;
  assertEquals(answersTo(reply), []);
  for (const type of ["reply", "finish", "retry", "version-negotiation", "refusal"] as const) {
    const bytes = new Uint8Array(1300);
    const id = new ConnectionId(1, 2);
    writeLongHeader(bytes, 0, {
      type,
      version: VERSION,
      destination: id,
      source: id,
      packetBytes: 1300,
    });
    assertEquals(answersTo(bytes), [], type);
  }
  const short = new Uint8Array(100);
  short[0] = 0x40;
  short[10] = 100;
  assertEquals(answersTo(short), []);
});

Deno.test("a program that accepts nobody stays silent", () => {
  const client = endpoint("client");
  client.handleDatagram(initial(), CLIENT, 0);
  assertEquals(sent(client, 0), []);
});

Deno.test("a client believes a version list when nothing better comes", () => {
  const client = endpoint("client");
  client.connect(SERVER, { method: METHOD_NONE, psk: new Uint8Array(32) }, 0);
  const [first] = sent(client, 0);
  const unknown = first!.bytes;
  writeU32(unknown, 1, 77);
  const answer = answersTo(unknown)[0]!.bytes;
  const foreign = answer.slice();
  writeU32(foreign, LONG_HEADER_BYTES, 78);
  client.handleDatagram(foreign, SERVER, 10);
  client.handleTimeout(client.nextDeadlineMs());
  for (let i = 0; i < 10 && client.events.length === 0; i++) {
    const nowMs = client.nextDeadlineMs();
    client.handleTimeout(nowMs);
    sent(client, nowMs);
  }
  const [event] = client.events;
  assert(event?.kind === "failed");
  assertEquals(event.end.kind, "version-mismatch");
});

Deno.test("a list that holds our version is a lie and changes nothing", () => {
  const client = endpoint("client");
  client.connect(SERVER, { method: METHOD_NONE, psk: new Uint8Array(32) }, 0);
  const [first] = sent(client, 0);
  const genuine = first!.bytes.slice();
  writeU32(first!.bytes, 1, 77);
  client.handleDatagram(answersTo(first!.bytes)[0]!.bytes, SERVER, 10);
  client.handleDatagram(answersTo(genuine)[0]!.bytes, SERVER, 20);
  assertEquals(client.events.map(({ kind }) => kind), ["connected"]);
});

Deno.test("a server is heard at a link-local address, which is reported without its zone", () => {
  const client = endpoint("client");
  const proof = { method: 99, psk: new Uint8Array(32) };
  client.connect({ hostname: "fe80::1%eth0", port: 5555 }, proof, 0);
  const [answer] = answersTo(sent(client, 0)[0]!.bytes);
  client.handleDatagram(answer!.bytes, { hostname: "fe80::1", port: 5555 }, 10);
  for (let nowMs = 10; nowMs < 2000 && client.events.length === 0; nowMs += 10) {
    client.handleTimeout(nowMs);
  }
  const [failed] = client.events;
  assert(failed?.kind === "failed");
  assertEquals(failed.end.kind, "refused");
});

Deno.test("several packets in one datagram are each taken", () => {
  const server = endpoint("server");
  const random = new SeededRandom(1);
  const one = initial();
  const other = initial();
  other.set(random.bytes(8), 13);
  const datagram = new Uint8Array(2400);
  datagram.set(one);
  datagram.set(other, 1200);
  server.handleDatagram(datagram, CLIENT, 0);
  assertEquals(sent(server, 0).length, 2);
});

Deno.test("an attempt over a network that carries no INITIAL ends at once; a refused MTU probe ends none", () => {
  const client = endpoint("client");
  client.connect(SERVER, { method: METHOD_NONE, psk: new Uint8Array(32) }, 0);
  const [first] = sent(client, 0);
  client.onSendFailed("too-big", { address: SERVER, segmentBytes: 1472 }, 1);
  assertEquals(client.events, []);
  client.onSendFailed("too-big", { address: SERVER, segmentBytes: first!.bytes.length }, 1);
  const [failed] = client.events;
  assert(failed?.kind === "failed");
  assertEquals(failed.end.kind, "path-too-narrow");
});

Deno.test("packets to a client's own socket carry no connection ID, and a server takes none without", () => {
  const server = endpoint("server");
  const client = endpoint("client");
  client.connect(SERVER, { method: METHOD_NONE, psk: new Uint8Array(32) }, 1000);
  const shortOnes: Record<"client" | "server", Uint8Array[]> = { client: [], server: [] };
  for (let turn = 0; turn < 5; turn++) {
    for (
      const [name, from, to] of [["client", client, server], ["server", server, client]] as const
    ) {
      for (const { bytes } of sent(from, 1000)) {
        if (isShortHeader(bytes[0]!)) shortOnes[name].push(bytes.slice());
        to.handleDatagram(bytes, name === "client" ? CLIENT : SERVER, 1000);
      }
    }
  }
  assertEquals([server.connectionCount, client.connectionCount], [1, 1]);
  assert(shortOnes.server.length > 0 && shortOnes.client.length > 0);
  assert(shortOnes.server.every((bytes) => isBareHeader(bytes[0]!)));
  assert(shortOnes.client.every((bytes) => !isBareHeader(bytes[0]!)));
  const dropped = server.droppedPackets;
  server.handleDatagram(shortOnes.server[0]!, CLIENT, 1000);
  assertEquals(server.droppedPackets, dropped + 1);
});

Deno.test("a client whose FINISH finds the server full is told so, and only there", () => {
  const server = endpoint("server", { config: { maxConnections: 1 } });
  const names = ["one", "other"];
  const clients = names.map((name) => endpoint("client", { name }));
  const addresses = names.map((_, index): Address => ({ ...CLIENT, port: CLIENT.port + index }));
  const deliver = (index: number, nowMs: number): number => {
    let bytesIn = 0;
    for (const { bytes } of sent(clients[index]!, nowMs)) {
      bytesIn += bytes.length;
      server.handleDatagram(bytes, addresses[index]!, nowMs);
    }
    return bytesIn;
  };
  for (const [index, client] of clients.entries()) {
    client.connect(SERVER, { method: METHOD_NONE, psk: new Uint8Array(32) }, 0);
    deliver(index, 0);
  }
  assertEquals(server.halfOpenCount, 2);
  for (const { bytes, to } of sent(server, 10)) {
    clients[to.port - CLIENT.port]!.handleDatagram(bytes, SERVER, 10);
  }
  deliver(0, 20);
  sent(server, 20);
  const memoryBytes = server.takenMemoryBytes;
  const bytesIn = deliver(1, 30);
  const answers = sent(server, 30).filter(({ to }) => to.port === addresses[1]!.port);
  assert(answers.length > 0);
  assert(answers.reduce((total, { bytes }) => total + bytes.length, 0) <= bytesIn);
  clients[1]!.handleDatagram(answers[0]!.bytes, SERVER, 40);
  const [connected] = clients[1]!.events;
  assert(connected?.kind === "connected");
  assertEquals(connected.connection.end?.kind, "refused");
  assertEquals([server.connectionCount, server.halfOpenCount], [1, 0]);
  assertEquals([server.events.length, server.takenMemoryBytes], [1, memoryBytes]);
});
