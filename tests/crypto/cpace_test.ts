/** The proof of a code, against the draft's vectors and against whoever does not know the code. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { CPACE_SHARE_BYTES, CPACE_TAG_BYTES, generatorString } from "../../lib/crypto/cpace.ts";
import {
  Cpace,
  type CpaceOptions,
  type Entropy,
  loadRistretto255,
  sha256,
} from "../../lib/crypto/mod.ts";
import vector from "../vectors/cpace_ristretto255.json" with { type: "json" };

const group = await loadRistretto255();

Deno.test("generatorString() agrees with the published vector", () => {
  const text = generatorString(hex(vector.password), hex(vector.channel), hex(vector.sessionId));
  assertEquals(text.toHex(), vector.generatorString);
});

Deno.test("loadRistretto255() derives, multiplies and refuses as the published vectors do", () => {
  assertEquals(group.derive(hex(vector.hash)).encode().toHex(), vector.generator);
  const { scalar, element, product } = vector.multiplication;
  const factor = BigInt(`0x${hex(scalar).reverse().toHex()}`);
  assertEquals(group.decode(hex(element))!.multiply(factor).encode().toHex(), product);
  const [noElement, identity] = vector.invalidShares;
  assertEquals(group.decode(hex(noElement!)), null);
  assert(group.decode(hex(identity!))!.isIdentity);
});

Deno.test("Cpace agrees with the published shares and session key", () => {
  const shared = {
    group,
    password: hex(vector.password),
    channel: hex(vector.channel),
    sessionId: hex(vector.sessionId),
    initiator: hex(vector.initiator),
    responder: hex(vector.responder),
  };
  const initiator = new Cpace({
    ...shared,
    role: "initiator",
    entropy: fixedEntropy(hex(vector.initiatorScalar)),
  });
  const responder = new Cpace({
    ...shared,
    role: "responder",
    entropy: fixedEntropy(hex(vector.responderScalar)),
  });
  assertEquals(initiator.share.toHex(), vector.initiatorShare);
  assertEquals(responder.share.toHex(), vector.responderShare);
  assertEquals(initiator.finish(responder.share)!.sessionKey.toHex(), vector.sessionKey);
  assertEquals(responder.finish(initiator.share)!.sessionKey.toHex(), vector.sessionKey);
});

Deno.test("Cpace proves each side to the other when everything is the same", () => {
  const { initiator, responder } = run({}, {});
  assertEquals(initiator.ownTag.length, CPACE_TAG_BYTES);
  assert(responder.isPeerTag(initiator.ownTag));
  assert(initiator.isPeerTag(responder.ownTag));
  assertEquals(initiator.sessionKey, responder.sessionKey);
  assertNotEquals(initiator.ownTag, responder.ownTag);
  assert(!initiator.isPeerTag(initiator.ownTag));
  assert(!initiator.isPeerTag(responder.ownTag.subarray(1)));
});

Deno.test("Cpace proves nothing when code, channel, session or one of the identities differs", () => {
  const other = bytes("other");
  for (const field of ["password", "channel", "sessionId", "initiator", "responder"] as const) {
    const { initiator, responder } = run({}, { [field]: other });
    assert(!responder.isPeerTag(initiator.ownTag), field);
    assert(!initiator.isPeerTag(responder.ownTag), field);
  }
});

Deno.test("a man in the middle with two sessions cannot pass on shares and tags", () => {
  // He runs one session with each side; their handshake hashes differ, all else he may relay.
  const { initiator, responder } = run({ sessionId: bytes("left") }, { sessionId: bytes("right") });
  assert(!responder.isPeerTag(initiator.ownTag));
  assert(!initiator.isPeerTag(responder.ownTag));
});

Deno.test("Cpace refuses shares that no honest peer sends, and a second use", () => {
  for (const share of vector.invalidShares) {
    assertEquals(side("initiator").finish(hex(share)), null);
  }
  assertEquals(side("initiator").finish(new Uint8Array(CPACE_SHARE_BYTES - 1)), null);
  assertEquals(side("initiator").finish(new Uint8Array(CPACE_SHARE_BYTES).fill(0xff)), null);
  const own = side("responder");
  assertEquals(own.finish(own.share), null);
  const once = side("initiator");
  const { share } = side("responder");
  assert(once.finish(share) !== null);
  assertEquals(once.finish(share), null);
});

function run(left: Partial<CpaceOptions>, right: Partial<CpaceOptions>) {
  const initiator = side("initiator", left);
  const responder = side("responder", right);
  return {
    initiator: initiator.finish(responder.share)!,
    responder: responder.finish(initiator.share)!,
  };
}

function side(role: CpaceOptions["role"], changes: Partial<CpaceOptions> = {}): Cpace {
  return new Cpace({
    group,
    role,
    password: bytes("K7QF9X2M"),
    channel: bytes("test"),
    sessionId: bytes("session"),
    initiator: bytes("client"),
    responder: bytes("server"),
    entropy: fixedEntropy(sha256(bytes(role))),
    ...changes,
  });
}

function fixedEntropy(value: Uint8Array): Entropy {
  return { fill: (target) => target.set(value.subarray(0, target.length)) };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}
