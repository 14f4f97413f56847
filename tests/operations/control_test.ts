import { assertEquals, assertRejects } from "@std/assert";
import { shutdownServer } from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { withService } from "./service.ts";

Deno.test("shutdownServer() stops the server when nobody else is connected", async () => {
  await withService({}, async (service) => {
    assertEquals(await shutdownServer(service.caller), { others: 0, stopping: true });
    assertEquals(service.shutdownRequests, 1);
  });
});

Deno.test("shutdownServer() leaves the server to the others, unless forced", async () => {
  await withService({ connectionCount: 3 }, async (service) => {
    assertEquals(await shutdownServer(service.caller), { others: 2, stopping: false });
    assertEquals(service.shutdownRequests, 0);
    assertEquals(await shutdownServer(service.caller, { force: true }), {
      others: 2,
      stopping: true,
    });
    assertEquals(service.shutdownRequests, 1);
  });
});

Deno.test("shutdownServer() is for the owner", async () => {
  for (const role of ["read-write", "read-only"] as const) {
    await withService({ role }, async (service) => {
      const error = await assertRejects(
        () => shutdownServer(service.caller, { force: true }),
        RemoteError,
      );
      assertEquals(error.status, "refused");
      assertEquals(service.shutdownRequests, 0);
    });
  }
});
