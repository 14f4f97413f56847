/**
 * One endpoint on the simulated network, driven as `lib/driver/endpoint_driver.ts` drives it.
 *
 * @module
 */
import {
  type Address,
  createTransmitBatch,
  type Endpoint,
  type TransmitBatch,
} from "../../lib/transport/mod.ts";
import { packetLengthAt } from "../../lib/wire/packet_header.ts";
import type { SeededRandom } from "./seeded_entropy.ts";
import type { NetworkNode, SimulatedNetwork } from "./simulated_network.ts";

/** The application on a host. Returns when it wants to be called at the latest, ms. */
export type Application = (nowMs: number) => number;

/** What a host is made from. */
export interface HostOptions {
  /** For traces. */
  readonly name: string;
  /** Decides the direction of its packets. */
  readonly role: "client" | "server";
  /** The endpoint; its packets are its own business. */
  readonly endpoint: Endpoint;
  /** Where it lives. */
  readonly network: SimulatedNetwork;
  /** Its address. */
  readonly address: Address;
  /** Takes events and acts on connections. */
  readonly application: Application;
  /** Where broken rules are reported. */
  readonly onViolation: (message: string) => void;
  /** How late its timers fire at most, ms, and the numbers that decide it. */
  readonly lateness?: { readonly upToMs: number; readonly random: SeededRandom };
}

/** Rounds of one moment after which the host counts as spinning. */
const MAX_ROUNDS_PER_MOMENT = 2000;
/** Datagrams that a sleeping host's socket keeps. */
const SOCKET_DATAGRAMS = 200;

/** A host. */
export class SimulatedHost implements NetworkNode {
  /** For traces. */
  readonly name: string;
  /** Decides the direction of its packets. */
  readonly role: "client" | "server";
  /** What runs here. */
  readonly endpoint: Endpoint;
  readonly #network: SimulatedNetwork;
  readonly #application: Application;
  readonly #onViolation: (message: string) => void;
  readonly #lateness: HostOptions["lateness"];
  readonly #batch: TransmitBatch = createTransmitBatch();
  readonly #asleep: { bytes: Uint8Array; from: Address }[] = [];
  #armedForMs = Infinity;
  #frozenUntilMs = -Infinity;
  #momentMs = -1;
  #roundsOfMoment = 0;

  /** Attaches the host to the network. */
  constructor(options: HostOptions) {
    this.name = options.name;
    this.role = options.role;
    this.endpoint = options.endpoint;
    this.#network = options.network;
    this.#application = options.application;
    this.#onViolation = options.onViolation;
    this.#lateness = options.lateness;
    options.network.attach(this, options.address);
  }

  /** Takes a datagram from the network. */
  receive(bytes: Uint8Array, from: Address): void {
    const { nowMs } = this.#network.clock;
    if (nowMs < this.#frozenUntilMs) {
      if (this.#asleep.length < SOCKET_DATAGRAMS) this.#asleep.push({ bytes, from });
      return;
    }
    this.endpoint.handleDatagram(bytes, from, nowMs);
    this.pump();
  }

  /** Stops the whole process until a moment, as SIGSTOP or a suspended laptop does. */
  freeze(untilMs: number): void {
    this.#frozenUntilMs = untilMs;
    this.#network.clock.at(untilMs, () => {
      const { nowMs } = this.#network.clock;
      for (const { bytes, from } of this.#asleep.splice(0)) {
        this.endpoint.handleDatagram(bytes, from, nowMs);
      }
      this.pump();
    });
  }

  /** Does everything that can be done now and arms the timer. */
  pump(): void {
    const { clock } = this.#network;
    const nowMs = clock.nowMs;
    if (nowMs < this.#frozenUntilMs) return;
    this.#countRound(nowMs);
    if (this.endpoint.nextDeadlineMs() <= nowMs) this.endpoint.handleTimeout(nowMs);
    let applicationMs = this.#application(nowMs);
    while (this.#drain(nowMs)) applicationMs = this.#application(nowMs);
    const deadlineMs = Math.min(this.endpoint.nextDeadlineMs(), applicationMs);
    if (deadlineMs === Infinity) return;
    this.#arm(Math.max(deadlineMs, nowMs));
  }

  /** Sends what may go; says whether there was anything. */
  #drain(nowMs: number): boolean {
    const batch = this.#batch;
    let batches = 0;
    while (this.endpoint.pollTransmit(batch, nowMs)) {
      if (++batches > 10_000) {
        this.#onViolation(`${this.name} sends without end at one moment`);
        return false;
      }
      if (batch.length === 0 || batch.segmentBytes === 0) {
        this.#onViolation(`${this.name} sends an empty batch`);
        return false;
      }
      for (let at = 0; at < batch.length; at += batch.segmentBytes) {
        const end = Math.min(at + batch.segmentBytes, batch.length);
        if (packetLengthAt(batch.buffer, at, end) !== end - at) {
          this.#onViolation(`${this.name} sends a batch that is not cut at packets`);
        }
        this.#network.send(this, batch.buffer.subarray(at, end), batch.address);
      }
    }
    return batches > 0;
  }

  #arm(atMs: number): void {
    const late = this.#lateness;
    const fireMs = late === undefined ? atMs : atMs + late.random.between(0, late.upToMs);
    if (fireMs >= this.#armedForMs) return;
    this.#armedForMs = fireMs;
    this.#network.clock.at(fireMs, () => {
      if (this.#armedForMs !== fireMs) return;
      this.#armedForMs = Infinity;
      this.pump();
    });
  }

  #countRound(nowMs: number): void {
    if (nowMs !== this.#momentMs) {
      this.#momentMs = nowMs;
      this.#roundsOfMoment = 0;
    } else if (++this.#roundsOfMoment === MAX_ROUNDS_PER_MOMENT) {
      this.#onViolation(`${this.name} spins: its deadline stays in the past`);
      this.#frozenUntilMs = Infinity;
    }
  }
}
