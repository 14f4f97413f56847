/** Transport parameters there and back, and what is refused. RFC 9000 §18. */
import { assertEquals, assertThrows } from "@std/assert";
import { TruncatedError } from "../../lib/bytes/byte_reader.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { BASE_ACK_RANGES } from "../../lib/wire/ack_frame.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from "../../lib/wire/transport_parameters.ts";

const PARAMETERS: TransportParameters = {
  maxIdleTimeoutMs: 120_000,
  maxUdpPayloadBytes: 65_507,
  initialMaxDataBytes: 6 << 20,
  initialMaxStreamDataBytes: Number.MAX_SAFE_INTEGER,
  initialMaxStreams: 128,
  receiveBufferBytes: 212_992,
  suites: ["aes-128-gcm", "chacha20-poly1305"],
  agent: "ferry 0.1 (λ)",
  features: 5,
  omitsConnectionId: true,
  maxAckRanges: 200,
};

/** One parameter. */
function parameter(id: number, value: Uint8Array): Uint8Array {
  return new ByteWriter().varint(id).varint(value.length).bytes(value).finish();
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new ByteWriter();
  for (const part of parts) out.bytes(part);
  return out.finish();
}

Deno.test("transport parameters are read back", () => {
  assertEquals(decodeTransportParameters(encodeTransportParameters(PARAMETERS)), PARAMETERS);
});

Deno.test("absent parameters have the RFC's defaults", () => {
  const decoded = decodeTransportParameters(new Uint8Array(0));
  assertEquals(decoded.maxUdpPayloadBytes, 65_527);
  assertEquals([decoded.initialMaxDataBytes, decoded.initialMaxStreams], [0, 0]);
  assertEquals(decoded.suites, []);
  assertEquals(decoded.maxAckRanges, BASE_ACK_RANGES);
});

Deno.test("unknown parameters are skipped", () => {
  const unknown = parameter(0x3fff, new Uint8Array(9));
  const encoded = concat(unknown, encodeTransportParameters(PARAMETERS));
  assertEquals(decodeTransportParameters(encoded), PARAMETERS);
});

Deno.test("repeated, cut, overlong and too small parameters are refused", () => {
  const idle = parameter(0x01, Uint8Array.of(5));
  const refused = [
    concat(idle, idle),
    idle.subarray(0, 2),
    parameter(0x01, new Uint8Array(0)),
    parameter(0x01, Uint8Array.of(5, 6)),
    parameter(0x03, Uint8Array.of(0x44, 0xaf)),
    parameter(0x3f02, Uint8Array.of(0xff, 0xfe)),
    Uint8Array.of(0x01, 0x09, 0x00),
  ];
  for (const bytes of refused) assertThrows(() => decodeTransportParameters(bytes), TruncatedError);
});

Deno.test("a peer's name is cut to what a line can show", () => {
  const encoded = encodeTransportParameters({ ...PARAMETERS, agent: "x".repeat(500) });
  assertEquals(decodeTransportParameters(encoded).agent.length, 64);
});
