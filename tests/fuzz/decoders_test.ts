/** Decoders fed garbage throw their own error, or nothing. Whatever once broke one is in the corpus. */
import { assert, assertEquals } from "@std/assert";
import { TruncatedError } from "../../lib/bytes/byte_reader.ts";
import { createIdentity } from "../../lib/crypto/mod.ts";
import { ClientHandshake, METHOD_NONE, readInitial } from "../../lib/transport/handshake.ts";
import { FrameEncodingError, FrameReader } from "../../lib/wire/frame.ts";
import { packetLengthAt, readLongHeader } from "../../lib/wire/packet_header.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
} from "../../lib/wire/transport_parameters.ts";
import { seededEntropy, SeededRandom } from "../simulation/seeded_entropy.ts";
import { PEER_PARAMETERS } from "../support/peer_parameters.ts";
import corpus from "./corpus/frames.json" with { type: "json" };
import { fromHex, mutate } from "./mutator.ts";

const ROUNDS = 30_000;
const BODIES = corpus.bodies.map(fromHex);
const PARAMETERS = { ...PEER_PARAMETERS, agent: "x" };

/** Runs a decoder over mutated seeds and plain garbage. */
function fuzz(
  label: string,
  seeds: readonly Uint8Array[],
  decode: (bytes: Uint8Array) => void,
): void {
  const random = new SeededRandom(1, label);
  for (const bytes of seeds) decode(bytes.slice());
  for (let i = 0; i < ROUNDS; i++) {
    const bytes = random.chance(0.8)
      ? mutate(random.pick(seeds), random, seeds)
      : random.bytes(random.below(80));
    try {
      decode(bytes);
    } catch (error) {
      throw new Error(`${label} failed on ${bytes.toHex()}`, { cause: error });
    }
  }
}

Deno.test("FrameReader throws FrameEncodingError and nothing else", () => {
  const reader = new FrameReader();
  fuzz("frames", BODIES, (bytes) => {
    reader.reset(bytes, 0, bytes.length);
    try {
      let frames = 0;
      for (let frame = reader.next(); frame !== null; frame = reader.next()) {
        assert(++frames <= bytes.length, "a frame takes at least a byte");
        if (frame.kind !== "stream") continue;
        assert(frame.start + frame.length <= bytes.length);
        assert(Number.isSafeInteger(frame.offset + frame.length));
      }
    } catch (error) {
      if (!(error instanceof FrameEncodingError)) throw error;
    }
  });
});

Deno.test("frames that are read have sound values", () => {
  const reader = new FrameReader();
  fuzz("ranges", BODIES.filter((bytes) => bytes[0] === 2), (bytes) => {
    reader.reset(bytes, 0, bytes.length);
    try {
      const frame = reader.next();
      if (frame?.kind !== "ack") return;
      let above = Infinity;
      for (let i = 0; i < frame.ranges.length; i += 2) {
        const [smallest, largest] = [frame.ranges[i]!, frame.ranges[i + 1]!];
        assert(smallest >= 0 && smallest <= largest && largest < above - 1, `${frame.ranges}`);
        above = smallest;
      }
    } catch (error) {
      if (!(error instanceof FrameEncodingError)) throw error;
    }
  });
});

Deno.test("decodeTransportParameters() throws TruncatedError and nothing else", () => {
  fuzz("parameters", [encodeTransportParameters(PARAMETERS)], (bytes) => {
    try {
      const decoded = decodeTransportParameters(bytes);
      assert(decoded.maxUdpPayloadBytes >= 1200 && decoded.agent.length <= 64);
    } catch (error) {
      if (!(error instanceof TruncatedError)) throw error;
    }
  });
});

Deno.test("readInitial() throws TruncatedError and nothing else", () => {
  const { initial } = new ClientHandshake({
    identity: createIdentity(seededEntropy(1, "identity")),
    entropy: seededEntropy(1, "client"),
    parameters: PARAMETERS,
    method: METHOD_NONE,
    psk: new Uint8Array(32),
    token: Uint8Array.of(1, 2, 3),
  });
  fuzz("initial", [initial.slice(0, 200), initial.slice(0, 40)], (bytes) => {
    try {
      const { message, prologue } = readInitial(bytes);
      assert(message.length + prologue.length <= bytes.length);
    } catch (error) {
      if (!(error instanceof TruncatedError)) throw error;
    }
  });
});

Deno.test("headers never throw, and lengths stay within the datagram", () => {
  const short = new Uint8Array(60);
  short[0] = 0x44;
  short[10] = 60;
  const long = new Uint8Array(60);
  long[0] = 0xc1;
  long[22] = 60;
  fuzz("headers", [short, long], (bytes) => {
    for (let at = 0; at < bytes.length;) {
      const length = packetLengthAt(bytes, at, bytes.length);
      if (length === 0) break;
      assert(length > 0 && at + length <= bytes.length);
      const header = readLongHeader(bytes.subarray(at, at + length), 0);
      if (header !== null) assertEquals(header.packetBytes, length);
      at += length;
    }
  });
});
