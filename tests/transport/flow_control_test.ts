/** Credit that follows the reader. RFC 9000 §4. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionFlowControl, ReceiveWindow } from "../../lib/transport/flow_control.ts";
import { TransportError } from "../../lib/transport/transport_error.ts";

const at = (nowMs: number) => ({ nowMs, rttMs: 50 });

Deno.test("credit is told when a quarter of the window is used", () => {
  const window = new ReceiveWindow(1000, 1000);
  assertEquals(window.onConsumed(249), NaN);
  assertEquals(window.onConsumed(250), 1250);
  assertEquals(window.onConsumed(499), NaN);
  assertEquals(window.onConsumed(500), 1500);
});

Deno.test("a window smaller than six round trips of arrival grows, up to its limit", () => {
  const window = new ReceiveWindow(1000, 9000);
  assertEquals(window.onReceived(100, at(1000)), NaN);
  assertEquals(window.onReceived(200, at(1049)), NaN);
  assertEquals(window.onReceived(200, at(1050)), NaN);
  assertEquals(window.onReceived(400, at(1100)), 2000);
  assertEquals(window.onReceived(1400, at(1150)), 6000);
  assertEquals(window.onReceived(3400, at(1217.3)), 9000);
  assertEquals(window.windowBytes, 9000);
});

Deno.test("a window is a whole number of bytes", () => {
  const window = new ReceiveWindow(1000, 1e6);
  window.onReceived(100, at(1000));
  window.onReceived(1000, at(1053.7));
  assert(window.windowBytes > 4000 && Number.isInteger(window.windowBytes));
});

Deno.test("a slow sender's window stays as it is", () => {
  const window = new ReceiveWindow(1000, 100_000);
  for (let i = 1; i < 50; i++) assertEquals(window.onReceived(300 * i, at(i * 100)), NaN);
  assertEquals(window.windowBytes, 1000);
});

Deno.test("credit never goes back", () => {
  const window = new ReceiveWindow(1000, 1000);
  let last = 0;
  for (let consumed = 0; consumed < 20_000; consumed += 37) {
    window.onConsumed(consumed);
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
  flow.onReceived(600, at(0));
  flow.onReceived(400, at(0));
  assertThrows(() => flow.onReceived(1, at(0)), TransportError);
});
