/**
 * A connection that comes back by itself: made when it is first needed, watched while requests are under way, and
 * replaced when it was lost or has gone silent.
 *
 * @module
 */

import type { RateSetting } from "../operations/mod.ts";
import { type HeldRate, isHeldBack } from "./held_rate.ts";
import type { Connector, Link, LinkEnd, PortProbe, Target } from "./link.ts";
import { PortWatch } from "./port_watch.ts";
import { pause, type ShellClock } from "./shell_clock.ts";
import {
  CancelledError,
  ConnectFailure,
  ConnectionLostError,
  NotConnectedError,
} from "./shell_error.ts";
import { PING_MS, watchForSilence } from "./silence_watch.ts";
import type { Terminal } from "./terminal.ts";

/** What it is made of. */
export interface KeptConnectionOptions {
  /** Makes connections. */
  readonly connector: Connector;
  /** Asks whether the server's port is closed; null where that cannot be asked. */
  readonly portProbe: PortProbe | null;
  /** Time. */
  readonly clock: ShellClock;
  /** Where lost and regained connections are told. */
  readonly terminal: Terminal;
  /** The server to start with. */
  readonly target: Target;
  /**
   * How long to try to connect, to wait for the answer to a small request, and for a transfer to wait for a
   * server whose port is closed.
   */
  readonly timeoutMs: number;
  /** How long a transfer waits for a server that has gone silent and may still be there. */
  readonly patienceMs: number;
  /** A person watches: a transfer waits for the server as long as that person does. */
  readonly isInteractive: boolean;
}

/** One of the connections, as long as somebody speaks of it. */
export interface Live {
  /** The connection. */
  readonly link: Link;
  /** How it ended; null while it goes on. */
  end: LinkEnd | null;
  /** It was silent for so long that nothing more is tried. */
  isGivenUp: boolean;
  /** Requests under way. */
  requestCount: number;
  /** Those among them that a person waits for. */
  patientCount: number;
}

const RETRY_FIRST_MS = 250;
const RETRY_LONGEST_MS = 4_000;

interface ConnectManner {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly isHurried?: boolean;
  /** The first try: nobody has said yet that the server does not answer. */
  readonly isFirst?: boolean;
}

/** The connection to one server at a time. */
export class KeptConnection {
  readonly #options: KeptConnectionOptions;
  readonly #rate: HeldRate;
  readonly #onEnd: (end: LinkEnd) => void;
  readonly #port: PortWatch;
  #target: Target;
  #live: Live | null = null;
  #isClosedByUser = false;
  #hasBeenConnected = false;
  #connecting: Promise<Live> | null = null;
  #watch: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;

