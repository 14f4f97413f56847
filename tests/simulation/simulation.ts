/**
 * Runs a scenario and watches it.
 *
 * Safety, at every step: each stream's bytes arrive once, in order and equal; no nonce is used twice; no
 * packet is taken in twice; batches are cut at packets; nobody who did not ask for it gets more than
 * three times what was sent in their name, and nobody who cannot have asked gets anything; nothing is
 * reported after a connection's end; no host spins. Liveness: after the last fault everything ends in
 * bounded time, with streams settled and forgotten, or with a reason that the faults explain; in the end
 * no timer and no packet is left.
 *
 * @module
 */
import { createIdentity, nodeAeadProvider } from "../../lib/crypto/mod.ts";
import { congestionController as bbr } from "../../lib/transport/congestion/bbr.ts";
import { congestionController as cubic } from "../../lib/transport/congestion/cubic.ts";
import { congestionController as newReno } from "../../lib/transport/congestion/new_reno.ts";
import {
  type Address,
  type Connection,
  type ConnectionEnd,
  DEFAULT_TRANSPORT_CONFIG,
  Endpoint,
  METHOD_NONE,
  type TransportConfig,
} from "../../lib/transport/mod.ts";
import { AmplificationWatch } from "./amplification_watch.ts";
import { Attacker } from "./attacker.ts";
import type { HostAction, Scenario } from "./scenario.ts";
import { explainedFailures, settleLimitMs } from "./scenario_bounds.ts";
import { seededEntropy, SeededRandom } from "./seeded_entropy.ts";
import { SimulatedHost } from "./simulated_host.ts";
import { type LinkFault, type SeenPacket, SimulatedNetwork } from "./simulated_network.ts";
import { SharedPlans, StreamWorkload } from "./stream_workload.ts";
import { fastAead, KeyWatch } from "./watchful_aead.ts";

/** How a run went. */
export interface SimulationResult {
  /** What was wrong; empty when nothing was. */
  readonly failures: readonly string[];
  /** The same for two runs of one seed. */
  readonly traceHash: number;
  /** Stream bytes that arrived and were compared. */
  readonly verifiedBytes: number;
  /** Virtual time, ms. */
  readonly virtualMs: number;
  /** When the last stream was settled, ms; NaN when that never was. */
  readonly settledMs: number;
  /** How each client's connection ended, at the client. */
  readonly ends: readonly string[];
  /** Keys that sealed packets. */
  readonly keyCount: number;
  /** Packets sent by hosts. */
  readonly packetCount: number;
}

/** In different networks, so that a crowd does not look like one source. */
const clientHost = (index: number) => `192.${index >> 5}.2.${(index & 31) + 1}`;

const FACTORIES = { bbr, cubic, new_reno: newReno };
const SERVER: Address = { hostname: "10.0.0.1", port: 5555 };
const MIRROR: Address = { hostname: "10.0.0.2", port: 5555 };
const CLOSE_CODE = 7;
/** The longest idle timeout of a scenario, and a little. */
const LONGEST_IDLE_MS = 305_000;
const MAX_EVENTS = 1_500_000;
const MAX_REPLAYED = 400;

/** Runs a scenario to its end. `trace` gets a line for everything that happens. */
export function simulate(scenario: Scenario, trace?: (line: string) => void): SimulationResult {
  return new Simulation(scenario, trace ?? null).run();
}

interface ClientSide {
  readonly host: SimulatedHost;
  readonly shared: SharedPlans;
  readonly index: number;
  connection: Connection | null;
  peer: Connection | null;
  workload: StreamWorkload | null;
  peerWorkload: StreamWorkload | null;
  /** Why the attempt failed. */
  failed: ConnectionEnd | null;
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #trace: ((line: string) => void) | null;
  readonly #failures: string[] = [];
  readonly #network: SimulatedNetwork;
  readonly #keys = new KeyWatch((message) => this.#fail(message));
  readonly #random: SeededRandom;
  readonly #clients: ClientSide[] = [];
  readonly #server: SimulatedHost;
  readonly #mirror: SimulatedHost;
  readonly #recorded: SeenPacket[] = [];
  #settledMs = NaN;
  #nextPort = 40_000;

