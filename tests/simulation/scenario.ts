/**
 * What a seed stands for: a network with its faults, two or more programs, and what they do.
 *
 * @module
 */
import type { TransportConfig } from "../../lib/transport/mod.ts";
import type { Attack, AttackPlan } from "./attacker.ts";
import { SeededRandom } from "./seeded_entropy.ts";
import type { Direction, LinkConditions, LinkFault } from "./simulated_network.ts";
import { type FlowPlan, plainFlow, type StreamPlan } from "./stream_workload.ts";

/** Congestion controllers by file name. */
export const CONTROLLERS = ["new_reno", "cubic", "bbr"] as const;

/** Something that happens to a host at a moment. */
export type HostAction =
  /** The NAT in front of a client forgets it: another port, or another address. */
  | {
    readonly kind: "rebind";
    readonly atMs: number;
    readonly client: number;
    readonly isOtherHost: boolean;
  }
  /** Two clients get each other's address. */
  | { readonly kind: "swap"; readonly atMs: number }
  /** A process stands still. */
  | {
    readonly kind: "freeze";
    readonly atMs: number;
    readonly untilMs: number;
    readonly host: "client" | "server";
  };

/** How a run ends. */
export type Ending =
  /** One side closes when every stream is settled. */
  | { readonly kind: "when-settled"; readonly by: "client" | "server" }
  /** One side closes while data flows. */
  | { readonly kind: "midway"; readonly by: "client" | "server"; readonly atMs: number }
  /** The network goes dark for good. */
  | { readonly kind: "dark"; readonly atMs: number };

/** A whole run. */
export interface Scenario {
  /** Where everything random comes from. */
  readonly seed: number;
  /** What kind of trouble the seed drew. */
  readonly profile: string;
  /** Congestion controller of all. */
  readonly controller: typeof CONTROLLERS[number];
  /** A real cipher instead of the fast checksum. */
  readonly hasRealCipher: boolean;
  /** What holds when no fault does. */
  readonly link: Partial<LinkConditions>;
  /** Faults of the link. */
  readonly faults: readonly LinkFault[];
  /** What happens to hosts. */
  readonly actions: readonly HostAction[];
  /** Somebody on the path. */
  readonly attack: AttackPlan | null;
  /** For each client, its streams. */
  readonly clients: readonly (readonly StreamPlan[])[];
  /** Settings that differ from the defaults. */
  readonly clientConfig: Partial<TransportConfig>;
  /** Settings that differ from the defaults. */
  readonly serverConfig: Partial<TransportConfig>;
  /** How it ends. */
  readonly ending: Ending;
  /** Every packet is sent once more when all is over. */
  readonly isReplayedAfterwards: boolean;
  /** How late timers fire at most, ms. */
  readonly latenessMs: number;
}

const PROFILES = [
  "calm",
  "lossy",
  "bursty",
  "scrambled",
  "damaged",
  "blackout",
  "moving",
  "shrinking",
  "frozen",
  "attacked",
  "narrow",
  "everything",
] as const;

/** Longest blackout that a run must survive, ms. */
const LONGEST_BLACKOUT_MS = 12_000;

/** The scenario of a seed. */
export function scenarioOf(seed: number): Scenario {
  const random = new SeededRandom(seed, "scenario");
  const profile = PROFILES[seed % PROFILES.length]!;
  const has = (name: typeof PROFILES[number]) => profile === name || profile === "everything";
  const link = baseLink(random, profile);
  const slowness = Math.min(1, (link.rateBytesPerSecond ?? Infinity) / 1e6);
  const clientCount = has("moving") && random.chance(0.5) ? 2 : random.chance(0.15) ? 3 : 1;
  const clients = Array.from({ length: clientCount }, () => streamPlans(random, slowness));
  const faults: LinkFault[] = [];
  for (let i = random.integer(1, 3); i > 0; i--) {
    if (has("lossy")) faults.push(fault(random, { lossRate: random.logBetween(0.002, 0.4) }));
    if (has("bursty")) faults.push(fault(random, { burstLoss: burst(random) }));
    if (has("scrambled")) faults.push(fault(random, scrambling(random)));
    if (has("damaged")) faults.push(fault(random, damage(random)));
    if (has("shrinking")) {
      faults.push(fault(random, { mtuBytes: random.integer(1200, 1472) }, { isLasting: true }));
    }
  }
  if (has("blackout")) faults.push(blackout(random));
  return {
    seed,
    profile,
    controller: CONTROLLERS[Math.floor(seed / PROFILES.length) % CONTROLLERS.length]!,
    hasRealCipher: seed % 10 === 3,
    link,
    faults,
    actions: hostActions(random, { has, clientCount }),
    attack: has("attacked") || random.chance(0.1) ? attackPlan(random) : null,
    clients,
    clientConfig: settings(random),
    serverConfig: settings(random),
    ending: ending(random),
    isReplayedAfterwards: random.chance(0.3),
    latenessMs: random.pick([0, 0, 1, 3]),
  };
}