  /** Is not connected yet. `onEnd` hears of an end of the present connection that nobody here asked for. */
  constructor(options: KeptConnectionOptions, rate: HeldRate, onEnd: (end: LinkEnd) => void) {
    this.#options = options;
    this.#rate = rate;
    this.#onEnd = onEnd;
    this.#port = new PortWatch({
      probe: options.portProbe,
      clock: options.clock,
      onClosed: () => options.terminal.note("The server's port is closed. Trying again…"),
    });
    this.#target = options.target;
  }

  /** The server last spoken to, or to be spoken to. */
  get target(): Target {
    return this.#target;
  }

  /** The connection when there is one now. */
  get link(): Link | null {
    return this.#live?.end === null ? this.#live.link : null;
  }

  /** Whether there has ever been one, to this server or another. */
  get hasBeenConnected(): boolean {
    return this.#hasBeenConnected;
  }

  /** From now on there may be a connection to this server. {@linkcode KeptConnection.close} comes before. */
  reopen(target: Target): void {
    this.#target = target;
    this.#isClosedByUser = false;
  }

  /** Ends the connection; nothing but {@linkcode KeptConnection.reopen} brings it back. */
  async close(): Promise<void> {
    this.#isClosedByUser = true;
    const live = this.#live;
    this.#live = null;
    if (live?.end === null) await live.link.close();
  }

  /**
   * The live connection, or a first try at one; with `isHurried` its role may still be to come.
   *
   * @throws {ConnectFailure | NotConnectedError | CancelledError}
   */
  async ready(signal: AbortSignal, { isHurried = false } = {}): Promise<Live> {
    if (this.#live?.end === null) return this.#live;
    if (this.#isClosedByUser) throw new NotConnectedError();
    const { timeoutMs } = this.#options;
    const manner = { timeoutMs, signal, isHurried, isFirst: true };
    this.#connecting ??= this.#establish(manner).finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
  }

  /**
   * A new connection in place of a lost one; several requests that lost the same one share it.
   *
   * @throws {ConnectionLostError | ConnectFailure | NotConnectedError | CancelledError}
   */
  async regain(lost: Live, signal: AbortSignal, isPatient: boolean): Promise<Live> {
    if (this.#live !== lost && this.#live?.end === null) return this.#live;
    if (this.#isClosedByUser) throw new NotConnectedError();
    if (lost.isGivenUp) throw this.#lostForGood(isPatient);
    this.#connecting ??= this.#tryAgain(lost, signal, isPatient).finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
  }

  /** Runs a request while somebody looks whether the other side is still there. */
  async watched<T>(live: Live, isPatient: boolean, work: () => Promise<T>): Promise<T> {
    live.requestCount++;
    if (isPatient) live.patientCount++;
    if (live.requestCount === 1) this.#startWatch(live);
    try {
      return await work();
    } finally {
      live.requestCount--;
      if (isPatient) live.patientCount--;
      if (live.requestCount === 0) await this.#stopWatch();
    }
  }

  #startWatch(live: Live): void {
    const stop = new AbortController();
    this.#watch = { stop, done: this.#watchOver(live, stop.signal) };
  }

  async #stopWatch(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    watch?.stop.abort();
    await watch?.done;
  }

  async #watchOver(live: Live, signal: AbortSignal): Promise<void> {
    const { clock, terminal } = this.#options;
    const options = {
      clock,
      leftMs: (silentMs: number) => this.#leftMs(silentMs, live.patientCount > 0),
      connect: (tryMs: number) => this.#tryBeside(tryMs, signal),
      onSilence: () => {
        if (this.#port.closedSinceMs !== null) return; // it was told that
        terminal.note(`No answer from ${this.#name()} any more. Trying again…`);
      },
      onAnswer: () => terminal.note("The server answers again."),
    };
    const stop = new AbortController();
    const asking = this.#port.watch(live.link.address, {
      isSilent: () => live.end !== null || live.link.stats().silentMs >= PING_MS,
      signal: AbortSignal.any([signal, stop.signal]),
    });
    try {
      const verdict = await watchForSilence(live.link, options, signal);
      live.end ??= { isOurs: false, isStopping: false, reason: "no answer any more" };
      live.isGivenUp = verdict.kind === "given-up";
      if (verdict.kind === "replaced") {
        this.#adopt(verdict.link);
        terminal.note("Connected again.");
      }
      // Ends the requests on it; they go on with the new one.
      await live.link.close();
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
    } finally {
      stop.abort();
      await asking;
    }
  }

  async #tryBeside(timeoutMs: number, signal: AbortSignal): Promise<Link | null> {
    try {
      return await this.#connect({ timeoutMs, signal });
    } catch (error) {
      if (error instanceof ConnectFailure) return null;
      throw error;
    }
  }

  async #tryAgain(lost: Live, signal: AbortSignal, isPatient: boolean): Promise<Live> {
    const { terminal } = this.#options;
    const reason = lost.end === null ? "" : ` (${lost.end.reason})`;
    terminal.note(`Connection to ${this.#name()} lost${reason}. Trying again…`);
    const stop = new AbortController();
    const asking = this.#port.watch(lost.link.address, {
      isSilent: () => true,
      signal: stop.signal,
    });
    try {
      const live = await this.#tryUntilBack(signal, isPatient);
      terminal.note("Connected again.");
      return live;
    } finally {
      stop.abort();
      await asking;
    }
  }

  async #tryUntilBack(signal: AbortSignal, isPatient: boolean): Promise<Live> {
    const { clock, timeoutMs } = this.#options;
    const lostMs = clock.nowMs();
    const leftMs = () => this.#leftMs(clock.nowMs() - lostMs, isPatient);
    for (let delayMs = RETRY_FIRST_MS;; delayMs = Math.min(delayMs * 2, RETRY_LONGEST_MS)) {
      try {
        return await this.#establish({ timeoutMs: Math.min(leftMs(), timeoutMs), signal });
      } catch (error) {
        if (!(error instanceof ConnectFailure)) throw error;
        if (error.kind !== "unreachable") throw error;
        if (delayMs >= leftMs()) throw this.#lostForGood(isPatient, error);
      }
      await pause(clock, delayMs, signal);
      if (leftMs() <= 0) throw this.#lostForGood(isPatient);
    }
  }

  async #establish(manner: ConnectManner): Promise<Live> {
    return this.#adopt(await this.#connect(manner));
  }

  async #connect({ timeoutMs, signal, isHurried = false, isFirst }: ConnectManner): Promise<Link> {
    const { connector, terminal } = this.#options;
    const note = isFirst ? (line: string) => terminal.note(line) : undefined;
    const connect = (rate: RateSetting) => {
      return connector.connect(this.#target, {
        ...{ timeoutMs, signal, rate, note },
        isHurried: isHurried && !isHeldBack(rate),
      });
    };
    return await this.#rate.connect(connect, { timeoutMs, signal, name: this.#name() });
  }

  /** Makes a new connection the present one. */
  #adopt(link: Link): Live {
    const live: Live = { link, end: null, isGivenUp: false, requestCount: 0, patientCount: 0 };
    this.#live = live;
    this.#hasBeenConnected = true;
    this.#port.onAnswer();
    link.closed.then((end) => {
      const isNews = live.end === null && !end.isOurs;
      live.end ??= end;
      if (isNews && this.#live === live) this.#onEnd(end);
    });
    const { host, port } = this.#target;
    const tell = () => {
      this.#options.terminal.connected(host, port, link.role, link.fingerprint, link.stats());
    };
    if (link.admitted === undefined) tell();
    else {
      link.admitted.then(() => {
        if (link.role !== "none") tell();
      });
    }
    return live;
  }

  #name(): string {
    return `${this.#target.host} port ${this.#target.port}`;
  }

  /** How much longer a server may be away; for ever when a person waits for a transfer. */
  #leftMs(awayMs: number, isPatient: boolean): number {
    const { clock, timeoutMs, patienceMs, isInteractive } = this.#options;
    if (!isPatient) return timeoutMs - awayMs;
    if (isInteractive) return Infinity;
    const { closedSinceMs } = this.#port;
    if (closedSinceMs === null) return patienceMs - awayMs;
    return Math.min(patienceMs - awayMs, closedSinceMs + timeoutMs - clock.nowMs());
  }

  #lostForGood(isPatient: boolean, cause?: unknown): ConnectionLostError {
    const { timeoutMs, patienceMs } = this.#options;
    const isLong = isPatient && this.#port.closedSinceMs === null;
    const seconds = Math.round((isLong ? patienceMs : timeoutMs) / 100) / 10;
    return new ConnectionLostError(
      `Connection to ${this.#name()} lost and not back within ${seconds} s; what arrived is kept`,
      { cause },
    );
  }
}
