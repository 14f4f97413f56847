/**
 * A network in one process: seeded, on a virtual clock, with every fault that datagrams meet.
 *
 * Nodes are attached under an address. What one sends is copied, meets the conditions of the link that
 * hold at that moment, and is delivered later to whoever then owns the destination's address.
 *
 * @module
 */
import type { Address } from "../../lib/transport/mod.ts";
import { SeededRandom } from "./seeded_entropy.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** How one direction of a link treats packets. */
export interface LinkConditions {
  /** One-way delay, ms. */
  readonly latencyMs: number;
  /** Up to this much more, uniformly; packets may overtake each other. */
  readonly jitterMs: number;
  /** Serialisation rate; Infinity for none. */
  readonly rateBytesPerSecond: number;
  /** Tail-drop limit of the queue in front of it. */
  readonly queueBytes: number;
  /** Larger UDP payloads vanish. */
  readonly mtuBytes: number;
  /** Independent loss. */
  readonly lossRate: number;
  /** Gilbert–Elliott: chance per packet to enter and leave the bad state, and the loss in it. */
  readonly burstLoss: { enterRate: number; leaveRate: number; lossRate: number } | null;
  /** Chance that a packet arrives twice. */
  readonly duplicateRate: number;
  /** Chance that a packet is held back, and for how long at most. */
  readonly reorderRate: number;
  /** Longest that a packet is held back, ms. */
  readonly reorderMs: number;
  /** Chance that bits flip. */
  readonly corruptRate: number;
  /** Chance that the packet's end is cut off. */
  readonly truncateRate: number;
}

/** A link without faults: 10 ms each way. */
export const CALM_LINK: LinkConditions = {
  latencyMs: 10,
  jitterMs: 0,
  rateBytesPerSecond: Infinity,
  queueBytes: 1 << 20,
  mtuBytes: 1472,
  lossRate: 0,
  burstLoss: null,
  duplicateRate: 0,
  reorderRate: 0,
  reorderMs: 0,
  corruptRate: 0,
  truncateRate: 0,
};

/** Which way packets go. */
export type Direction = "up" | "down";

/** Other conditions for a while. */
export interface LinkFault {
  /** From this moment, ms. */
  readonly fromMs: number;
  /** Up to this moment, ms. */
  readonly untilMs: number;
  /** Which way; both when absent. */
  readonly direction?: Direction;
  /** What differs. */
  readonly conditions: Partial<LinkConditions>;
}

/** Something that sends and receives datagrams. */
export interface NetworkNode {
  /** For traces. */
  readonly name: string;
  /** Decides the direction: what a client sends goes up. */
  readonly role: "client" | "server";
  /** Takes a datagram; the bytes are its own. */
  receive(bytes: Uint8Array, from: Address): void;
}

/** A packet as somebody on the wire sees it. */
export interface SeenPacket {
  /** Sender as the receiver would see it. */
  readonly from: Address;
  /** Where it is going. */
  readonly to: Address;
  /** A copy of the bytes. */
  readonly bytes: Uint8Array;
}

/** Sees every packet that is sent, before the link's faults. */
export type Observer = (packet: SeenPacket, sender: NetworkNode) => void;

/** What a network is made from. */
export interface NetworkOptions {
  /** Decides every fault. */
  readonly seed: number;
  /** What holds when no fault does. */
  readonly link?: Partial<LinkConditions>;
  /** Faults by time. */
  readonly faults?: readonly LinkFault[];
}

interface LinkState {
  busyUntilMs: number;
  isInBurst: boolean;
}

/** The network. */
export class SimulatedNetwork {
  /** Its time. */
  readonly clock: VirtualClock = new VirtualClock();
  /** Everybody who listens in. */
  readonly observers: Observer[] = [];
  /** Called with every packet that a node gets, spoofed ones included. */
  onDelivered: ((node: NetworkNode, packet: SeenPacket) => void) | null = null;
  /** A line for every packet, when somebody wants to read it. */
  trace: ((line: string) => void) | null = null;
  /** Packets sent by nodes. */
  sentPackets = 0;
  /** Packets that did not get through. */
  droppedPackets = 0;

