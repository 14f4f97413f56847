import { assertEquals, assertRejects } from "@std/assert";
import type { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { requestRate, UNHELD } from "../../lib/operations/mod.ts";
import { encodeRequest, readResponse, RemoteError, StreamReader } from "../../lib/request/mod.ts";
import { rateOperation } from "../../lib/operations/rate.ts";
import { type Service, withService } from "./service.ts";

Deno.test("requestRate() holds the server back as far as the client wishes", async () => {
  await withService({}, async (service) => {
    const wish = { maxRateBytesPerSecond: 1e6, isPolite: true };
    assertEquals(await requestRate(service.caller, wish), wish);
    assertEquals(service.rate, wish);
    assertEquals(await requestRate(service.caller, UNHELD), UNHELD);
    assertEquals(service.rate, UNHELD);
  });
});

Deno.test("requestRate() never gets more than the server's own cap, and no less of its politeness", async () => {
  const ownRate = { maxRateBytesPerSecond: 500_000, isPolite: true };
  await withService({ ownRate }, async (service) => {
    for (const maxRateBytesPerSecond of [Infinity, 1e6, 500_001, Number.MAX_SAFE_INTEGER]) {
      const wish = { maxRateBytesPerSecond, isPolite: false };
      assertEquals(await requestRate(service.caller, wish), ownRate);
      assertEquals(service.rate, ownRate);
    }
    const lower = { maxRateBytesPerSecond: 1500.5, isPolite: false };
    assertEquals((await requestRate(service.caller, lower)).maxRateBytesPerSecond, 1501);
  });
});

Deno.test("requestRate() is for whoever was let in", async () => {
  await withService({ role: "read-only", readOnly: true }, async (service) => {
    assertEquals(await requestRate(service.caller, UNHELD), UNHELD);
  });
  await withService({ role: "none" }, async (service) => {
    const error = await assertRejects(() => requestRate(service.caller, UNHELD), RemoteError);
    assertEquals(error.status, "refused");
    assertEquals(service.rate, null);
  });
});

Deno.test("a rate that would stop the connection, or is none, changes nothing", async () => {
  const bodies: ((writer: ByteWriter) => unknown)[] = [
    (writer) => writer.varint(1).u8(0),
    (writer) => writer.varint(999).u8(0),
    (writer) => writer.varint(1e6).u8(2),
    (writer) => writer.varint(1e6),
    (writer) => writer.varint(1e6).u8(0).u8(0),
    (writer) => writer.bytes(new Uint8Array(8).fill(255)).u8(0),
  ];
  for (const encode of bodies) {
    await withService({}, async (service) => {
      assertEquals(await answerTo(service, encode), "cut");
      assertEquals(service.rate, null);
    });
  }
});

async function answerTo(
  service: Service,
  encode: (writer: ByteWriter) => unknown,
): Promise<string> {
  const stream = await service.connection.client.openStream();
  const codec = {
    encode: (_: null, writer: ByteWriter) => void encode(writer),
    decode: () => null,
  };
  try {
    await stream.write(encodeRequest(rateOperation.code, codec, null));
    await stream.finish();
    await readResponse(new StreamReader(stream), rateOperation.response);
    return "answered";
  } catch {
    return "cut";
  }
}
