import { assert, assertEquals, assertFalse } from "@std/assert";
import { AddressForms } from "../../lib/driver/address_forms.ts";
import type { Address } from "../../lib/driver/datagram_socket.ts";
import { SegmentedSender } from "../../lib/driver/segmented_sender.ts";
import { FakeConnection, FakeTuning, packet } from "./fake_connection.ts";

Deno.test("the code of an error decides what became of a send", async () => {
  const outcomes: [string, string][] = [
    ["ENETUNREACH", "lost"],
    ["EHOSTUNREACH", "lost"],
    ["EPERM", "lost"],
    ["EINVAL", "lost"],
    ["ENOBUFS", "lost"],
    ["EMSGSIZE", "too-big"],
    ["EACCES", "refused"],
    ["EAFNOSUPPORT", "refused"],
  ];
  for (const [code, outcome] of outcomes) {
    const connection = new FakeConnection(() => code);
    const sender = senderOver(connection, null);
    assertEquals(await sender.send(packet(1, 3000), 1000, PEER), outcome, code);
    assertEquals(connection.sent, [], code);
    assertEquals(connection.attempts, 1, "the packets after the first must not be tried");
    assertEquals(sender.errors, outcome === "lost" ? 1 : 0, code);
  }
});

for (const code of ["EIO", "EINVAL", "EMSGSIZE"]) {
  Deno.test(`offload is given up for good when ${code} goes away without it`, async () => {
    const tuning = new FakeTuning();
    const connection = new FakeConnection(() => tuning.segmentBytes > 0 ? code : null);
    const sender = senderOver(connection, tuning);
    assert(sender.usesOffload);
    assertEquals(await sender.send(packet(1, 2500), 1000, PEER), "sent");
    assertEquals(connection.sent, [1000, 1000, 500]);
    assertFalse(sender.usesOffload);
    assertEquals(tuning.segmentBytes, 0);
    assertEquals(sender.errors, 0);

    assertEquals(await sender.send(packet(1, 2000), 1000, PEER), "sent");
    assertEquals(connection.sent, [1000, 1000, 500, 1000, 1000]);
    assertEquals(tuning.changes, [1000, 0]);
  });
}

Deno.test("offload is kept when single packets fail as well", async () => {
  for (const [code, outcome] of [["EMSGSIZE", "too-big"], ["EINVAL", "lost"]] as const) {
    const tuning = new FakeTuning();
    let isBroken = true;
    const connection = new FakeConnection(() => isBroken ? code : null);
    const sender = senderOver(connection, tuning);
    assertEquals(await sender.send(packet(1, 2500), 1000, PEER), outcome);
    assert(sender.usesOffload);
    isBroken = false;
    assertEquals(await sender.send(packet(1, 2500), 1000, PEER), "sent");
    assertEquals(connection.sent, [2500]);
  }
});

Deno.test("a segment size the kernel refuses ends offload before anything is sent", async () => {
  const tuning = new FakeTuning();
  tuning.refuses = true;
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  assertEquals(await sender.send(packet(1, 2500), 1000, PEER), "sent");
  assertEquals(connection.sent, [1000, 1000, 500]);
  assertFalse(sender.usesOffload);
});

Deno.test("the segment size changes only when it must", async () => {
  const tuning = new FakeTuning();
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  await sender.send(packet(1, 1000), 1000, PEER); // single, offload was never on
  await sender.send(packet(1, 2500), 1000, PEER);
  await sender.send(packet(1, 2500), 1000, PEER);
  await sender.send(packet(1, 900), 1400, PEER); // fits into the segment size
  await sender.send(packet(1, 2500), 1000, PEER);
  assertEquals(tuning.changes, [1000]);
  await sender.send(packet(1, 1001), 1400, PEER); // would be cut
  assertEquals(tuning.changes, [1000, 0]);
});

Deno.test("a single packet is tried again without a stale segment size", async () => {
  const tuning = new FakeTuning();
  const connection = new FakeConnection((length) =>
    tuning.segmentBytes > 1300 && length < 1300 ? "EINVAL" : null
  );
  const sender = senderOver(connection, tuning);
  await sender.send(packet(1, 2800), 1400, PEER);
  assertEquals(await sender.send(packet(1, 1200), 1200, PEER), "sent");
  assertEquals(connection.sent, [2800, 1200]);
  assert(sender.usesOffload);
});

