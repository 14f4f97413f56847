/** What the bits of the handshake say about roles. */
import { assertEquals } from "@std/assert";
import { FEATURES, featuresForAnyone, roleOfAnyone } from "../../lib/operations/mod.ts";

Deno.test("roleOfAnyone() reads what featuresForAnyone() says, and asks where it says nothing", () => {
  for (const role of ["none", "read-only", "read-write"] as const) {
    assertEquals(roleOfAnyone(FEATURES.limits + featuresForAnyone(role)), role);
  }
  // Writing without reading is nothing that a server says.
  assertEquals(roleOfAnyone(FEATURES.anyoneWrites), "none");
  assertEquals(roleOfAnyone(2 ** 52), "none");
});
