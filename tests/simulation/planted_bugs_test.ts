/**
 * Does the simulation see? Each test breaks one thing from outside and wants it found within few seeds.
 */
import { assertGreater } from "@std/assert";
import { DeadlineTable } from "../../lib/collections/deadline_table.ts";
import { AckFrequencyChooser } from "../../lib/transport/ack_frequency.ts";
import { AckTracker } from "../../lib/transport/ack_tracker.ts";
import { ReceiveWindow } from "../../lib/transport/flow_control.ts";
import { LossDetection } from "../../lib/transport/loss_detection.ts";
import { PacketProtection } from "../../lib/transport/packet_protection.ts";
import { AddressChallenge } from "../../lib/transport/address_challenge.ts";
import { PathValidation } from "../../lib/transport/path_validation.ts";
import { ReceiveStream } from "../../lib/transport/streams/receive_stream.ts";
import { SendStream } from "../../lib/transport/streams/send_stream.ts";
import { StreamLayer } from "../../lib/transport/streams/stream_layer.ts";
import { StreamMap } from "../../lib/transport/streams/stream_map.ts";
import { scenarioOf } from "./scenario.ts";
import { simulate } from "./simulation.ts";

/** Seeds within which each bug must show. */
const SEED_COUNT = 60;
/** The same for one that only a spoofed address brings out: one seed in sixty. */
const RARE_SEED_COUNT = 240;

type Method<Target, Name extends keyof Target> = Extract<
  Target[Name],
  // deno-lint-ignore no-explicit-any -- the shape of "any method" in a conditional type.
  (...args: any[]) => unknown
>;

/** Runs `run` while `prototype[name]` is what `make` makes of it. */
function withPlanted<Target extends object, Name extends keyof Target>(
  prototype: Target,
  name: Name,
  make: (original: Method<Target, Name>) => unknown,
  run: () => void,
): void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)!;
  Object.defineProperty(prototype, name, { ...original, value: make(original.value) });
  try {
    run();
  } finally {
    Object.defineProperty(prototype, name, original);
  }
}

/** Fails unless some seed fails with a message that fits. */
function assertFound(expected: RegExp, seedCount = SEED_COUNT): void {
  const others: string[] = [];
  for (let seed = 0; seed < seedCount; seed++) {
    let failures: readonly string[];
    try {
      ({ failures } = simulate(scenarioOf(seed)));
    } catch (error) {
      failures = [`thrown: ${error}`];
    }
    if (failures.some((failure) => expected.test(failure))) return;
    others.push(...failures);
  }
  throw new Error(
    `not found in ${seedCount} seeds; found instead: ${others.slice(0, 3).join("; ")}`,
  );
}

Deno.test("the simulation finds a replay window that lets everything through", () => {
  withPlanted(AckTracker.prototype, "isReplay", () => () => false, () => {
    assertFound(/was taken in twice/);
  });
});

Deno.test("the simulation finds a nonce that is used again", () => {
  const make = (seal: PacketProtection["seal"]): PacketProtection["seal"] =>
    function (this: PacketProtection, buffer, start, plaintextBytes, packetNumber) {
      const number = packetNumber % 16 === 15 ? packetNumber - 1 : packetNumber;
      seal.call(this, buffer, start, plaintextBytes, number);
    };
  withPlanted(PacketProtection.prototype, "seal", make, () => assertFound(/sealed twice/));
});

Deno.test("the simulation finds damaged packets that are taken for genuine", () => {
  const make = (open: PacketProtection["open"]): PacketProtection["open"] =>
    function (this: PacketProtection, ...parameters) {
      open.apply(this, parameters);
      return true;
    };
  withPlanted(PacketProtection.prototype, "open", make, () => assertFound(/./));
});

Deno.test("the simulation finds lost stream bytes that are not sent again", () => {
  withPlanted(SendStream.prototype, "onLost", () => () => {}, () => {
    assertFound(/not over|timed-out/);
  });
});

Deno.test("the simulation finds a lost end of stream that is not sent again", () => {
  const NO_FIN = false;
  const make = (onLost: SendStream["onLost"]): SendStream["onLost"] =>
    function (this: SendStream, offset, length) {
      onLost.call(this, offset, length, NO_FIN);
    };
  // The server gives a stream up on which its client makes no progress.
  withPlanted(SendStream.prototype, "onLost", make, () => assertFound(/not over|was reset/));
});

