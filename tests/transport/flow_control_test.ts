/** Credit that follows the reader. RFC 9000 §4. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionFlowControl, ReceiveWindow } from "../../lib/transport/flow_control.ts";
import { TransportError } from "../../lib/transport/transport_error.ts";

const at = (nowMs: number) => ({ nowMs, rttMs: 50 });

Deno.test("credit is told when a quarter of the window is used", () => {
  const window = new ReceiveWindow(1000, 1000);
  assertEquals(window.onConsumed(249, at(0)), NaN);
  assertEquals(window.onConsumed(250, at(0)), 1250);
  assertEquals(window.onConsumed(499, at(0)), NaN);
  assertEquals(window.onConsumed(500, at(500)), 1500);
});

Deno.test("a window that is used up within two round trips doubles, up to its limit", () => {
  const window = new ReceiveWindow(1000, 3000);
  window.onConsumed(500, at(1000));
  assertEquals(window.windowBytes, 1000);
  window.onConsumed(1000, at(1099));
  assertEquals(window.windowBytes, 2000);
  window.onConsumed(2500, at(1150));
  assertEquals(window.windowBytes, 3000);
});

Deno.test("a slow reader's window stays as it is", () => {
  const window = new ReceiveWindow(1000, 100_000);
  for (let i = 1; i < 50; i++) window.onConsumed(500 * i, at(i * 100));
  assertEquals(window.windowBytes, 1000);
});

Deno.test("credit never goes back", () => {
  const window = new ReceiveWindow(1000, 1000);
  let last = 0;
  for (let consumed = 0; consumed < 20_000; consumed += 37) {
    window.onConsumed(consumed, at(consumed));
    assert(window.creditEnd >= last && window.creditEnd <= consumed + 1000);
    last = window.creditEnd;
  }
});

Deno.test("the connection counts what all streams send and what they got", () => {
  const flow = new ConnectionFlowControl(1000, 1000);
  assertEquals(flow.sendCreditBytes, 0);
  flow.onMaxData(500);
  flow.onMaxData(400);
  flow.onSent(120);
  assertEquals([flow.sendCreditBytes, flow.peerCreditEnd], [380, 500]);
  flow.onReceived(600);
  flow.onReceived(400);
  assertEquals(flow.unconsumedBytes, 1000);
  assertThrows(() => flow.onReceived(1), TransportError);
});
