/**
 * A flood of forged handshakes on a virtual clock: what it costs the server, and what it costs others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { RawPeer } from "./raw_peer.ts";
import { type HonestSide, SERVER, Wire } from "./rig.ts";
import { LONG_HEADER_BYTES, readLongHeader } from "../../lib/wire/packet_header.ts";

const FLOOD_PER_SECOND = 20_000;

/** Hands `count` forged INITIALs to a server, each from another address, without a wire. */
class Flooder {
  readonly #initial: Uint8Array;
  #count = 0;

  constructor(kind: "plain" | "token" | "version", server: HonestSide) {
    this.#initial = new RawPeer(server, "client").initial().initial.slice();
    if (kind === "version") this.#initial[4] = 99;
    if (kind === "token") {
      this.#initial[LONG_HEADER_BYTES + 1] = 29;
      for (let i = 0; i < 29; i++) this.#initial[LONG_HEADER_BYTES + 2 + i] = i;
    }
  }

  send(wire: Wire, count: number): void {
    for (let i = 0; i < count; i++) {
      const n = this.#count++;
      const bytes = this.#initial.slice();
      bytes[13] = n >>> 16;
      bytes[14] = n >>> 8;
      bytes[15] = n;
      const from = {
        hostname: `198.${18 + (n & 1)}.${(n >>> 9) & 255}.${(n >>> 1) & 255}`,
        port: 9,
      };
      wire.server.endpoint.handleDatagram(bytes, from, wire.nowMs);
    }
  }
}

/** Moves a file from the server to the client under a flood; returns when it was there, ms. */
function download(kind: "plain" | "token" | "version" | null): { wire: Wire; tookMs: number } {
  const wire = new Wire();
  const sizeBytes = 8 << 20;
  wire.server.onStream = "send";
  wire.server.sendBytes = sizeBytes;
  wire.connect();
  const startMs = wire.nowMs;
  const { connection } = wire.client;
  const stream = connection.streams.open()!;
  connection.streams.write(stream, Uint8Array.of(1));
  wire.client.endpoint.wake(connection);
  const flooder = kind === null ? null : new Flooder(kind, wire.server);
  const isDone = () => wire.client.readBytes.get(0) === sizeBytes;
  while (!isDone() && wire.nowMs - startMs < 20_000) {
    flooder?.send(wire, FLOOD_PER_SECOND / 100);
    wire.run(10, isDone);
  }
  assert(isDone(), `${wire.client.readBytes.get(0)} bytes came`);
  return { wire, tookMs: wire.nowMs - startMs };
}

Deno.test("a flood of 20 000 forged handshakes a second does not slow a download", () => {
  const aloneMs = download(null).tookMs;
  for (const kind of ["plain", "token", "version"] as const) {
    const { wire, tookMs } = download(kind);
    assert(tookMs <= aloneMs / 0.8, `${kind}: ${tookMs} ms instead of ${aloneMs} ms`);
    const { unprovenBytesIn, unprovenBytesOut, handshakes, initials, replies, retries, refusals } =
      wire.server.endpoint.handshakeCounters!;
    assert(unprovenBytesOut < unprovenBytesIn / 10, "the answers are a small part of the flood");
    assert(replies + retries + refusals < 200 + (2000 + 400) * tookMs / 1000 + 64);
    assert(handshakes <= 66 + 400 * tookMs / 1000, `${handshakes} key exchanges`);
    assert(initials > 1000);
    assert(wire.server.endpoint.halfOpenCount <= 256);
    assertEquals(wire.server.endpoint.connectionCount, 1);
  }
});

Deno.test("a client connects through a flood of forged handshakes", () => {
  let connected = 0;
  for (let seed = 0; seed < 10; seed++) {
    const wire = new Wire({ delayMs: 5 + seed * 7 });
    const flooder = new Flooder("plain", wire.server);
    for (let i = 0; i < 20; i++) {
      flooder.send(wire, FLOOD_PER_SECOND / 100);
      wire.run(10);
    }
    wire.client.endpoint.connect(SERVER, { method: 0, psk: new Uint8Array(32) }, wire.nowMs);
    const isConnected = () => wire.client.isConnected && wire.server.isConnected;
    const startMs = wire.nowMs;
    while (!isConnected() && wire.nowMs - startMs < 10_000) {
      flooder.send(wire, FLOOD_PER_SECOND / 100);
      wire.run(10, isConnected);
    }
    if (isConnected()) connected++;
  }
  assert(connected >= 6, `${connected} of 10 clients connected`);
});

Deno.test("after a flood the server is as before", () => {
  const wire = new Wire();
  const flooder = new Flooder("plain", wire.server);
  for (let i = 0; i < 100; i++) {
    flooder.send(wire, 200);
    wire.run(10);
  }
  wire.run(10_000);
  assertEquals(wire.server.endpoint.halfOpenCount, 0);
  assertEquals(wire.server.endpoint.takenMemoryBytes, 0);
  const { retries } = wire.server.endpoint.handshakeCounters!;
  wire.connect();
  assertEquals(wire.server.endpoint.handshakeCounters!.retries, retries, "no token is asked for");
});

/** Sends INITIALs with a token that is good: it receives what the server sends to its one address. */
class ProvenFlooder {
  readonly #wire: Wire;
  readonly #address = { hostname: "198.51.100.7", port: 7 };
  readonly #initial: Uint8Array;
  #count = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
    const peer = new RawPeer(wire.server, "client");
    const { initial, localId } = peer.initial();
    let token: Uint8Array | null = null;
    wire.filter = ({ bytes, to }) => {
      if (to.hostname !== this.#address.hostname) return true;
      const header = readLongHeader(bytes, 0);
      const isForUs = header?.type === "retry" && header.destination.equals(localId);
      if (isForUs) token = bytes.slice(LONG_HEADER_BYTES);
      return false;
    };
    // Tokens are asked for when many handshakes are half open.
    for (let i = 0; i < 64; i++) this.#deliver(peer.initial().initial.slice());
    this.#deliver(initial.slice());
    wire.run(0);
    this.#initial = peer.initial({ token: token!, localId }).initial.slice();
  }

  send(count: number): void {
    for (let i = 0; i < count; i++) {
      const bytes = this.#initial.slice();
      // Another fresh key each time: it lies behind the token.
      new DataView(bytes.buffer).setUint32(LONG_HEADER_BYTES + 33, this.#count++);
      this.#deliver(bytes);
    }
  }

  #deliver(bytes: Uint8Array): void {
    this.#wire.server.endpoint.handleDatagram(bytes, this.#address, this.#wire.nowMs);
  }
}

Deno.test("one address that has proved itself does not keep the others out", () => {
  for (const delayMs of [20, 34, 41, 48, 55]) {
    const wire = new Wire({ delayMs });
    const flooder = new ProvenFlooder(wire);
    for (let i = 0; i < 1000; i++) {
      flooder.send(1);
      wire.run(2);
    }
    wire.client.endpoint.connect(SERVER, { method: 0, psk: new Uint8Array(32) }, wire.nowMs);
    const isConnected = () => wire.client.isConnected && wire.server.isConnected;
    const startMs = wire.nowMs;
    while (!isConnected() && wire.nowMs - startMs < 6000) {
      flooder.send(1);
      wire.run(2, isConnected);
    }
    assert(isConnected(), `a client ${delayMs} ms away`);
  }
});