  readonly #random: SeededRandom;
  readonly #base: LinkConditions;
  readonly #faults: LinkFault[];
  readonly #addressOf = new Map<NetworkNode, Address>();
  readonly #nodeAt = new Map<string, NetworkNode>();
  readonly #owned = new Set<string>();
  readonly #links = new Map<string, LinkState>();
  #hash = 0x811c_9dc5;

  /** Makes an empty network. */
  constructor(options: NetworkOptions) {
    this.#random = new SeededRandom(options.seed, "network");
    this.#base = { ...CALM_LINK, ...options.link };
    this.#faults = [...options.faults ?? []];
  }

  /** A number that is the same for two runs when every packet was. */
  get traceHash(): number {
    return this.#hash >>> 0;
  }

  /** Connects a node; packets for `address` reach it. */
  attach(node: NetworkNode, address: Address): void {
    const old = this.#addressOf.get(node);
    if (old !== undefined && this.#nodeAt.get(keyOf(old)) === node) {
      this.#nodeAt.delete(keyOf(old));
    }
    this.#addressOf.set(node, address);
    this.#nodeAt.set(keyOf(address), node);
    this.#owned.add(keyOf(address));
    this.trace?.(`${this.#stamp()} ${node.name} is now at ${keyOf(address)}`);
  }

  /** Two nodes get each other's address. */
  swap(a: NetworkNode, b: NetworkNode): void {
    const [atA, atB] = [this.addressOf(a), this.addressOf(b)];
    this.attach(a, atB);
    this.attach(b, atA);
  }

  /** The address under which others see a node. */
  addressOf(node: NetworkNode): Address {
    return this.#addressOf.get(node)!;
  }

  /** True when some node has or had this address: it is nobody else's. */
  wasOwned(address: Address): boolean {
    return this.#owned.has(keyOf(address));
  }

  /** Adds a fault while the network runs. */
  addFault(fault: LinkFault): void {
    this.#faults.push(fault);
  }

