import { assertEquals } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { statusCode, statusFromCode, statusOfStreamError } from "../../lib/request/mod.ts";

Deno.test("statusFromCode() undoes statusCode() and reads unknown numbers as a failure", () => {
  for (const status of ["ok", "malformed", "not-found", "no-space", "changed", "io"] as const) {
    assertEquals(statusFromCode(statusCode(status)), status);
  }
  assertEquals(statusFromCode(9999), "io");
});

Deno.test("statusOfStreamError() takes the reason from a cut and calls one without reason cancelled", () => {
  const cut = (code: number) => statusOfStreamError(new StreamError("reset-by-peer", code));
  assertEquals(cut(statusCode("changed")), "changed");
  assertEquals(cut(0), "cancelled");
  assertEquals(statusOfStreamError(new StreamError("connection-lost", 77)), "connection-lost");
});
