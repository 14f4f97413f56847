/**
 * The driver, set up the way both programs need it, and its connections as the shell sees them.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { fingerprint, type Identity, nodeAeadProvider, openLibcrypto } from "../crypto/mod.ts";
import {
  connect,
  type ConnectionHandle,
  type DriverOptions,
  isLoopback,
  Listener,
  openUdpSocket,
  SocketError,
  systemClock,
  TaskGroup,
} from "../driver/mod.ts";
import {
  FEATURES,
  featuresForAnyone,
  type RateSetting,
  type TransferGauge,
} from "../operations/mod.ts";
import { Caller, RemoteError, type Role, statusCode } from "../request/mod.ts";
import {
  CancelledError,
  causeOfLoss,
  ConnectFailure,
  type Connector,
  type Link,
  type LinkEnd,
  type LinkStats,
  type Target,
} from "../shell/mod.ts";
import {
  type ConnectionEnd,
  ConnectionError,
  METHOD_COOKIE,
  METHOD_NONE,
  type TransportConfig,
} from "../transport/mod.ts";
import type { ClientAccess } from "./client_access.ts";
import { wantedCpuMs } from "./cpu_time.ts";
import { lookUpHost } from "./host_lookup.ts";

/** What both programs say about their network. */
export interface NetworkOptions {
  /** False for the portable path only. */
  readonly ffi: boolean;
  /** Cap on sending, bytes per second; Infinity for none. */
  readonly maxRateBytesPerSecond: number;
  /** Background mode. */
  readonly isPolite: boolean;
  /** Congestion controller; null for the default. */
  readonly congestion: TransportConfig["congestion"] | null;
  /** This program's key. */
  readonly identity: Identity;
  /** A server: the role of whoever comes. */
  readonly roleOfAnyone?: Role;
}

/** What driver and log need of this process. */
export interface NetworkSetup {
  /** For `connect` and `listen`. */
  readonly driver: DriverOptions;
  /** This program's key. */
  readonly identity: Identity;
}

/** Chooses ciphers and settings. */
export function setUpNetwork(options: NetworkOptions): NetworkSetup {
  const libcrypto = options.ffi ? openLibcrypto() : null;
  const { maxRateBytesPerSecond, isPolite, congestion, identity, roleOfAnyone = "none" } = options;
  return {
    identity,
    driver: {
      identity,
      aead: libcrypto ?? nodeAeadProvider,
      // AES is the faster one through libcrypto and the slower one without.
      suites: libcrypto === null ? ["chacha20-poly1305"] : ["aes-128-gcm", "chacha20-poly1305"],
      ffi: options.ffi,
      config: {
        maxRateBytesPerSecond,
        isPolite,
        features: FEATURES.limits + FEATURES.knowsHeld + featuresForAnyone(roleOfAnyone),
        ...(congestion === null ? {} : { congestion }),
      },
    },
  };
}

/** Who may come in. */
export interface DoorKeeper {
  /** Gets ready for a port; nobody is answered before. */
  start(port: number): Promise<void>;
  /** The secret of a way of proving oneself in the handshake; null refuses that way. */
  pskFor(method: number): Uint8Array | null;
}

/**
 * Opens the server's port.
 *
 * @throws {SocketError} when it cannot be had.
 */
export async function openListener(
  setup: NetworkSetup,
  address: { hostname: string; port: number },
  keeper: DoorKeeper,
): Promise<Listener> {
  const { driver } = setup;
  const socket = openUdpSocket({ ...address, ffi: driver.ffi });
  try {
    await keeper.start(socket.address.port);
  } catch (error) {
    socket.close();
    throw error;
  }
  return new Listener(socket, { ...driver, pskFor: (method) => keeper.pskFor(method) });
}

/** How long the next address of a host waits for the one before it. RFC 8305 §5. */
const NEXT_ADDRESS_MS = 250;

/** A peer that has said nothing for so long is not waited for at the end. */
const SILENT_MS = 1_000;
/** Longest wait for the last acknowledgements. */
const SETTLE_MS = 2_000;

