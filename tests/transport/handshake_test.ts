/** The three packets of the handshake, genuine and with one byte changed. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { TruncatedError } from "../../lib/bytes/byte_reader.ts";
import { createIdentity, HandshakeError } from "../../lib/crypto/mod.ts";
import {
  ClientHandshake,
  METHOD_NONE,
  readInitial,
  ServerHandshake,
} from "../../lib/transport/handshake.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { LONG_HEADER_BYTES, MIN_INITIAL_BYTES } from "../../lib/wire/packet_header.ts";
import type { TransportParameters } from "../../lib/wire/transport_parameters.ts";
import { seededEntropy } from "../simulation/seeded_entropy.ts";
import { PEER_PARAMETERS } from "../support/peer_parameters.ts";

const PARAMETERS: TransportParameters = {
  ...PEER_PARAMETERS,
  suites: ["aes-128-gcm", "chacha20-poly1305"],
  agent: "test",
};
const CLIENT_IDENTITY = createIdentity(seededEntropy(1, "client identity"));
const SERVER_IDENTITY = createIdentity(seededEntropy(1, "server identity"));
const SECRET = new Uint8Array(32).fill(7);

function client(options?: { psk?: Uint8Array; suites?: string[] }): ClientHandshake {
  return new ClientHandshake({
    identity: CLIENT_IDENTITY,
    entropy: seededEntropy(2, "client"),
    parameters: { ...PARAMETERS, suites: options?.suites ?? PARAMETERS.suites },
    method: METHOD_NONE,
    psk: options?.psk ?? SECRET,
    token: Uint8Array.of(1, 2, 3),
  });
}

function server(initial: Uint8Array, options?: { suites: string[] }): ServerHandshake {
  return new ServerHandshake({
    identity: SERVER_IDENTITY,
    entropy: seededEntropy(2, "server"),
    parameters: { ...PARAMETERS, suites: options?.suites ?? PARAMETERS.suites },
    psk: SECRET.slice(),
    request: readInitial(initial),
    remoteId: ConnectionId.read(initial, 13),
  });
}

/** What is behind a packet's header. */
function payload(packet: Uint8Array): Uint8Array {
  return packet.subarray(LONG_HEADER_BYTES);
}

Deno.test("both ends agree on keys, suite and identities in three packets", () => {
  const one = client();
  assertEquals(one.initial.length, MIN_INITIAL_BYTES);
  const other = server(one.initial, { suites: ["chacha20-poly1305", "aes-128-gcm"] });
  assert(other.reply.length < one.initial.length);
  const { finish, result } = one.onReply(payload(other.reply), other.localId, PARAMETERS);
  const agreed = other.onFinish(payload(finish));
  assertEquals([result.suite, agreed.suite], ["chacha20-poly1305", "chacha20-poly1305"]);
  assertEquals(result.sendSecret, agreed.receiveSecret);
  assertEquals(result.receiveSecret, agreed.sendSecret);
  assertEquals(result.handshakeHash, agreed.handshakeHash);
  assertEquals(result.remoteIdentity, SERVER_IDENTITY.publicKey);
  assertEquals(agreed.remoteIdentity, CLIENT_IDENTITY.publicKey);
  assert(result.localId.equals(agreed.remoteId) && result.remoteId.equals(agreed.localId));
  assertEquals(agreed.peerParameters, PARAMETERS);
  assertFalse(result.sendSecret.every((byte, i) => byte === result.receiveSecret[i]));
});

Deno.test("an INITIAL with any byte of what it says changed fails cleanly", () => {
  const { initial } = client();
  const { prologue, message } = readInitial(initial);
  const length = prologue.length + 2 + message.length;
  for (let i = 1; i < length; i++) {
    const changed = initial.slice();
    changed[i]! ^= 0x10;
    const error = assertThrows(() => server(changed), Error, undefined);
    assert(
      error instanceof HandshakeError || error instanceof TruncatedError,
      `byte ${i}: ${error}`,
    );
  }
});

Deno.test("a REPLY with one byte changed fails cleanly, and the genuine one still counts", () => {
  const one = client();
  const other = server(one.initial);
  const genuine = payload(other.reply);
  for (let i = 0; i < genuine.length; i++) {
    const changed = genuine.slice();
    changed[i]! ^= 0x10;
    assertThrows(() => one.onReply(changed, other.localId, PARAMETERS), HandshakeError);
  }
  one.onReply(genuine, other.localId, PARAMETERS);
});

Deno.test("a FINISH with one byte changed fails cleanly, and the genuine one still counts", () => {
  const one = client();
  const other = server(one.initial);
  const { finish } = one.onReply(payload(other.reply), other.localId, PARAMETERS);
  const genuine = payload(finish);
  for (let i = 0; i < genuine.length; i++) {
    const changed = genuine.slice();
    changed[i]! ^= 0x10;
    assertThrows(() => other.onFinish(changed), HandshakeError);
  }
  other.onFinish(genuine);
});

Deno.test("packets cut short fail cleanly at every cut", () => {
  const one = client();
  const other = server(one.initial);
  for (let end = 0; end < payload(other.reply).length; end++) {
    const cut = payload(other.reply).subarray(0, end);
    assertThrows(() => one.onReply(cut, other.localId, PARAMETERS), HandshakeError);
  }
  const { prologue, message } = readInitial(one.initial);
  for (let end = LONG_HEADER_BYTES; end < prologue.length + 2 + message.length; end++) {
    assertThrows(() => readInitial(one.initial.subarray(0, end)), TruncatedError);
  }
});

Deno.test("another secret fails at the first packet", () => {
  const { initial } = client({ psk: new Uint8Array(32) });
  assertThrows(() => server(initial), HandshakeError);
});

Deno.test("without a common suite the server says no", () => {
  const { initial } = client({ suites: ["rot13"] });
  assertThrows(() => server(initial), HandshakeError, "no cipher suite");
});

Deno.test("a suite that was not offered is refused by the client, also the second time", () => {
  const one = client({ suites: ["aes-128-gcm", "chacha20-poly1305"] });
  const other = server(one.initial, { suites: ["aes-128-gcm"] });
  const onlyChaCha = { ...PARAMETERS, suites: ["chacha20-poly1305"] };
  for (let i = 0; i < 2; i++) {
    assertThrows(
      () => one.onReply(payload(other.reply), other.localId, onlyChaCha),
      HandshakeError,
    );
  }
});

Deno.test("packets of one handshake fit no other", () => {
  const one = client();
  const other = server(one.initial);
  const { finish } = one.onReply(payload(other.reply), other.localId, PARAMETERS);
  const again = new ClientHandshake({
    identity: CLIENT_IDENTITY,
    entropy: seededEntropy(3, "client"),
    parameters: PARAMETERS,
    method: METHOD_NONE,
    psk: SECRET,
    token: new Uint8Array(0),
  });
  const third = server(again.initial);
  assertThrows(() => third.onFinish(payload(finish)), HandshakeError);
  assertThrows(
    () => again.onReply(payload(other.reply), other.localId, PARAMETERS),
    HandshakeError,
  );
});
