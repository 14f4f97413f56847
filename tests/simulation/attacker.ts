/**
 * Somebody on the path who sees every packet and adds their own, faster than the genuine ones travel,
 * but has no key.
 *
 * @module
 */
import type { Address } from "../../lib/transport/mod.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import {
  LONG_HEADER_BYTES,
  MIN_INITIAL_BYTES,
  VERSION,
  writeLongHeader,
} from "../../lib/wire/packet_header.ts";
import { SeededRandom } from "./seeded_entropy.ts";
import type { SeenPacket, SimulatedNetwork } from "./simulated_network.ts";

/** One way to add packets. */
export type Attack =
  /** Random bytes in the name of the sender. */
  | "garbage"
  /** A copy with a few bytes changed, which arrives first. */
  | "mutate"
  /** A copy in the name of somebody else, which arrives first. */
  | "spoof"
  /** A copy back to its sender. */
  | "reflect"
  /** An older packet once more. */
  | "replay"
  /** A refusal or version list that the server did not send. */
  | "hint"
  /** A client's first packet, cut short or not, in the name of somebody else. */
  | "initial"
  /** A packet for one server, sent to another in the name of the first. */
  | "cross";

/** What an attacker does. */
export interface AttackPlan {
  /** Which ways. */
  readonly attacks: readonly Attack[];
  /** Chance per genuine packet that one packet is added. */
  readonly rate: number;
  /** From this moment, ms. */
  readonly fromMs: number;
  /** Up to this moment, ms. */
  readonly untilMs: number;
}

/** Addresses that never sent anything, and some that nobody can send from. */
export const VICTIMS: readonly Address[] = [
  { hostname: "198.51.100.7", port: 4242 },
  { hostname: "198.51.100.8", port: 9 },
  { hostname: "2001:db8::7", port: 4242 },
  { hostname: "198.51.100.9", port: 0 },
  { hostname: "224.0.0.1", port: 5555 },
  { hostname: "255.255.255.255", port: 5555 },
  { hostname: "ff02::1", port: 5555 },
];

/** Packets that the attacker remembers. */
const MEMORY_PACKETS = 2000;

/** The attacker. */
export class Attacker {
  /** Packets added so far. */
  addedPackets = 0;
  readonly #network: SimulatedNetwork;
  readonly #plan: AttackPlan;
  readonly #random: SeededRandom;
  readonly #servers: readonly Address[];
  readonly #seen: SeenPacket[] = [];

  /** Listens to a network. `servers` are targets for crossing traffic. */
  constructor(
    network: SimulatedNetwork,
    plan: AttackPlan,
    options: { seed: number; servers: readonly Address[] },
  ) {
    this.#network = network;
    this.#plan = plan;
    this.#random = new SeededRandom(options.seed, "attacker");
    this.#servers = options.servers;
    network.observers.push((packet) => this.#observe(packet));
  }

  #observe(packet: SeenPacket): void {
    const { nowMs } = this.#network.clock;
    if (this.#seen.length < MEMORY_PACKETS) this.#seen.push(packet);
    if (nowMs < this.#plan.fromMs || nowMs >= this.#plan.untilMs) return;
    if (!this.#random.chance(this.#plan.rate)) return;
    const added = this.#make(packet, this.#random.pick(this.#plan.attacks));
    if (added === null) return;
    this.addedPackets++;
    this.#network.inject(added, nowMs + this.#random.between(0, 0.5));
  }

  #make(packet: SeenPacket, attack: Attack): SeenPacket | null {
    const random = this.#random;
    switch (attack) {
      case "garbage":
        return { ...packet, bytes: this.#garbageLike(packet.bytes) };
      case "mutate": {
        const bytes = packet.bytes.slice();
        for (let i = random.integer(1, 4); i > 0; i--) {
          bytes[random.below(random.chance(0.5) ? Math.min(32, bytes.length) : bytes.length)] =
            random
              .below(256);
        }
        return { ...packet, bytes };
      }
      case "spoof":
        return { ...packet, from: this.#somebodyElse() };
      case "reflect":
        return { from: packet.to, to: packet.from, bytes: packet.bytes };
      case "replay":
        return random.pick(this.#seen);
      case "hint":
        return forgedHint(packet, random);
      case "initial":
        if (!isInitial(packet.bytes)) return null;
        return {
          from: random.pick(VICTIMS),
          to: packet.to,
          bytes: packet.bytes.subarray(0, random.chance(0.5) ? random.below(1200) : 1200),
        };
      case "cross":
        return { ...packet, from: random.pick(this.#servers), to: random.pick(this.#servers) };
    }
  }

  /** Somebody known, or a port or a host that nobody has named before. */
  #somebodyElse(): Address {
    const random = this.#random;
    if (random.chance(0.5)) return random.pick(VICTIMS);
    const host = random.chance(0.5) ? 7 : random.integer(1, 254);
    return { hostname: `198.51.100.${host}`, port: random.integer(1, 65_535) };
  }

  /** Random bytes behind the genuine header, or nothing genuine at all. */
  #garbageLike(genuine: Uint8Array): Uint8Array {
    const random = this.#random;
    const bytes = random.bytes(random.chance(0.5) ? genuine.length : random.below(1500));
    if (random.chance(0.7)) bytes.set(genuine.subarray(0, Math.min(15, bytes.length)));
    return bytes;
  }
}

function isInitial(bytes: Uint8Array): boolean {
  return bytes[0] === 0xc0 && bytes.length >= MIN_INITIAL_BYTES;
}

function forgedHint(packet: SeenPacket, random: SeededRandom): SeenPacket | null {
  if (!isInitial(packet.bytes)) return null;
  const bytes = new Uint8Array(LONG_HEADER_BYTES + 4);
  const type = random.pick(["refusal", "version-negotiation"] as const);
  writeLongHeader(bytes, 0, {
    type,
    version: type === "refusal" ? VERSION : 0,
    destination: ConnectionId.read(packet.bytes, 13),
    source: new ConnectionId(0, 0),
    packetBytes: bytes.length,
  });
  return { from: packet.to, to: packet.from, bytes };
}