function baseLink(random: SeededRandom, profile: string): Partial<LinkConditions> {
  const latencyMs = random.pick([0.05, 0.5, 2, 10, 25, 60, 150]);
  const isNarrow = profile === "narrow" || random.chance(0.3);
  const rateBytesPerSecond = isNarrow ? random.logBetween(30_000, 30e6) : Infinity;
  const pipeBytes = rateBytesPerSecond === Infinity ? 1 : rateBytesPerSecond * latencyMs / 500;
  return {
    latencyMs,
    jitterMs: random.chance(0.3) ? random.between(0, latencyMs) : 0,
    rateBytesPerSecond,
    queueBytes: Math.max(6000, pipeBytes * random.logBetween(0.2, 4)),
    mtuBytes: random.pick([1200, 1252, 1380, 1472, 1472, 1472, 9000]),
  };
}

function fault(
  random: SeededRandom,
  conditions: Partial<LinkConditions>,
  options?: { isLasting: boolean },
): LinkFault {
  const fromMs = random.chance(0.5) ? 0 : random.logBetween(10, 3000);
  const untilMs = options?.isLasting ? Infinity : fromMs + random.logBetween(100, 15_000);
  const direction = random.pick<Direction | undefined>([undefined, undefined, "up", "down"]);
  return direction === undefined
    ? { fromMs, untilMs, conditions }
    : { fromMs, untilMs, direction, conditions };
}

function burst(random: SeededRandom): LinkConditions["burstLoss"] {
  return {
    enterRate: random.logBetween(0.001, 0.1),
    leaveRate: random.logBetween(0.05, 0.5),
    lossRate: random.between(0.5, 1),
  };
}

function scrambling(random: SeededRandom): Partial<LinkConditions> {
  return {
    jitterMs: random.chance(0.5) ? random.logBetween(0.1, 200) : 0,
    reorderRate: random.logBetween(0.005, 0.5),
    reorderMs: random.logBetween(0.5, 5000),
    duplicateRate: random.chance(0.6) ? random.logBetween(0.01, 0.8) : 0,
  };
}

function damage(random: SeededRandom): Partial<LinkConditions> {
  return {
    corruptRate: random.logBetween(0.01, 0.2),
    truncateRate: random.chance(0.5) ? random.logBetween(0.005, 0.1) : 0,
    duplicateRate: random.chance(0.3) ? 0.1 : 0,
  };
}

function blackout(random: SeededRandom): LinkFault {
  const fromMs = random.logBetween(20, 2000);
  const untilMs = fromMs + random.logBetween(100, LONGEST_BLACKOUT_MS);
  const direction = random.pick<Direction | undefined>([undefined, undefined, "up", "down"]);
  const conditions = { lossRate: 1 };
  return direction === undefined
    ? { fromMs, untilMs, conditions }
    : { fromMs, untilMs, direction, conditions };
}

