/**
 * How a client reaches a server and gets in: over all its addresses, by cookie, key or code.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { connect, type ConnectionHandle, type PortProbe } from "../driver/mod.ts";
import { type RateSetting, readsCompressed } from "../operations/mod.ts";
import { RemoteError, type Role } from "../request/mod.ts";
import {
  CancelledError,
  causeOfLoss,
  ConnectFailure,
  type Connector,
  type Link,
  type Target,
} from "../shell/mod.ts";
import { METHOD_COOKIE, METHOD_NONE } from "../transport/mod.ts";
import type { ClientAccess } from "./client_access.ts";
import { admissionFailure, connectFailure } from "./connect_failure.ts";
import { lookUpHost } from "./host_lookup.ts";
import type { NetworkSetup } from "./network.ts";
import { NetworkLink } from "./network_link.ts";
import { watchSilence } from "./silent_server.ts";
import { passes, type Sleeper } from "./sleeper.ts";

/** How long the next address of a host waits for the one before it. RFC 8305 §5. */
const NEXT_ADDRESS_MS = 250;

/** How long to try, and what ends it early. */
interface ConnectLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Holds sending back from the first packet on. */
  readonly rate: RateSetting;
  /** A request waits: {@linkcode Connector.connect}. */
  readonly isHurried?: boolean;
  /** Hears of a server that does not answer: {@linkcode Connector.connect}. */
  readonly note?: ((line: string) => void) | undefined;
}

/** What a connector needs besides. */
interface ConnectorTools {
  readonly sleep: Sleeper;
  /** null where ports cannot be asked. */
  readonly portProbe: PortProbe | null;
  /** `--compress`. */
  readonly wantsCompression: boolean;
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
  readonly #tools: ConnectorTools;

  /** Connects with this setup, and gets in with this access. */
  constructor(setup: NetworkSetup, access: ClientAccess, tools: ConnectorTools) {
    this.#setup = setup;
    this.#access = access;
    this.#tools = tools;
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
        return this.#link(handle, "owner", limits);
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
      const link = this.#link(handle, "none", limits);
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

  #link(handle: ConnectionHandle, role: Role, { note }: ConnectLimits): NetworkLink {
    const { sleep, wantsCompression } = this.#tools;
    const isCompressing = wantsCompression && readsCompressed(handle.peerFeatures);
    if (wantsCompression && !isCompressing) {
      note?.("This server is too old to compress: files travel as they are.");
    }
    return new NetworkLink(handle, { sleep, role, isCompressing });
  }

  /** The role that a known server gives us; null when the answer was lost. */
  async #askRole(
    handle: ConnectionHandle,
    { caller }: NetworkLink,
    timeoutMs: number,
  ): Promise<Role | null> {
    try {
      return await this.#within(
        timeoutMs,
        (limit) => this.#access.askRole(caller, handle.remoteIdentity, limit),
      );
    } catch (error) {
      // Requests on this connection tell what is wrong with it.
      if (error instanceof StreamError || error instanceof RemoteError) return null;
      throw error;
    }
  }

  async #admit(
    target: Target,
    attempt: { handle: ConnectionHandle; link: NetworkLink; typedCode: string | null },
    { timeoutMs, signal }: ConnectLimits,
  ) {
    const { handle, link, typedCode } = attempt;
    try {
      const { caller } = link;
      return await this.#within(
        timeoutMs,
        (limit) =>
          this.#access.admit({ handle, caller }, target, {
            typedCode,
            signal: AbortSignal.any([limit, signal]),
          }),
      );
    } catch (error) {
      if (signal.aborted) throw new CancelledError("Cancelled", { cause: error });
      throw admissionFailure(await causeOfLoss(error, link), target);
    }
  }

  /** Runs `work` with a signal that fires when it takes too long. */
  async #within<Result>(
    timeoutMs: number,
    work: (limit: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const limit = new AbortController();
    const sleep = this.#tools.sleep(timeoutMs);
    sleep.done.then(() => limit.abort());
    try {
      return await work(limit.signal);
    } finally {
      sleep.cancel();
    }
  }

  /** A connection to one of the addresses of a host. */
  async #reach(
    { target, addresses }: Place,
    proof: HandshakeProof,
    { timeoutMs, signal, rate, note }: ConnectLimits,
  ): Promise<ConnectionHandle> {
    const race = new AbortController();
    const stop = () => race.abort();
    signal.addEventListener("abort", stop);
    const { portProbe, sleep } = this.#tools;
    const silence = watchSilence(
      { name: `${target.host} port ${target.port}`, addresses, port: target.port },
      { probe: portProbe, sleep, note },
      race.signal,
    );
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
      race.abort(); // nobody is waited for any more
      const isPortClosed = await silence;
      if (signal.aborted) await closeAll(outcomes);
      if (signal.aborted) throw new CancelledError();
      return firstHandle(outcomes, target, { timeoutMs, isPortClosed });
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
    const isTurn = delayMs === 0 || await passes(this.#tools.sleep, delayMs, race.signal);
    if (!isTurn) throw new CancelledError();
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
}

/** A host, and where it is. */
interface Place {
  readonly target: Target;
  readonly addresses: readonly string[];
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
  wait: { timeoutMs: number; isPortClosed: boolean },
): ConnectionHandle {
  const failures: ConnectFailure[] = [];
  const success = outcomes.find((outcome) => outcome.status === "fulfilled");
  if (success !== undefined) return success.value;
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") {
      failures.push(connectFailure(outcome.reason, target, wait));
    }
  }
  throw failures.find((failure) => failure.kind !== "unreachable") ?? failures[0]!;
}
