import { assertEquals } from "@std/assert";
import { SendLimits } from "../../lib/transport/send_limits.ts";

const NONE = { pathMs: 0, lossMs: 0, capMs: 0, peerMs: 0, idleMs: 0, busyMs: 0 };

Deno.test("SendLimits gives each span to what held sending back in it", () => {
  const limits = new SendLimits(100);
  limits.enter("busy", 110);
  limits.enter("path", 113);
  limits.enter("path", 120);
  limits.enter("loss", 133);
  limits.enter("peer", 140);
  assertEquals(limits.times(150), {
    ...NONE,
    idleMs: 10,
    busyMs: 3,
    pathMs: 20,
    lossMs: 7,
    peerMs: 10,
  });
});

Deno.test("SendLimits takes a wake-up that is later than pacing forgives for the process' own doing", () => {
  const limits = new SendLimits(0);
  limits.enter("cap", 0, 5);
  limits.enter("cap", 15, 20);
  assertEquals(limits.times(50), { ...NONE, capMs: 30, busyMs: 20 });
});