  constructor(scenario: Scenario, trace: ((line: string) => void) | null) {
    const { seed, link, faults, attack } = scenario;
    this.#scenario = scenario;
    this.#trace = trace;
    this.#random = new SeededRandom(seed, "simulation");
    this.#network = new SimulatedNetwork({ seed, link, faults });
    this.#network.trace = trace;
    this.#server = this.#host("server", SERVER, (nowMs) => this.#serverStep(nowMs));
    this.#mirror = this.#host("mirror", MIRROR, () => Infinity);
    for (const host of [this.#server, this.#mirror]) {
      new AmplificationWatch(this.#network, host, (message) => this.#fail(message));
    }
    if (scenario.isReplayedAfterwards) {
      this.#network.observers.push((packet) => this.#record(packet));
    }
    if (attack !== null) {
      new Attacker(this.#network, attack, { seed, servers: [SERVER, MIRROR] });
    }
    scenario.clients.forEach((plans, index) => {
      const address = { hostname: clientHost(index), port: this.#nextPort++ };
      const host = this.#host(
        `client${index}`,
        address,
        (nowMs) => this.#clientStep(client, nowMs),
      );
      const client: ClientSide = {
        host,
        index,
        shared: new SharedPlans(plans),
        connection: null,
        peer: null,
        workload: null,
        peerWorkload: null,
        failed: null,
      };
      this.#clients.push(client);
    });
  }

  run(): SimulationResult {
    const { clock } = this.#network;
    for (const action of this.#scenario.actions) clock.at(action.atMs, () => this.#act(action));
    this.#scheduleEnding();
    for (const { host } of this.#clients) {
      host.endpoint.connect(SERVER, { method: METHOD_NONE, psk: new Uint8Array(32) }, clock.nowMs);
      host.pump();
    }
    // The side that missed the last word of the other waits for its idle timeout.
    this.#runUntil(() => this.#isOver, settleLimitMs(this.#scenario) + LONGEST_IDLE_MS);
    if (this.#failures.length === 0) this.#checkEnds();
    if (this.#failures.length === 0 && this.#scenario.isReplayedAfterwards) this.#replayAll();
    if (this.#failures.length === 0) this.#checkSilence();
    return this.#result();
  }

  // ── Hosts ──────────────────────────────────────────────────────────────────────────────────────

  #host(name: string, address: Address, application: (nowMs: number) => number): SimulatedHost {
    const { seed, controller, hasRealCipher, latenessMs } = this.#scenario;
    const role = name.startsWith("client") ? "client" : "server";
    const entropy = seededEntropy(seed, name);
    const random = new SeededRandom(seed, `${name} congestion`);
    const overrides = role === "client" ? this.#scenario.clientConfig : this.#scenario.serverConfig;
    const config: TransportConfig = {
      ...DEFAULT_TRANSPORT_CONFIG,
      congestion: FACTORIES[controller],
      ...overrides,
    };
    const endpoint = new Endpoint({
      config,
      identity: createIdentity(entropy),
      entropy,
      random: () => random.next(),
      suites: this.#random.chance(0.5)
        ? ["aes-128-gcm", "chacha20-poly1305"]
        : ["chacha20-poly1305", "aes-128-gcm"],
      aead: this.#keys.watch(hasRealCipher ? nodeAeadProvider : fastAead),
      receiveBufferBytes: this.#random.pick([212_992, 4 << 20]),
      maxDatagramBytes: () => 65_507,
      pskFor: role === "server" ? () => new Uint8Array(32) : null,
      isDedicated: role === "client",
    });
    return new SimulatedHost({
      name,
      role,
      endpoint,
      network: this.#network,
      address,
      application,
      onViolation: (message) => this.#fail(message),
      lateness: { upToMs: latenessMs, random: new SeededRandom(seed, `${name} timers`) },
    });
  }

  #act(action: HostAction): void {
    switch (action.kind) {
      case "rebind": {
        const { host } = this.#clients[action.client]!;
        const { hostname } = this.#network.addressOf(host);
        const port = this.#nextPort++;
        this.#network.attach(host, {
          hostname: action.isOtherHost ? `203.0.113.${port % 250}` : hostname,
          port,
        });
        break;
      }
      case "swap":
        this.#network.swap(this.#clients[0]!.host, this.#clients[1]!.host);
        break;
      case "freeze": {
        const host = action.host === "server" ? this.#server : this.#clients[0]!.host;
        host.freeze(action.untilMs);
        break;
      }
    }
  }

  #clientStep(client: ClientSide, nowMs: number): number {
    const { endpoint } = client.host;
    for (const event of endpoint.events.splice(0)) {
      if (event.kind === "failed") client.failed = event.end;
      if (event.kind !== "connected") continue;
      if (client.connection !== null) this.#fail("one attempt made two connections");
      client.connection = event.connection;
      client.workload = this.#workload(event.connection, client.shared, nowMs);
    }
    const { connection, workload } = client;
    if (connection === null || workload === null) return Infinity;
    const nextMs = workload.step(nowMs);
    endpoint.wake(connection);
    this.#closeIfSettled(client);
    return nextMs;
  }

  #serverStep(nowMs: number): number {
    const { endpoint } = this.#server;
    for (const event of endpoint.events.splice(0)) {
      if (event.kind !== "accepted") continue;
      const { remoteId } = event.connection.handshake;
      const client = this.#clients.find(({ connection }) =>
        connection?.handshake.localId.equals(remoteId)
      );
      if (client === undefined || client.peer !== null) {
        this.#fail("the server accepted a connection that no client has");
        continue;
      }
      client.peer = event.connection;
      client.peerWorkload = this.#workload(event.connection, client.shared, nowMs);
    }
    let nextMs = Infinity;
    for (const client of this.#clients) {
      if (client.peer === null || client.peerWorkload === null) continue;
      nextMs = Math.min(nextMs, client.peerWorkload.step(nowMs));
      endpoint.wake(client.peer);
      this.#closeIfSettled(client);
    }
    return nextMs;
  }