/** The clock's `sleep`. */
type Sleeper = (delayMs: number) => { readonly done: Promise<void>; cancel(): void };

/** How long to try, and what ends it early. */
interface ConnectLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Holds sending back from the first packet on. */
  readonly rate: RateSetting;
  /** A request waits: {@linkcode Connector.connect}. */
  readonly isHurried?: boolean;
}

/** What we prove in the handshake itself. */
interface HandshakeProof {
  readonly method: number;
  readonly psk: Uint8Array;
}

const NO_PROOF: HandshakeProof = { method: METHOD_NONE, psk: new Uint8Array(32) };

/** Makes the shell's connections. */
export class NetworkConnector implements Connector {
  readonly #setup: NetworkSetup;
  readonly #access: ClientAccess;
  readonly #sleep: Sleeper;

  /** Connects with this setup, and gets in with this access. */
  constructor(setup: NetworkSetup, access: ClientAccess, sleep: Sleeper) {
    this.#setup = setup;
    this.#access = access;
    this.#sleep = sleep;
  }

  async connect(target: Target, limits: ConnectLimits): Promise<Link> {
    const addresses = await lookUpHost(target.host);
    if (limits.signal.aborted) throw new CancelledError();
    const place = { target, addresses };
    return await this.#connectAsOwner(place, limits) ?? await this.#connectAsAnyone(place, limits);
  }

  /**
   * By the cookie of a server of the same user; null when there is none, or it is of another server.
   *
   * The server may have started again while it was asked, and a server's cookie is there before its first
   * answer: so after a refusal only a cookie that was not tried yet is worth another try.
   */
  async #connectAsOwner(place: Place, limits: ConnectLimits): Promise<Link | null> {
    const { target, addresses } = place;
    const refused = new Set<string>();
    for (;;) {
      const cookies = await this.#access.cookiesFor(addresses, target.port);
      const psk = cookies.find((cookie) => !refused.has(cookie.toHex()));
      if (psk === undefined) return null;
      try {
        const handle = await this.#reach(place, { method: METHOD_COOKIE, psk }, limits);
        return new NetworkLink(handle, this.#sleep, "owner");
      } catch (error) {
        if (!(error instanceof ConnectFailure) || error.kind !== "refused") throw error;
        refused.add(psk.toHex());
      }
    }
  }

  /** By a key that the server knows, or by the access code; a wrong one that was typed is asked for again. */
  async #connectAsAnyone(place: Place, limits: ConnectLimits): Promise<Link> {
    let typedCode: string | null = null;
    for (let attempt = 0;; attempt++) {
      const handle = await this.#reach(place, NO_PROOF, limits);
      const link = new NetworkLink(handle, this.#sleep, "none");
      const mayExpect = attempt === 0 && limits.isHurried === true;
      if (mayExpect && await this.#access.isExpected(place.target, handle.remoteIdentity)) {
        link.expectRole(this.#askRole(handle, link, limits.timeoutMs));
        return link;
      }
      try {
        const admission = await this.#admit(place.target, { handle, link, typedCode }, limits);
        if (admission.kind === "admitted") {
          link.role = admission.role;
          return link;
        }
      } finally {
        // Nobody keeps a server waiting while he looks for the code.
        if (link.role === "none") await link.close();
      }
      // It may be our own server that has only just started.
      const owner = attempt === 0 ? await this.#connectAsOwner(place, limits) : null;
      if (owner !== null) return owner;
      typedCode = await this.#access.askCode(place.target, attempt);
      if (limits.signal.aborted) throw new CancelledError();
    }
  }

  /** The role that a known server gives us; null when the answer was lost. */
  async #askRole(
    handle: ConnectionHandle,
    { caller }: NetworkLink,
    timeoutMs: number,
  ): Promise<Role | null> {
    const limit = new AbortController();
    const sleep = this.#sleep(timeoutMs);
    sleep.done.then(() => limit.abort());
    try {
      return await this.#access.askRole(caller, handle.remoteIdentity, limit.signal);
    } catch (error) {
      // Requests on this connection tell what is wrong with it.
      if (error instanceof StreamError || error instanceof RemoteError) return null;
      throw error;
    } finally {
      sleep.cancel();
    }
  }

