/** The handshake against published vectors, and against everything a stranger may send. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createCipheriv } from "node:crypto";
import { InternalError } from "../../lib/bytes/invariant.ts";
import {
  createIdentity,
  type Entropy,
  HandshakeError,
  identityFromPrivateKey,
  NoiseHandshake,
  type NoiseOptions,
  sha256,
} from "../../lib/crypto/mod.ts";
import { agree, hasLowOrder } from "../../lib/crypto/key_exchange.ts";
import { MAX_HANDSHAKE_MESSAGE_BYTES } from "../../lib/crypto/noise.ts";
import noise from "../vectors/noise_xx.json" with { type: "json" };

const EMPTY = new Uint8Array(0);

for (const vector of noise.vectors) {
  const details = [
    vector.prologue === "" ? "no prologue" : "a prologue",
    vector.handshake[0]!.payload === "" ? "no payloads" : "payloads",
  ];
  Deno.test(`NoiseHandshake agrees with the published ${vector.protocol} vector, ${details.join(", ")}`, () => {
    const shared = {
      psk: vector.psk === null ? null : hex(vector.psk),
      prologue: hex(vector.prologue),
    };
    const initiator = new NoiseHandshake({
      ...shared,
      role: "initiator",
      identity: identityFromPrivateKey(hex(vector.initiatorStatic)),
      entropy: fixedEntropy(hex(vector.initiatorEphemeral)),
    });
    const responder = new NoiseHandshake({
      ...shared,
      role: "responder",
      identity: identityFromPrivateKey(hex(vector.responderStatic)),
      entropy: fixedEntropy(hex(vector.responderEphemeral)),
    });
    for (const [index, { payload, message }] of vector.handshake.entries()) {
      const [writer, reader] = index % 2 === 0 ? [initiator, responder] : [responder, initiator];
      assert(!writer.isComplete && !reader.isComplete);
      assertEquals(writer.writeMessage(hex(payload)), hex(message));
      assertEquals(reader.readMessage(hex(message)), hex(payload));
      assertEquals(writer.handshakeHash, reader.handshakeHash);
    }
    assert(initiator.isComplete && responder.isComplete);
    const secrets = initiator.split();
    assertEquals(responder.split(), secrets);
    const keys = [secrets.initiatorSecret, secrets.responderSecret];
    for (const [index, { payload, ciphertext }] of vector.transport.entries()) {
      assertEquals(sealFirst(keys[index]!, hex(payload)), hex(ciphertext));
    }
  });
}

Deno.test("NoiseHandshake shows each side the other's identity, and different secrets per direction", () => {
  const { initiator, responder, identities } = pair();
  assertEquals(initiator.remoteIdentity, null);
  exchange(initiator, responder);
  assertEquals(initiator.remoteIdentity, identities.responder.publicKey);
  assertEquals(responder.remoteIdentity, identities.initiator.publicKey);
  const { initiatorSecret, responderSecret } = initiator.split();
  assertEquals(initiatorSecret.length, 32);
  assertEquals(responderSecret.length, 32);
  assert(initiatorSecret.toHex() !== responderSecret.toHex());
});

Deno.test("NoiseHandshake.readMessage() refuses every damaged byte and then still reads the genuine message", () => {
  const { initiator, responder } = pair();
  const payload = Uint8Array.of(1, 2, 3);
  for (let turn = 0; turn < 3; turn++) {
    const [writer, reader] = turn % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const message = writer.writeMessage(payload);
    const hashBefore = reader.handshakeHash;
    for (let index = 0; index < message.length; index++) {
      const damaged = message.slice();
      damaged[index]! ^= 1 << (index % 7);
      assertThrows(() => reader.readMessage(damaged), HandshakeError);
    }
    for (const length of [0, 1, 31, 32, 47, 48, 95, message.length - 1]) {
      if (length >= message.length) continue;
      assertThrows(() => reader.readMessage(message.subarray(0, length)), HandshakeError);
    }
    assertThrows(() => reader.readMessage(concat(message, Uint8Array.of(0))), HandshakeError);
    assertEquals(reader.handshakeHash, hashBefore);
    assertEquals(reader.readMessage(message), payload);
  }
  assertEquals(initiator.split(), responder.split());
});

Deno.test("NoiseHandshake fails at the first message when the pre-shared keys or prologues differ", () => {
  for (
    const change of [{ psk: new Uint8Array(32).fill(9) }, {
      prologue: Uint8Array.of(1),
    }] as Partial<
      NoiseOptions
    >[]
  ) {
    const { initiator } = pair();
    const { responder } = pair(change);
    const first = initiator.writeMessage(EMPTY);
    assertThrows(() => responder.readMessage(first), HandshakeError);
  }
});

Deno.test("NoiseHandshake without a psk notices a different prologue at the second message", () => {
  const { initiator } = pair({ psk: null });
  const { responder } = pair({ psk: null, prologue: Uint8Array.of(1) });
  responder.readMessage(initiator.writeMessage(EMPTY));
  const second = responder.writeMessage(EMPTY);
  assertThrows(() => initiator.readMessage(second), HandshakeError);
});

Deno.test("NoiseHandshake refuses ephemeral keys of low order while reading", () => {
  for (const key of LOW_ORDER_KEYS) {
    const { responder } = pair({ psk: null });
    assertThrows(() => responder.readMessage(key), HandshakeError, "low order");
  }
});

Deno.test("NoiseHandshake refuses a static key of low order although it authenticates", () => {
  for (const key of LOW_ORDER_KEYS) {
    const { initiator } = pair();
    const { responder } = pair({}, { privateKey: new Uint8Array(32).fill(3), publicKey: key });
    responder.readMessage(initiator.writeMessage(EMPTY));
    const second = responder.writeMessage(EMPTY);
    assertThrows(() => initiator.readMessage(second), HandshakeError, "low order");
    assertEquals(initiator.remoteIdentity, null);
  }
});

Deno.test("hasLowOrder() names exactly keys with which nothing can be agreed", () => {
  const privateKey = new Uint8Array(32).fill(5);
  for (const key of LOW_ORDER_KEYS) {
    assert(hasLowOrder(key));
    assertEquals(agree(privateKey, key), null);
  }
  const ordinary = identityFromPrivateKey(privateKey).publicKey;
  assert(!hasLowOrder(ordinary));
  assert(agree(privateKey, ordinary) !== null);
});

Deno.test("agree() gives the shared secret of RFC 7748 §6.1 to both sides", () => {
  const alice = identityFromPrivateKey(
    hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
  );
  const bob = identityFromPrivateKey(
    hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
  );
  const shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  assertEquals(
    alice.publicKey,
    hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
  );
  assertEquals(agree(alice.privateKey, bob.publicKey), shared);
  assertEquals(agree(bob.privateKey, alice.publicKey), shared);
});

Deno.test("NoiseHandshake keeps to the order of messages", () => {
  const { initiator, responder } = pair();
  assertThrows(() => responder.writeMessage(EMPTY), InternalError, "out of turn");
  assertThrows(() => initiator.readMessage(new Uint8Array(48)), HandshakeError, "out of turn");
  const first = initiator.writeMessage(EMPTY);
  assertThrows(() => initiator.writeMessage(EMPTY), InternalError, "out of turn");
  responder.readMessage(first);
  assertThrows(() => responder.readMessage(first), HandshakeError, "out of turn");
  assertThrows(() => responder.split(), InternalError);
  initiator.readMessage(responder.writeMessage(EMPTY));
  responder.readMessage(initiator.writeMessage(EMPTY));
  assertThrows(() => initiator.writeMessage(EMPTY), InternalError);
  assertThrows(() => responder.readMessage(first), HandshakeError);
  initiator.split();
  assertThrows(() => initiator.split(), InternalError);
});

Deno.test("NoiseHandshake carries payloads up to the longest message and none beyond", () => {
  const { initiator, responder } = pair();
  const longest = new Uint8Array(MAX_HANDSHAKE_MESSAGE_BYTES - 32 - 16).fill(7);
  assertThrows(() => initiator.writeMessage(new Uint8Array(longest.length + 1)), RangeError);
  const message = initiator.writeMessage(longest);
  assertEquals(message.length, MAX_HANDSHAKE_MESSAGE_BYTES);
  assertThrows(() => responder.readMessage(new Uint8Array(message.length + 1)), HandshakeError);
  assertEquals(responder.readMessage(message), longest);
});

Deno.test("NoiseHandshake.destroy() makes a handshake unusable without making it look complete", () => {
  const { initiator, responder } = pair();
  const first = initiator.writeMessage(EMPTY);
  responder.destroy();
  initiator.destroy();
  assertThrows(() => responder.readMessage(first), HandshakeError);
  assertThrows(() => initiator.split(), InternalError);
  assert(!responder.isComplete && !initiator.isComplete);
});

Deno.test("NoiseHandshake does not wipe or keep what belongs to the caller", () => {
  const psk = new Uint8Array(32).fill(4);
  const { initiator, responder, identities } = pair({ psk });
  const privateKey = identities.initiator.privateKey.slice();
  const message = initiator.writeMessage(EMPTY);
  psk.fill(0);
  assertThrows(() => pair({ psk }).responder.readMessage(message), HandshakeError);
  responder.readMessage(message);
  initiator.readMessage(responder.writeMessage(EMPTY));
  responder.readMessage(initiator.writeMessage(EMPTY));
  initiator.split();
  assertEquals(identities.initiator.privateKey, privateKey);
});

const LOW_ORDER_KEYS = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((text) => {
  const withHighBit = hex(text);
  withHighBit[31]! |= 0x80;
  return [hex(text), withHighBit];
});

function pair(
  change: Partial<NoiseOptions> = {},
  responderIdentity = createIdentity(countingEntropy(2)),
): {
  initiator: NoiseHandshake;
  responder: NoiseHandshake;
  identities: Record<"initiator" | "responder", ReturnType<typeof createIdentity>>;
} {
  const identities = {
    initiator: createIdentity(countingEntropy(1)),
    responder: responderIdentity,
  };
  const shared = { psk: new Uint8Array(32).fill(4), prologue: Uint8Array.of(70) };
  return {
    identities,
    initiator: new NoiseHandshake({
      ...shared,
      role: "initiator",
      identity: identities.initiator,
      entropy: countingEntropy(3),
      ...change,
    }),
    responder: new NoiseHandshake({
      ...shared,
      role: "responder",
      identity: identities.responder,
      entropy: countingEntropy(4),
      ...change,
    }),
  };
}

function exchange(initiator: NoiseHandshake, responder: NoiseHandshake): void {
  responder.readMessage(initiator.writeMessage(EMPTY));
  initiator.readMessage(responder.writeMessage(EMPTY));
  responder.readMessage(initiator.writeMessage(EMPTY));
}

/** What the transport of the Noise specification sends first: nonce 0, no associated data. */
function sealFirst(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const options = { authTagLength: 16 };
  const cipher = createCipheriv("chacha20-poly1305", key, new Uint8Array(12), options);
  const ciphertext = cipher.update(payload);
  cipher.final();
  return concat(ciphertext, cipher.getAuthTag());
}

function fixedEntropy(bytes: Uint8Array): Entropy {
  return { fill: (target) => target.set(bytes) };
}

function countingEntropy(seed: number): Entropy {
  let count = 0;
  return { fill: (target) => target.set(sha256(Uint8Array.of(seed, count++))) };
}

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