Deno.test("the simulation finds a stream that ends one byte too early", () => {
  const make = (onData: ReceiveStream["onData"]): ReceiveStream["onData"] =>
    function (this: ReceiveStream, source, frame) {
      const cut = frame.isFin && frame.length > 0 ? 1 : 0;
      return onData.call(this, source, { ...frame, length: frame.length - cut });
    };
  withPlanted(ReceiveStream.prototype, "onData", make, () => assertFound(/ended after/));
});

Deno.test("the simulation finds a byte that is stored in the wrong place", () => {
  let calls = 0;
  const make = (onData: ReceiveStream["onData"]): ReceiveStream["onData"] =>
    function (this: ReceiveStream, source, frame) {
      if (++calls % 50 === 0 && frame.length > 2) source[frame.start + 1]! ^= 1;
      return onData.call(this, source, frame);
    };
  withPlanted(ReceiveStream.prototype, "onData", make, () => assertFound(/byte \d+ is wrong/));
});

Deno.test("the simulation finds credit that is never given", () => {
  withPlanted(ReceiveWindow.prototype, "onConsumed", () => () => NaN, () => {
    assertFound(/not over/);
  });
});

Deno.test("the simulation finds control frames that are lost for good", () => {
  withPlanted(StreamLayer.prototype, "onControlLost", () => () => {}, () => {
    assertFound(/not over/);
  });
});

Deno.test("the simulation finds a limit of streams that never rises", () => {
  const make = (close: StreamMap["close"]): StreamMap["close"] =>
    function (this: StreamMap, entry) {
      close.call(this, entry);
      return NaN;
    };
  withPlanted(StreamMap.prototype, "close", make, () => assertFound(/not over/));
});

Deno.test("the simulation finds a loss timer that is never set", () => {
  withPlanted(LossDetection.prototype, "deadlineMs", () => () => Infinity, () => {
    assertFound(/not over|timed-out/);
  });
});

Deno.test("the simulation finds key updates that do not wait for the peer", () => {
  const make = (update: PacketProtection["updateIfDue"]): PacketProtection["updateIfDue"] =>
    function (this: PacketProtection, nextPacketNumber) {
      this.onPacketAcked(Number.MAX_SAFE_INTEGER);
      update.call(this, nextPacketNumber);
    };
  withPlanted(PacketProtection.prototype, "updateIfDue", make, () => assertFound(/timed-out/));
});

Deno.test("the simulation finds challenges that amplify", () => {
  const make = (begin: PathValidation["begin"]): PathValidation["begin"] =>
    function (this: PathValidation, packet, nowMs) {
      begin.call(this, { ...packet, packetBytes: packet.packetBytes * 50 }, nowMs);
    };
  // Else the address in use mostly answers before the other one is asked a fourth time.
  const hurry = (): AddressChallenge["onSending"] =>
    function (this: AddressChallenge, nowMs) {
      this.isDue = false;
      this.deadlineMs = nowMs + 1;
    };
  withPlanted(PathValidation.prototype, "begin", make, () => {
    withPlanted(AddressChallenge.prototype, "onSending", hurry, () => {
      assertFound(/has sent \d+ bytes to/, RARE_SEED_COUNT);
    });
  });
});

Deno.test("the simulation finds a closed connection that is never forgotten", () => {
  const make = (set: DeadlineTable<string>["set"]): DeadlineTable<string>["set"] =>
    function (this: DeadlineTable<string>, name, atMs) {
      if (name !== "close") set.call(this, name, atMs);
    };
  withPlanted(DeadlineTable.prototype, "set", make, () => assertFound(/not over/));
});

Deno.test("the simulation finds randomness that does not come from the seed", () => {
  const make = (choose: AckFrequencyChooser["choose"]): AckFrequencyChooser["choose"] =>
    function (this: AckFrequencyChooser, path) {
      const factor = crypto.getRandomValues(new Uint8Array(1))[0]! / 16;
      return choose.call(this, { ...path, windowPackets: path.windowPackets * factor });
    };
  withPlanted(AckFrequencyChooser.prototype, "choose", make, () => {
    const differs = Array.from({ length: 10 }, (_, seed) => {
      const [first, second] = [simulate(scenarioOf(seed)), simulate(scenarioOf(seed))];
      return first.traceHash !== second.traceHash;
    });
    assertGreater(differs.filter(Boolean).length, 0, "ten seeds replayed to the same packets");
  });
});