  async #admit(
    target: Target,
    attempt: { handle: ConnectionHandle; link: NetworkLink; typedCode: string | null },
    { timeoutMs, signal }: ConnectLimits,
  ) {
    const { handle, link, typedCode } = attempt;
    const limit = new AbortController();
    const stop = () => limit.abort();
    const sleep = this.#sleep(timeoutMs);
    sleep.done.then(stop);
    signal.addEventListener("abort", stop);
    try {
      const { caller } = link;
      return await this.#access.admit({ handle, caller }, target, {
        typedCode,
        signal: limit.signal,
      });
    } catch (error) {
      if (signal.aborted) throw new CancelledError("Cancelled", { cause: error });
      throw admissionFailure(await causeOfLoss(error, link), target);
    } finally {
      signal.removeEventListener("abort", stop);
      sleep.cancel();
    }
  }

  /** A connection to one of the addresses of a host. */
  async #reach(
    { target, addresses }: Place,
    proof: HandshakeProof,
    { timeoutMs, signal, rate }: ConnectLimits,
  ): Promise<ConnectionHandle> {
    const race = new AbortController();
    const stop = () => race.abort();
    signal.addEventListener("abort", stop);
    try {
      const tries = addresses.map((hostname, index) =>
        this.#tryOne({ hostname, port: target.port }, {
          proof,
          delayMs: index * NEXT_ADDRESS_MS,
          timeoutMs,
          rate,
          race,
        })
      );
      const outcomes = await Promise.allSettled(tries);
      if (signal.aborted) await closeAll(outcomes);
      if (signal.aborted) throw new CancelledError();
      return firstHandle(outcomes, target, timeoutMs);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** One address; success ends the tries of the others. */
  async #tryOne(
    address: { hostname: string; port: number },
    options: {
      proof: HandshakeProof;
      delayMs: number;
      timeoutMs: number;
      rate: RateSetting;
      race: AbortController;
    },
  ): Promise<ConnectionHandle> {
    const { proof, delayMs, timeoutMs, rate, race } = options;
    if (delayMs > 0) await this.#wait(delayMs, race.signal);
    const { driver } = this.#setup;
    const handle = await connect({
      ...driver,
      ...address,
      ...proof,
      config: { ...driver.config, ...rate, handshakeTimeoutMs: Math.max(1, timeoutMs - delayMs) },
      signal: race.signal,
    });
    if (race.signal.aborted) {
      await handle.close();
      throw new CancelledError();
    }
    race.abort();
    return handle;
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const sleep = this.#sleep(delayMs);
    const stop = () => sleep.cancel();
    signal.addEventListener("abort", stop);
    await sleep.done;
    signal.removeEventListener("abort", stop);
    if (signal.aborted) throw new CancelledError();
  }
}

/** A host, and where it is. */
interface Place {
  readonly target: Target;
  readonly addresses: readonly string[];
}

/** A connection of the driver's. */
class NetworkLink implements Link {
  readonly caller: Caller;
  readonly gauge: TransferGauge;
  readonly peerFeatures: number;
  role: Role;
  admitted?: Promise<boolean>;
  readonly closed: Promise<LinkEnd>;
  readonly #handle: ConnectionHandle;
  readonly #sleep: Sleeper;
  readonly #tasks = new TaskGroup();
  #isOurs = false;
  #isPinging = false;

  constructor(handle: ConnectionHandle, sleep: Sleeper, role: Role) {
    this.role = role;
    this.#handle = handle;
    this.#sleep = sleep;
    this.caller = new Caller(handle);
    this.gauge = gaugeOf(handle);
    this.peerFeatures = handle.peerFeatures;
    this.closed = handle.closed.then(async (end) => {
      const isOurs = this.#isOurs;
      await handle.close(); // lets go of the socket
      return { isOurs, isStopping: isStopping(end), reason: endSentence(end) };
    });
  }