function hostActions(
  random: SeededRandom,
  options: { has: (name: "moving" | "frozen") => boolean; clientCount: number },
): HostAction[] {
  const actions: HostAction[] = [];
  if (options.has("moving")) {
    for (let i = random.integer(1, 4); i > 0; i--) {
      const atMs = random.logBetween(1, 5000);
      if (options.clientCount > 1 && random.chance(0.3)) actions.push({ kind: "swap", atMs });
      else {
        const client = random.below(options.clientCount);
        actions.push({ kind: "rebind", atMs, client, isOtherHost: random.chance(0.3) });
      }
    }
  }
  if (options.has("frozen")) {
    const atMs = random.logBetween(5, 2000);
    const untilMs = atMs + random.logBetween(50, LONGEST_BLACKOUT_MS);
    const host = random.pick(["client", "server"] as const);
    actions.push({ kind: "freeze", atMs, untilMs, host });
  }
  return actions;
}

const ATTACKS: readonly Attack[] = [
  "garbage",
  "mutate",
  "spoof",
  "reflect",
  "replay",
  "hint",
  "initial",
  "cross",
];

function attackPlan(random: SeededRandom): AttackPlan {
  const attacks = ATTACKS.filter((name) => random.chance(name === "hint" ? 0.1 : 0.6));
  return {
    attacks: attacks.length === 0 ? ["replay"] : attacks,
    rate: random.logBetween(0.02, 1),
    fromMs: random.chance(0.6) ? 0 : random.logBetween(1, 500),
    untilMs: random.logBetween(500, 20_000),
  };
}

function streamPlans(random: SeededRandom, slowness: number): StreamPlan[] {
  const isMany = random.chance(0.2);
  const count = isMany ? random.integer(20, 150) : random.integer(1, 6);
  const hasBigOne = random.chance(0.12);
  const largest = (isMany ? 4000 : 60_000) * Math.max(slowness, 0.05);
  return Array.from({ length: count }, (_, id) => {
    const isBig = hasBigOne && id === 0;
    const size = () => isBig ? 2e6 * slowness : largest;
    return {
      id,
      opener: random.chance(0.75) ? "client" : "server",
      startMs: random.chance(0.6) ? 0 : random.logBetween(1, 3000),
      request: flow(random, size()),
      response: flow(random, size()),
      isAnswered: random.chance(0.4),
    };
  });
}

function flow(random: SeededRandom, largestBytes: number): FlowPlan {
  const sizeBytes = random.chance(0.1)
    ? random.pick([0, 0, 1, 2])
    : Math.floor(random.logBetween(1, largestBytes));
  const plan = plainFlow(sizeBytes);
  return {
    ...plan,
    resetAfterBytes: random.chance(0.08) ? random.below(sizeBytes + 1) : -1,
    stopAfterBytes: random.chance(0.08) ? random.below(sizeBytes + 1) : -1,
    // Slow, but never so slow that it takes more than some seconds.
    readBytesPerMs: random.chance(0.15)
      ? Math.max(sizeBytes / random.between(100, 4000), 0.5)
      : Infinity,
    endsLateMs: random.chance(0.15) ? random.logBetween(1, 2000) : 0,
  };
}

function settings(random: SeededRandom): Partial<TransportConfig> {
  const initialStreamWindowBytes = Math.floor(random.logBetween(4000, 4 << 20));
  return {
    initialStreamWindowBytes,
    maxStreamWindowBytes: initialStreamWindowBytes * random.pick([1, 4, 16]),
    initialWindowBytes: Math.floor(initialStreamWindowBytes * random.pick([0.5, 1, 1.5, 4])),
    maxWindowBytes: initialStreamWindowBytes * random.pick([1, 8, 64]),
    maxStreams: random.pick([1, 2, 4, 16, 128]),
    maxDatagramBytes: random.pick([1200, 1472, 1472, 65_507]),
    keyUpdatePackets: random.pick([5, 20, 100, 2 ** 22, 2 ** 22, 2 ** 22]),
    leastKeyUpdatePackets: 0,
    maxRateBytesPerSecond: random.chance(0.1) ? random.logBetween(100_000, 1e7) : Infinity,
    maxIdleTimeoutMs: random.pick([40_000, 120_000, 120_000, 300_000]),
  };
}

function ending(random: SeededRandom): Ending {
  const by = random.pick(["client", "server"] as const);
  if (random.chance(0.08)) return { kind: "midway", by, atMs: random.logBetween(5, 3000) };
  if (random.chance(0.05)) return { kind: "dark", atMs: random.logBetween(5, 3000) };
  return { kind: "when-settled", by };
}
