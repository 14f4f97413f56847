/** What waits, what travels, what is superseded. */
import { assertEquals } from "@std/assert";
import type { ControlFrame } from "../../lib/wire/frame.ts";
import { ControlQueue } from "../../lib/transport/control_queue.ts";

function waiting(queue: ControlQueue): ControlFrame[] {
  const frames: ControlFrame[] = [];
  for (let next = queue.next; next !== undefined; next = queue.next) {
    frames.push(next);
    queue.onWritten(1000 + frames.length);
  }
  return frames;
}

Deno.test("a newer limit replaces an older one that has not left yet", () => {
  const queue = new ControlQueue();
  queue.push({ kind: "max-data", limit: 10 });
  queue.push({ kind: "max-stream-data", streamId: 4, limit: 1 });
  queue.push({ kind: "max-stream-data", streamId: 8, limit: 2 });
  queue.push({ kind: "max-data", limit: 20 });
  queue.push({ kind: "max-stream-data", streamId: 4, limit: 3 });
  assertEquals(waiting(queue), [
    { kind: "max-data", limit: 20 },
    { kind: "max-stream-data", streamId: 4, limit: 3 },
    { kind: "max-stream-data", streamId: 8, limit: 2 },
  ]);
});

Deno.test("a lost limit does not replace a newer one", () => {
  const queue = new ControlQueue();
  queue.push({ kind: "max-streams", limit: 3 });
  queue.onWritten(7);
  queue.push({ kind: "max-streams", limit: 4 });
  for (const frame of queue.take(7)) queue.push(frame);
  assertEquals(waiting(queue), [{ kind: "max-streams", limit: 4 }]);
  const frequency = { kind: "ack-frequency", packetThreshold: 2, maxAckDelayUs: 9 } as const;
  queue.push({ ...frequency, sequence: 5 });
  queue.push({ ...frequency, sequence: 4 });
  assertEquals(waiting(queue), [{ ...frequency, sequence: 5 }]);
});

Deno.test("the frames of a packet are taken once", () => {
  const queue = new ControlQueue();
  queue.push({ kind: "handshake-done" });
  queue.push({ kind: "stop-sending", streamId: 0, code: 1 });
  queue.onWritten(3);
  queue.onWritten(3);
  assertEquals([queue.hasWaiting, queue.peek(3).length, queue.size], [false, 2, 2]);
  assertEquals(queue.take(3).length, 2);
  assertEquals([queue.take(3).length, queue.take(99).length, queue.size], [0, 0, 0]);
});
