/**
 * What applications do with streams in a simulation, and whether the right bytes come out.
 *
 * A plan says what travels each way on one stream. Both sides know the plans, so the receiver compares
 * each byte with what its offset must hold, and the codes of resets and stops with what was planned.
 *
 * @module
 */
import type { Connection, StreamEntry } from "../../lib/transport/mod.ts";
import { SeededRandom } from "./seeded_entropy.ts";

/** One direction of a stream. */
export interface FlowPlan {
  /** Bytes that the sender has. */
  readonly sizeBytes: number;
  /** The sender abandons the stream after so many bytes; -1 for a proper end. */
  readonly resetAfterBytes: number;
  /** The receiver asks to stop after having read so many bytes; -1 for never. */
  readonly stopAfterBytes: number;
  /** Bytes that the receiver takes each millisecond. */
  readonly readBytesPerMs: number;
  /** The sender's end comes so long after its last byte, ms. */
  readonly endsLateMs: number;
}

/** One stream. */
export interface StreamPlan {
  /** Tells contents and codes apart. */
  readonly id: number;
  /** Who opens it. */
  readonly opener: "client" | "server";
  /** When, at the earliest, ms after the connection stands. */
  readonly startMs: number;
  /** From the opener. */
  readonly request: FlowPlan;
  /** To the opener. */
  readonly response: FlowPlan;
  /** The response begins only when the request is settled. */
  readonly isAnswered: boolean;
}

/** The whole stream read to the end at full speed. */
export function plainFlow(sizeBytes: number): FlowPlan {
  return {
    sizeBytes,
    resetAfterBytes: -1,
    stopAfterBytes: -1,
    readBytesPerMs: Infinity,
    endsLateMs: 0,
  };
}

// A prime, so that no packet size or buffer size is in step with the contents.
const PATTERN_BYTES = 65_521;
const CHUNK_BYTES = 16_384;
const PATTERN = (() => {
  const bytes = new SeededRandom(1, "pattern").bytes(PATTERN_BYTES);
  const doubled = new Uint8Array(PATTERN_BYTES + CHUNK_BYTES);
  doubled.set(bytes);
  doubled.set(bytes.subarray(0, CHUNK_BYTES), PATTERN_BYTES);
  return doubled;
})();

/** The code of a reset or stop of this flow. */
function codeOf(plan: StreamPlan, flow: FlowPlan): number {
  return 1000 + plan.id * 2 + (flow === plan.request ? 0 : 1);
}

interface Flow {
  readonly plan: FlowPlan;
  readonly code: number;
  /** Where in the pattern offset 0 is. */
  readonly shift: number;
  bytes: number;
  /** How it went, null while it goes on. */
  outcome: "complete" | "reset" | "stopped" | null;
}

interface OpenStream {
  readonly plan: StreamPlan;
  readonly entry: StreamEntry;
  readonly sending: Flow;
  readonly receiving: Flow;
  lastReadMs: number;
  endsAtMs: number;
}

/** What both sides of one connection know. */
export class SharedPlans {
  readonly #byStreamId = new Map<number, StreamPlan>();
  /** All plans. */
  readonly plans: readonly StreamPlan[];

  /** Nothing is opened yet. */
  constructor(plans: readonly StreamPlan[]) {
    this.plans = plans;
  }

  /** Notes which stream a plan became. */
  onOpened(streamId: number, plan: StreamPlan): void {
    this.#byStreamId.set(streamId, plan);
  }

  /** The plan behind a stream that the peer opened. */
  find(streamId: number): StreamPlan | undefined {
    return this.#byStreamId.get(streamId);
  }
}

/** One side's application on one connection. */
export class StreamWorkload {
  /** Bytes compared so far. */
  verifiedBytes = 0;
  readonly #connection: Connection;
  readonly #shared: SharedPlans;
  readonly #waiting: StreamPlan[];
  readonly #open = new Map<StreamEntry, OpenStream>();
  readonly #onViolation: (message: string) => void;
  readonly #beganMs: number;
  #foreignLeft: number;
  #hasEnded = false;