  get address() {
    return this.#handle.peer;
  }

  get fingerprint() {
    return fingerprint(this.#handle.remoteIdentity);
  }

  stats(): LinkStats {
    const stats = this.#handle.stats();
    const window = stats.windowBytes * 1000 / stats.rttMs;
    return {
      rttMs: stats.rttMs,
      minRttMs: Number.isFinite(stats.minRttMs) ? stats.minRttMs : NaN,
      rateBytesPerSecond: Math.min(stats.pacingRateBytesPerSecond, stats.maxRateBytesPerSecond),
      lossRate: stats.sentPackets === 0 ? 0 : stats.lostPackets / stats.sentPackets,
      deliveryRateBytesPerSecond: Number.isNaN(stats.bandwidthBytesPerSecond)
        ? window
        : stats.bandwidthBytesPerSecond,
      mtuBytes: stats.datagramBytes,
      bytesSent: stats.sentBytes,
      bytesReceived: stats.receivedBytes,
      silentMs: this.#handle.silentMs,
      inFlightBytes: stats.inFlightBytes,
      controller: `${stats.controller} (${stats.controllerState})`,
      suite: stats.suite,
      accelerators: acceleratorsOf(stats.aeadProvider, this.#handle.socket),
    };
  }

  holdBack(setting: RateSetting): void {
    this.#handle.holdBack(setting);
  }

  ping(): void {
    if (this.#isPinging) return;
    this.#isPinging = true;
    this.#tasks.run("ping", () => this.#exchangeNothing());
  }

  /** Takes the role when it comes; none ends the connection. */
  expectRole(coming: Promise<Role | null>): void {
    this.admitted = coming.then(async (role) => {
      this.role = role ?? "none";
      if (role === "none") await this.close();
      return role !== "none";
    });
  }

  async close(): Promise<void> {
    this.#isOurs = true;
    const isHeard = !this.#handle.hasEnded && this.#handle.silentMs < SILENT_MS;
    if (isHeard && !this.#handle.fitsInClose) await this.#settle();
    await this.#handle.close();
    await this.#tasks.join();
  }

  /** Verdicts of finished downloads still have to arrive; a peer that is gone gets no more than a moment. */
  async #settle(): Promise<void> {
    const limit = this.#sleep(SETTLE_MS);
    await Promise.race([this.caller.settle(), limit.done]);
    limit.cancel();
  }

  /** A stream without a request: the server acknowledges it and ends it too. */
  async #exchangeNothing(): Promise<void> {
    try {
      const stream = await this.#handle.openStream();
      await stream.finish();
      while (await stream.read() !== null);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error; // the connection has ended
    } finally {
      this.#isPinging = false;
    }
  }
}

/** What the transfers on a connection are judged by. */
export function gaugeOf(handle: ConnectionHandle): TransferGauge {
  return {
    meter: {
      nowMs: () => systemClock.nowMs(),
      cpuMs: wantedCpuMs,
      sendTimes: () => handle.sendTimes(),
    },
  };
}

/** Faster ways in use. */
export function acceleratorsOf(
  aeadProvider: string,
  socket: { readonly segmentationOffload: boolean; readonly receiveOffload: boolean },
): string[] {
  return [
    ...(aeadProvider === "libcrypto" ? ["libcrypto"] : []),
    ...(socket.segmentationOffload ? ["gso"] : []),
    ...(socket.receiveOffload ? ["gro"] : []),
  ];
}

function isStopping({ kind, code }: ConnectionEnd): boolean {
  return kind === "closed-by-peer" && code === statusCode("stopping");
}

/** How a connection ended, for people. Text of the peer may be in it: escape it when it is shown. */
export function endSentence(end: ConnectionEnd): string {
  const reason = end.reason === "" ? "" : `: ${end.reason}`;
  switch (end.kind) {
    case "closed":
      return `closed${reason}`;
    case "closed-by-peer":
      return `closed by the other side${reason}`;
    case "timed-out":
      return "no answer any more";
    case "error-by-peer":
    case "protocol-error":
      return `protocol error${reason}`;
    default:
      return `${end.kind.replaceAll("-", " ")}${reason}`;
  }
}

async function closeAll(
  outcomes: readonly PromiseSettledResult<ConnectionHandle>[],
): Promise<void> {
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") await outcome.value.close();
  }
}

/**
 * The handle of the try that succeeded.
 *
 * @throws {ConnectFailure} The most telling failure when none did.
 */
function firstHandle(
  outcomes: readonly PromiseSettledResult<ConnectionHandle>[],
  target: Target,
  timeoutMs: number,
): ConnectionHandle {
  const failures: ConnectFailure[] = [];
  const success = outcomes.find((outcome) => outcome.status === "fulfilled");
  if (success !== undefined) return success.value;
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") {
      failures.push(connectFailure(outcome.reason, target, timeoutMs));
    }
  }
  throw failures.find((failure) => failure.kind !== "unreachable") ?? failures[0]!;
}