Deno.test("one send carries at most 64 packets and 65,507 bytes", async () => {
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, new FakeTuning());
  await sender.send(new Uint8Array(100 * 129), 100, PEER);
  await sender.send(new Uint8Array(1472 * 45), 1472, PEER);
  await sender.send(new Uint8Array(65_507 + 10), 65_507, PEER);
  assertEquals(connection.sent, [6400, 6400, 100, 1472 * 44, 1472, 65_507, 10]);
});

Deno.test("Deno sends first to an address, and the system alone from then on", async () => {
  const tuning = new FakeTuning();
  tuning.sendsNow = Infinity;
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  const other = { ...PEER, port: 4001 };
  for (const to of [PEER, PEER, other, PEER, other]) {
    assertEquals(await sender.send(packet(1, 2500), 1000, to), "sent");
  }
  assertEquals(connection.sent, [2500, 2500]);
  assertEquals(tuning.sentNow, [2500, 2500, 2500]);
  assertEquals(tuning.changes, [1000]);
});

Deno.test("an address where Deno cannot send is never tried without it", async () => {
  const tuning = new FakeTuning();
  tuning.sendsNow = Infinity;
  const sender = senderOver(new FakeConnection(() => "EACCES"), tuning);
  for (let i = 0; i < 2; i++) {
    assertEquals(await sender.send(packet(1, 100), 1000, PEER), "refused");
  }
  assertEquals(tuning.sentNow, []);
});

Deno.test("what the system does not take at once is left to Deno, from there on", async () => {
  const tuning = new FakeTuning();
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  await sender.send(packet(1, 100), 1000, PEER);
  tuning.sendsNow = 1;
  assertEquals(await sender.send(new Uint8Array(100 * 130), 100, PEER), "sent");
  assertEquals(tuning.sentNow, [6400]);
  assertEquals(connection.sent, [100, 6400, 200]);
});

Deno.test("without offload the system gets packets one by one", async () => {
  const tuning = new FakeTuning();
  tuning.refuses = true;
  tuning.sendsNow = Infinity;
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  assertEquals(await sender.send(packet(1, 2500), 1000, PEER), "sent");
  assertFalse(sender.usesOffload);
  assertEquals(await sender.send(packet(1, 2500), 1000, PEER), "sent");
  assertEquals(tuning.sentNow, [1000, 1000, 500]);
});

Deno.test("sends past Deno keep to their order", async () => {
  const tuning = new FakeTuning();
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  await sender.send(packet(1, 100), 1000, PEER);
  const slow = sender.send(packet(1, 200), 1000, PEER);
  tuning.sendsNow = Infinity;
  await Promise.all([slow, sender.send(packet(1, 300), 1000, PEER)]);
  assertEquals(connection.sent, [100, 200, 300], "one that waits is not overtaken");
  await sender.send(packet(1, 400), 1000, PEER);
  assertEquals(tuning.sentNow, [400]);
});

Deno.test("of more addresses than are remembered, all prove themselves anew", async () => {
  const tuning = new FakeTuning();
  tuning.sendsNow = Infinity;
  const connection = new FakeConnection(() => null);
  const sender = senderOver(connection, tuning);
  const peers = Array.from({ length: 513 }, (_, i) => ({ ...PEER, port: 4000 + i }));
  for (const to of peers) await sender.send(packet(1, 100), 1000, to);
  await sender.send(packet(1, 100), 1000, peers[0]!);
  await sender.send(packet(1, 100), 1000, peers[512]!);
  assertEquals(connection.sent.length, 514);
  assertEquals(tuning.sentNow, [100]);
});

const PEER: Address = { hostname: "198.51.100.7", port: 4000 };

function senderOver(connection: FakeConnection, tuning: FakeTuning | null): SegmentedSender {
  return new SegmentedSender(connection, tuning, new AddressForms("127.0.0.1"));
}
