import { assertEquals } from "@std/assert";
import type { SendTimes } from "../../lib/bytes/send_times.ts";
import {
  encodeLimit,
  limitFromCode,
  limitSeenBy,
  LimitWatch,
  type TransferLimit,
} from "../../lib/transfer/mod.ts";

const NO_TIMES: SendTimes = { pathMs: 0, lossMs: 0, capMs: 0, peerMs: 0, idleMs: 0, busyMs: 0 };

/** What a test says was measured over one second. */
class Second {
  ms = 5000;
  cpu = 700;
  times: SendTimes = { ...NO_TIMES, pathMs: 4000, idleMs: 1000 };
  readonly watch = new LimitWatch({
    nowMs: () => this.ms,
    cpuMs: () => this.cpu,
    sendTimes: () => this.times,
  });

  pass(span: Partial<SendTimes>, cpuMs: number): this {
    this.watch.begin();
    const before = this.times;
    const sum = (key: keyof SendTimes) => before[key] + (span[key] ?? 0);
    this.times = {
      pathMs: sum("pathMs"),
      lossMs: sum("lossMs"),
      capMs: sum("capMs"),
      peerMs: sum("peerMs"),
      idleMs: sum("idleMs"),
      busyMs: sum("busyMs"),
    };
    this.ms += 1000;
    this.cpu += cpuMs;
    return this;
  }
}

Deno.test("LimitWatch.sent() names what held the sender back for the longest, since the beginning", () => {
  const cases: [Partial<SendTimes>, number, TransferLimit][] = [
    [{ pathMs: 600, idleMs: 300, busyMs: 100 }, 200, "path"],
    [{ pathMs: 250, lossMs: 300, capMs: 450 }, 200, "loss"],
    [{ capMs: 600, pathMs: 400 }, 200, "cap"],
    [{ peerMs: 700, busyMs: 300 }, 400, "receiver"],
    [{ idleMs: 700, busyMs: 300 }, 300, "cpu"],
    [{ idleMs: 700, busyMs: 300 }, 950, "cpu"],
    [{ busyMs: 800, pathMs: 200 }, 950, "cpu"],
    [{ busyMs: 800, pathMs: 200 }, NaN, "cpu"],
    // Busy and yet not computing: the socket takes no more.
    [{ busyMs: 800, pathMs: 200 }, 300, "path"],
  ];
  for (const [span, cpuMs, limit] of cases) {
    assertEquals(new Second().pass(span, cpuMs).watch.sent(), limit, JSON.stringify(span));
  }
});

Deno.test("LimitWatch.sent() takes an idle sender's disk for the limit when it waited for it", async () => {
  for (const [diskMs, cpuMs, limit] of [[800, 300, "sender-disk"], [800, 900, "cpu"]] as const) {
    const second = new Second();
    second.watch.begin();
    await second.watch.disk(Promise.resolve().then(() => void (second.ms += diskMs)));
    second.times = { ...second.times, idleMs: second.times.idleMs + 700 };
    second.ms += 1000 - diskMs;
    second.cpu += cpuMs;
    assertEquals(second.watch.sent(), limit);
  }
});

Deno.test("LimitWatch says nothing about what went into a buffer at once", () => {
  const second = new Second();
  second.watch.begin();
  second.ms += 100;
  assertEquals(second.watch.sent(), null);
  assertEquals(second.watch.received("path"), null);
  assertEquals(new Second().watch.sent(), null);
});

Deno.test("LimitWatch.received() believes the sender where only he can know, and decides the rest", async () => {
  const cases: [TransferLimit | null, number, number, TransferLimit | null][] = [
    // told, cpu, disk → limit
    ["path", 300, 100, "path"],
    ["loss", 300, 100, "loss"],
    ["cap", 900, 900, "cap"],
    ["sender-disk", 900, 100, "sender-disk"],
    ["path", 950, 100, "cpu"],
    ["path", 800, 100, "path"],
    ["path", 300, 800, "receiver-disk"],
    ["receiver", 300, 450, "receiver-disk"],
    ["receiver", 750, 100, "cpu"],
    ["receiver", 300, 100, "path"],
    [null, 300, 100, null],
    [null, 300, 800, "receiver-disk"],
  ];
  for (const [told, cpuMs, diskMs, limit] of cases) {
    const second = new Second();
    second.watch.begin();
    await second.watch.disk(Promise.resolve().then(() => void (second.ms += diskMs)));
    second.ms += 1000 - diskMs;
    second.cpu += cpuMs;
    assertEquals(second.watch.received(told), limit, `${told}, cpu ${cpuMs}, disk ${diskMs}`);
  }
});

Deno.test("limits travel as one byte, unknown ones are none", () => {
  const limits = [
    "path",
    "loss",
    "cap",
    "cpu",
    "sender-disk",
    "receiver-disk",
    "receiver",
  ] as const;
  for (const limit of limits) assertEquals(limitFromCode(encodeLimit(limit)[0]!), limit);
  assertEquals(encodeLimit(null).length, 0);
  for (const code of [0, 8, 255]) assertEquals(limitFromCode(code), null);
});

Deno.test("limitSeenBy() tells here from there", () => {
  assertEquals(limitSeenBy("sender", "sender-disk"), "disk-here");
  assertEquals(limitSeenBy("receiver", "sender-disk"), "disk-there");
  assertEquals(limitSeenBy("sender", "receiver"), "disk-there");
  assertEquals(limitSeenBy("receiver", "receiver-disk"), "disk-here");
  assertEquals(limitSeenBy("sender", "loss"), "loss");
});