function connectFailure(error: unknown, target: Target, timeoutMs: number): ConnectFailure {
  const name = `${target.host} port ${target.port}`;
  const options = { cause: error };
  if (error instanceof SocketError) return new ConnectFailure("other", error.message, options);
  if (!(error instanceof ConnectionError)) throw error;
  const { kind, reason } = error.end;
  switch (kind) {
    case "unreachable":
    case "timed-out": {
      const seconds = Math.round(timeoutMs / 100) / 10;
      return new ConnectFailure(
        "unreachable",
        `Cannot reach ${name}: no answer within ${seconds} s. Is the server running?`,
        options,
      );
    }
    case "send-refused":
      return new ConnectFailure(
        "unreachable",
        `Cannot reach ${name}: this machine has no way to that address`,
        options,
      );
    case "path-too-narrow":
      return new ConnectFailure(
        "unreachable",
        `Cannot reach ${name}: the network carries no packets of 1200 bytes; its MTU must be 1228 or more`,
        options,
      );
    case "version-mismatch":
      return new ConnectFailure(
        "version-mismatch",
        `The server at ${name} speaks another version of the protocol: bring both sides to the same version`,
        options,
      );
    case "refused":
    case "handshake-failed":
      return new ConnectFailure(
        "refused",
        `The server at ${name} refuses this client${reason === "" ? "" : `: ${reason}`}`,
        options,
      );
    default:
      return new ConnectFailure(
        "other",
        `Cannot connect to ${name}: ${endSentence(error.end)}`,
        options,
      );
  }
}

/** What a failure between connecting and being let in means. */
function admissionFailure(error: unknown, { host, port }: Target): unknown {
  const options = { cause: error };
  if (error instanceof RemoteError && error.status === "stopping") {
    return new ConnectFailure(
      "unreachable",
      `The server at ${host} port ${port} is stopping`,
      options,
    );
  }
  if (!(error instanceof StreamError)) return error;
  const reason = error.kind === "connection-lost" ? "the connection was lost" : "no answer in time";
  return new ConnectFailure(
    "unreachable",
    `Cannot reach ${host} port ${port}: ${reason} before the server said what this client may do`,
    options,
  );
}

/** An address under which other machines may reach a server, or null when it listens to this one only. */
export function outsideAddress(host: string): string | null {
  if (isLoopback(host)) return null;
  if (host !== "0.0.0.0" && host !== "::") return host;
  const permission = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  const interfaces = permission.state === "granted" ? Deno.networkInterfaces() : [];
  const usable = interfaces.filter(({ address }) => !isLoopback(address));
  const chosen = usable.find(({ family }) => family === "IPv4") ??
    usable.find(({ address }) => host === "::" && !address.startsWith("fe80"));
  return chosen?.address ?? "ADDRESS";
}