  /** Starts with the plans whose opener is this side. */
  constructor(
    connection: Connection,
    shared: SharedPlans,
    options: { nowMs: number; onViolation: (message: string) => void },
  ) {
    this.#connection = connection;
    this.#shared = shared;
    this.#waiting = shared.plans.filter((plan) => plan.opener === connection.role);
    this.#foreignLeft = shared.plans.length - this.#waiting.length;
    this.#onViolation = options.onViolation;
    this.#beganMs = options.nowMs;
  }

  /** True when every stream of either side was opened and went to its end here. */
  get isSettled(): boolean {
    return this.#waiting.length === 0 && this.#foreignLeft === 0 && this.#open.size === 0;
  }

  /** What is still open, for failure messages. */
  describeRest(): string {
    const lines = [`${this.#connection.role}: ${this.#waiting.length} not opened`];
    for (const { plan, entry, sending, receiving } of this.#open.values()) {
      lines.push(
        `stream ${entry.id} (plan ${plan.id}) sent ${sending.bytes}/${sending.plan.sizeBytes} ` +
          `${sending.outcome} got ${receiving.bytes}/${receiving.plan.sizeBytes} ${receiving.outcome}`,
      );
    }
    return lines.slice(0, 6).join("; ");
  }

  /** Takes events and does what can be done. Returns when it wants to go on, ms. */
  step(nowMs: number): number {
    this.#takeEvents();
    if (this.#hasEnded) return Infinity;
    let nextMs = this.#openWaiting(nowMs);
    for (const stream of this.#open.values()) {
      nextMs = Math.min(nextMs, this.#receive(stream, nowMs), this.#send(stream, nowMs));
      if (stream.sending.outcome !== null && stream.receiving.outcome !== null) {
        this.#open.delete(stream.entry);
      }
    }
    return nextMs;
  }

  #takeEvents(): void {
    for (const event of this.#connection.events.splice(0)) {
      if (this.#hasEnded) this.#onViolation(`event "${event.kind}" after the connection's end`);
      if (event.kind === "ended") this.#hasEnded = true;
      if (event.kind !== "stream-opened") continue;
      const plan = this.#shared.find(event.stream.id);
      if (plan === undefined) {
        this.#onViolation(`stream ${event.stream.id} appeared, but nobody opened it`);
      } else {
        this.#foreignLeft--;
        this.#connection.streams.accept(event.stream);
        this.#begin(plan, event.stream);
      }
    }
  }

  #openWaiting(nowMs: number): number {
    for (let plan = this.#waiting[0]; plan !== undefined; plan = this.#waiting[0]) {
      const startMs = this.#beganMs + plan.startMs;
      if (nowMs < startMs) return startMs;
      const entry = this.#connection.streams.open();
      if (entry === null) return Infinity;
      this.#waiting.shift();
      this.#shared.onOpened(entry.id, plan);
      this.#begin(plan, entry);
    }
    return Infinity;
  }

  #begin(plan: StreamPlan, entry: StreamEntry): void {
    const isOurs = plan.opener === this.#connection.role;
    const [sent, received] = isOurs ? [plan.request, plan.response] : [plan.response, plan.request];
    const flow = (flowPlan: FlowPlan): Flow => ({
      plan: flowPlan,
      code: codeOf(plan, flowPlan),
      shift: (plan.id * 7919 + (flowPlan === plan.request ? 0 : 31_337)) % PATTERN_BYTES,
      bytes: 0,
      outcome: null,
    });
    this.#open.set(entry, {
      plan,
      entry,
      sending: flow(sent),
      receiving: flow(received),
      lastReadMs: -Infinity,
      endsAtMs: NaN,
    });
  }

  #send(stream: OpenStream, nowMs: number): number {
    const { entry, sending, plan } = stream;
    if (sending.outcome !== null) return Infinity;
    if (entry.peerStopCode >= 0) {
      this.#checkStop(stream);
      sending.outcome = "stopped";
      return Infinity;
    }
    if (plan.isAnswered && sending.plan === plan.response && stream.receiving.outcome === null) {
      return Infinity;
    }
    const { resetAfterBytes, sizeBytes, endsLateMs } = sending.plan;
    const endBytes = resetAfterBytes >= 0 ? Math.min(resetAfterBytes, sizeBytes) : sizeBytes;
    const { streams } = this.#connection;
    while (sending.bytes < endBytes) {
      const length = Math.min(CHUNK_BYTES, endBytes - sending.bytes);
      const from = (sending.bytes + sending.shift) % PATTERN_BYTES;
      const written = streams.write(entry, PATTERN.subarray(from, from + length));
      sending.bytes += written;
      if (written < length) return Infinity;
    }
    if (Number.isNaN(stream.endsAtMs)) stream.endsAtMs = nowMs + endsLateMs;
    if (nowMs < stream.endsAtMs) return stream.endsAtMs;
    if (resetAfterBytes >= 0) streams.reset(entry, sending.code);
    else streams.finish(entry);
    sending.outcome = resetAfterBytes >= 0 ? "reset" : "complete";
    return Infinity;
  }

  #receive(stream: OpenStream, nowMs: number): number {
    const { entry, receiving } = stream;
    const { receive } = entry;
    const { stopAfterBytes, readBytesPerMs } = receiving.plan;
    for (;;) {
      if (receiving.outcome !== null) return Infinity;
      if (receive.isReset) {
        this.#checkReset(stream);
        receiving.outcome = "reset";
        return Infinity;
      }
      if (receive.isAtEnd) {
        this.#checkEnd(stream);
        receiving.outcome = "complete";
        return Infinity;
      }
      if (stopAfterBytes >= 0 && receiving.bytes >= stopAfterBytes) {
        this.#connection.stop(entry, receiving.code, nowMs);
        receiving.outcome = "stopped";
        return Infinity;
      }
      const view = receive.peek();
      if (view.length === 0) {
        this.#connection.streams.onReadableSeen(entry);
        return Infinity;
      }
      let length = view.length;
      if (stopAfterBytes >= 0) length = Math.min(length, stopAfterBytes - receiving.bytes);
      if (readBytesPerMs !== Infinity) {
        if (stream.lastReadMs === -Infinity) stream.lastReadMs = nowMs;
        const allowed = Math.floor((nowMs - stream.lastReadMs) * readBytesPerMs);
        if (allowed < 1) return nowMs + Math.max(5, 2 / readBytesPerMs);
        length = Math.min(length, allowed);
        stream.lastReadMs = nowMs;
      }
      this.#compare(stream, view.subarray(0, length));
      this.#connection.consume(entry, length, nowMs);
    }
  }

  #compare(stream: OpenStream, view: Uint8Array): void {
    const { receiving, entry, plan } = stream;
    let at = (receiving.bytes + receiving.shift) % PATTERN_BYTES;
    for (let i = 0; i < view.length; i++) {
      if (view[i] !== PATTERN[at]) {
        this.#onViolation(
          `stream ${entry.id} (plan ${plan.id}) byte ${receiving.bytes + i} is wrong`,
        );
        break;
      }
      if (++at === PATTERN_BYTES) at = 0;
    }
    receiving.bytes += view.length;
    this.verifiedBytes += view.length;
    if (receiving.bytes > receiving.plan.sizeBytes) {
      this.#onViolation(`stream ${entry.id} gave more bytes than were sent`);
    }
  }

  #checkEnd({ receiving, entry }: OpenStream): void {
    if (receiving.plan.resetAfterBytes >= 0) {
      this.#onViolation(`stream ${entry.id} ended, but its sender abandoned it`);
    } else if (receiving.bytes !== receiving.plan.sizeBytes) {
      const { sizeBytes } = receiving.plan;
      this.#onViolation(`stream ${entry.id} ended after ${receiving.bytes} of ${sizeBytes} bytes`);
    }
  }

  #checkReset({ receiving, entry }: OpenStream): void {
    if (receiving.plan.resetAfterBytes < 0) {
      this.#onViolation(`stream ${entry.id} was reset, but its sender did not abandon it`);
    } else if (entry.peerResetCode !== receiving.code) {
      this.#onViolation(`stream ${entry.id} was reset with code ${entry.peerResetCode}`);
    }
  }

  #checkStop({ sending, entry }: OpenStream): void {
    if (sending.plan.stopAfterBytes < 0 || entry.peerStopCode !== sending.code) {
      this.#onViolation(`stream ${entry.id} was stopped with code ${entry.peerStopCode}`);
    }
  }
}