  /** Sends a datagram; the bytes are copied. */
  send(node: NetworkNode, bytes: Uint8Array, to: Address): void {
    const nowMs = this.clock.nowMs;
    const packet = { from: this.addressOf(node), to: { ...to }, bytes: bytes.slice() };
    this.sentPackets++;
    this.#mix(packet);
    for (const observer of this.observers) observer(packet, node);
    const direction: Direction = node.role === "client" ? "up" : "down";
    const conditions = this.#conditionsAt(nowMs, direction);
    const client = node.role === "client" ? packet.from : packet.to;
    const arrivalMs = this.#passLink(packet, conditions, `${direction} ${keyOf(client)}`);
    if (this.trace !== null) {
      const fate = Number.isNaN(arrivalMs) ? "lost" : `arrives ${arrivalMs.toFixed(3)}`;
      this.trace(
        `${this.#stamp()} ${node.name} → ${keyOf(to)} ${describe(packet.bytes)} ${fate}`,
      );
    }
    if (Number.isNaN(arrivalMs)) {
      this.droppedPackets++;
      return;
    }
    this.inject({ ...packet, bytes: this.#damage(packet.bytes, conditions) }, arrivalMs);
    if (this.#random.chance(conditions.duplicateRate)) {
      this.inject(packet, arrivalMs + this.#random.between(0, 2 * conditions.latencyMs + 1));
    }
  }

  /** Delivers a packet at a moment, whoever made it. */
  inject(packet: SeenPacket, atMs: number): void {
    this.clock.at(atMs, () => {
      const node = this.#nodeAt.get(keyOf(packet.to));
      if (node === undefined) return;
      const copy = { ...packet, bytes: packet.bytes.slice() };
      this.onDelivered?.(node, copy);
      node.receive(copy.bytes, { ...packet.from });
    });
  }

  /** Lets time pass up to a moment. */
  runFor(durationMs: number): void {
    this.runUntil(() => false, { limitMs: this.clock.nowMs + durationMs });
  }

  /** Lets time pass until a condition holds or up to a moment; says whether it held. */
  runUntil(isDone: () => boolean, options: { limitMs: number }): boolean {
    while (!isDone()) {
      if (this.clock.step(options.limitMs)) continue;
      if (options.limitMs !== Infinity) this.clock.advance(options.limitMs);
      return isDone();
    }
    return true;
  }

  /** Lets time pass until nobody wants anything any more, or for so long. */
  runUntilIdle(options: { limitMs: number }): void {
    this.runFor(options.limitMs);
  }

  #conditionsAt(nowMs: number, direction: Direction): LinkConditions {
    let conditions = this.#base;
    for (const fault of this.#faults) {
      if (nowMs < fault.fromMs || nowMs >= fault.untilMs) continue;
      if (fault.direction !== undefined && fault.direction !== direction) continue;
      conditions = { ...conditions, ...fault.conditions };
    }
    return conditions;
  }

  /** When the packet arrives; NaN when it does not. */
  #passLink(packet: SeenPacket, conditions: LinkConditions, name: string): number {
    const nowMs = this.clock.nowMs;
    const random = this.#random;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { busyUntilMs: 0, isInBurst: false };
      this.#links.set(name, link);
    }
    const { burstLoss } = conditions;
    if (burstLoss !== null) {
      link.isInBurst = random.chance(
        link.isInBurst ? 1 - burstLoss.leaveRate : burstLoss.enterRate,
      );
      if (link.isInBurst && random.chance(burstLoss.lossRate)) return NaN;
    }
    if (random.chance(conditions.lossRate) || packet.bytes.length > conditions.mtuBytes) return NaN;
    let leavesMs = nowMs;
    if (conditions.rateBytesPerSecond !== Infinity) {
      const bytesPerMs = conditions.rateBytesPerSecond / 1000;
      const startMs = Math.max(nowMs, link.busyUntilMs);
      if ((startMs - nowMs) * bytesPerMs > conditions.queueBytes) return NaN;
      leavesMs = startMs + packet.bytes.length / bytesPerMs;
      link.busyUntilMs = leavesMs;
    }
    const heldMs = random.chance(conditions.reorderRate)
      ? random.between(0, conditions.reorderMs)
      : 0;
    const jitterMs = conditions.jitterMs === 0 ? 0 : random.between(0, conditions.jitterMs);
    return leavesMs + conditions.latencyMs + jitterMs + heldMs;
  }

  #damage(bytes: Uint8Array, conditions: LinkConditions): Uint8Array {
    const random = this.#random;
    if (random.chance(conditions.corruptRate)) {
      bytes = bytes.slice();
      const flips = random.integer(1, 3);
      for (let i = 0; i < flips; i++) {
        const at = random.chance(0.3)
          ? random.below(Math.min(40, bytes.length))
          : random.below(bytes.length);
        bytes[at] = bytes[at]! ^ (1 << random.below(8));
      }
    }
    if (random.chance(conditions.truncateRate)) {
      bytes = bytes.subarray(0, random.below(bytes.length));
    }
    return bytes;
  }

  #mix(packet: SeenPacket): void {
    this.#mixWord(Math.floor(this.clock.nowMs * 1000));
    this.#mixWord(packet.from.port);
    this.#mixWord(packet.to.port);
    this.#mixWord(packet.bytes.length);
    const length = Math.min(packet.bytes.length, 64);
    for (let i = 0; i < length; i++) this.#mixWord(packet.bytes[i]!);
  }

  #mixWord(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, 0x0100_0193);
    this.#hash ^= this.#hash >>> 15;
  }

  #stamp(): string {
    return this.clock.nowMs.toFixed(3).padStart(12);
  }
}

/** An address as one string. */
export function keyOf(address: Address): string {
  return `${address.hostname}:${address.port}`;
}

/** A packet in a few words. */
export function describe(bytes: Uint8Array): string {
  const first = bytes[0] ?? 0;
  if ((first & 0x80) !== 0) {
    const types = ["initial", "reply", "finish", "retry", "version-negotiation", "refusal"];
    return `${types[first & 0x3f] ?? "?"} (${bytes.length})`;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = bytes.length < 15 ? -1 : view.getUint32(11);
  return `packet ${number} phase ${(first >> 2) & 1} (${bytes.length})`;
}