  #workload(connection: Connection, shared: SharedPlans, nowMs: number): StreamWorkload {
    this.#trace?.(`${nowMs.toFixed(3).padStart(12)} ${connection.role} is connected`);
    return new StreamWorkload(connection, shared, {
      nowMs,
      onViolation: (message) => this.#fail(`${connection.role}: ${message}`),
    });
  }

  // ── Ending ─────────────────────────────────────────────────────────────────────────────────────

  #isSettled(client: ClientSide): boolean {
    return client.workload?.isSettled === true && client.peerWorkload?.isSettled === true &&
      client.connection?.streams.count === 0 && client.peer?.streams.count === 0;
  }

  #closeIfSettled(client: ClientSide): void {
    const { ending } = this.#scenario;
    const isLate = ending.kind === "midway" && this.#network.clock.nowMs >= ending.atMs;
    if (!isLate && !(ending.kind === "when-settled" && this.#isSettled(client))) return;
    const connection = ending.by === "client" ? client.connection : client.peer;
    if (connection === null || connection.end !== null) return;
    if (ending.kind === "when-settled") this.#settledMs = this.#network.clock.nowMs;
    this.#close(client, ending.by);
  }

  #close(client: ClientSide, by: "client" | "server"): void {
    const { nowMs } = this.#network.clock;
    const connection = by === "client" ? client.connection : client.peer;
    const host = by === "client" ? client.host : this.#server;
    if (connection === null) return;
    connection.close(CLOSE_CODE, "done", nowMs);
    host.endpoint.wake(connection);
    // Not within the other host's turn.
    this.#network.clock.at(nowMs, () => host.pump());
  }

  #scheduleEnding(): void {
    const { ending } = this.#scenario;
    if (ending.kind === "midway") {
      this.#network.clock.at(ending.atMs, () => {
        for (const client of this.#clients) this.#close(client, ending.by);
      });
      // Who is not connected by then is closed at once afterwards: see `#closeIfSettled`.
    } else if (ending.kind === "dark") {
      const dark: LinkFault = {
        fromMs: ending.atMs,
        untilMs: Infinity,
        conditions: { lossRate: 1 },
      };
      this.#network.addFault(dark);
    }
  }

  get #isOver(): boolean {
    if (this.#failures.length > 0) return true;
    for (const { failed, connection, host } of this.#clients) {
      if (failed === null && connection === null) return false;
      if (host.endpoint.connectionCount > 0) return false;
    }
    return this.#server.endpoint.connectionCount === 0;
  }

  // ── Oracles at the end ─────────────────────────────────────────────────────────────────────────

  #checkEnds(): void {
    if (!this.#isOver) {
      const rest = this.#clients.map((client) =>
        `[client ${client.index}: ${client.connection?.stateName}/${client.peer?.stateName}; ` +
        `${client.workload?.describeRest()}; ${client.peerWorkload?.describeRest()}; streams ` +
        `${client.connection?.streams.count}/${client.peer?.streams.count}]`
      );
      this.#fail(`not over after ${this.#network.clock.nowMs} ms: ${rest.join(" ")}`);
      return;
    }
    for (const client of this.#clients) {
      const { connection, peer, failed } = client;
      if (failed === null) {
        this.#checkEnd(client, connection!.end, peer === null ? null : peer.end);
      } else if (!explainedFailures(this.#scenario).includes(failed.kind)) {
        this.#fail(`the client could not connect: ${say(failed)}`);
      }
    }
  }

  #checkEnd(client: ClientSide, end: ConnectionEnd | null, peerEnd: ConnectionEnd | null): void {
    const { ending } = this.#scenario;
    const both = `client ${say(end)}, server ${say(peerEnd)}`;
    if (ending.kind === "dark") {
      for (const one of [end, peerEnd]) {
        if (one !== null && one.kind !== "timed-out") this.#fail(`in the dark: ${both}`);
      }
      return;
    }
    if (peerEnd === null) {
      // The FINISH never came through: only trouble explains that.
      const isExplained = ending.kind === "midway" || this.#scenario.faults.length > 0 ||
        this.#scenario.attack !== null || this.#scenario.actions.length > 0;
      if (!isExplained) this.#fail(`the server never heard of the connection: ${both}`);
      return;
    }
    const [closer, other] = ending.by === "client" ? [end, peerEnd] : [peerEnd, end];
    const isClosed = closer?.kind === "closed" &&
      (other?.kind === "timed-out" ||
        (other?.kind === "closed-by-peer" && other.code === CLOSE_CODE));
    if (!isClosed) this.#fail(`ended otherwise than planned: ${both} ${this.#rest(client)}`);
    if (ending.kind !== "when-settled") return;
    if (!this.#isSettled(client)) this.#fail("closed before all streams were settled");
    const lateMs = this.#settledMs - settleLimitMs(this.#scenario);
    if (lateMs > 0) this.#fail(`settled at ${this.#settledMs} ms, ${lateMs} ms too late`);
  }

  #rest(client: ClientSide): string {
    return `(${client.workload?.describeRest()}; ${client.peerWorkload?.describeRest()})`;
  }

  /** Everything that was ever on the wire comes once more: nothing may come of it. */
  #replayAll(): void {
    const { clock } = this.#network;
    const step = Math.max(1, Math.floor(this.#recorded.length / MAX_REPLAYED));
    const baseMs = clock.nowMs + 1000;
    for (let i = 0; i < this.#recorded.length; i += step) {
      this.#network.inject(this.#recorded[i]!, baseMs + i / 10);
    }
    this.#runUntil(() => false, baseMs + this.#recorded.length / 10 + 20_000);
    if (this.#server.endpoint.connectionCount > 0) this.#fail("a replay made a connection");
  }

  /** No timer is armed, no packet under way: with nobody talking, nothing more ever happens. */
  #checkSilence(): void {
    const { clock } = this.#network;
    this.#runUntil(() => false, clock.nowMs + 120_000);
    const sentBefore = this.#network.sentPackets;
    this.#runUntil(() => false, clock.nowMs + 1e6);
    if (this.#network.sentPackets !== sentBefore) this.#fail("hosts talk although all is over");
    for (const host of [this.#server, this.#mirror, ...this.#clients.map(({ host }) => host)]) {
      const deadlineMs = host.endpoint.nextDeadlineMs();
      if (deadlineMs !== Infinity) this.#fail(`${host.name} has a deadline left: ${deadlineMs}`);
    }
  }

  // ── Running ────────────────────────────────────────────────────────────────────────────────────

  #runUntil(isDone: () => boolean, limitMs: number): void {
    const { clock } = this.#network;
    while (this.#failures.length === 0 && !isDone() && clock.step(limitMs)) {
      if (clock.eventCount > MAX_EVENTS) this.#fail("too many events");
    }
  }

  #record(packet: SeenPacket): void {
    if (this.#recorded.length < 20_000) this.#recorded.push(packet);
  }

  #fail(message: string): void {
    const line = `at ${this.#network.clock.nowMs.toFixed(3)} ms: ${message}`;
    this.#trace?.(`FAILED ${line}`);
    if (this.#failures.length < 5) this.#failures.push(line);
  }

  #result(): SimulationResult {
    let verifiedBytes = 0;
    for (const { workload, peerWorkload } of this.#clients) {
      verifiedBytes += (workload?.verifiedBytes ?? 0) + (peerWorkload?.verifiedBytes ?? 0);
    }
    return {
      failures: this.#failures,
      traceHash: this.#network.traceHash,
      verifiedBytes,
      virtualMs: this.#network.clock.nowMs,
      settledMs: this.#settledMs,
      ends: this.#clients.map(({ failed, connection }) =>
        (failed ?? connection?.end)?.kind ?? "none"
      ),
      keyCount: this.#keys.sealingKeys,
      packetCount: this.#network.sentPackets,
    };
  }
}

function say(end: ConnectionEnd | null): string {
  return end === null ? "alive" : `${end.kind} ${end.code} "${end.reason}"`;
}
