/**
 * What outlives a command: the two current folders and the connection, which comes back by itself.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { REMOTE_ROOT, type RemotePath } from "../files/mod.ts";
import { type RateSetting, requestRate, UNHELD } from "../operations/mod.ts";
import { type Caller, RemoteError } from "../request/mod.ts";
import type { Connector, Link, LinkEnd, PortProbe, Target } from "./link.ts";
import {
  causeOfLoss,
  isHeldByLostConnection,
  stopping,
  unknownOutcome,
  wasLost,
} from "./loss_causes.ts";
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

/** What a session is made of. */
export interface SessionOptions {
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
  /** Absolute path of the local folder to start in. */
  readonly localFolder: string;
  /**
   * How long to try to connect, to wait for the answer to a small request, and for a transfer to wait for a
   * server whose port is closed.
   */
  readonly timeoutMs: number;
  /** How long a transfer waits for a server that has gone silent and may still be there. */
  readonly patienceMs: number;
  /** A person watches: a transfer waits for the server as long as that person does. */
  readonly isInteractive: boolean;
  /** How both directions are held back to begin with; not at all when absent. */
  readonly rate?: RateSetting;
  /** Called when the connection ends while no command runs. */
  readonly onIdleEnd?: (end: LinkEnd) => void;
}

/** How a request behaves when the connection is lost under it. */
export interface RequestOptions {
  /**
   * `again`: doing it twice does no harm. `patiently`: the same, and worth waiting for (a transfer).
   * `never`: the server may have done it, so only the user can tell.
   */
  readonly onLoss: "again" | "patiently" | "never";
}

/** A piece of work with a connection; it may run several times. */
export type Work<T> = (caller: Caller, onProgress: () => void, attempt: Attempt) => Promise<T>;

/** One time that a piece of work runs. */
export interface Attempt {
  /** The connection. */
  readonly link: Link;
  /** The connection was lost under an earlier time, whose outcome is not known. */
  readonly isRepeated: boolean;
}

const RETRY_FIRST_MS = 250;
const RETRY_LONGEST_MS = 4_000;
/** A connection lost so often in a row without a byte of progress will not get better. */
const FUTILE_LOSS_COUNT = 5;
/** Our lost connection may still hold the target on the server: looked at again after this, then twice this… */
const BUSY_RETRY_MS = 500;

interface ConnectManner {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly isHurried?: boolean;
  /** The first try: nobody has said yet that the server does not answer. */
  readonly isFirst?: boolean;
}

interface Live {
  readonly link: Link;
  end: LinkEnd | null;
  /** It was silent for so long that nothing more is tried. */
  isGivenUp: boolean;
  /** Requests under way. */
  requestCount: number;
  /** Those among them that a person waits for. */
  patientCount: number;
}

/** The state that commands share. */
export class Session {
  readonly #options: SessionOptions;
  readonly #port: PortWatch;
  #target: Target;
  #live: Live | null = null;
  #isClosedByUser = false;
  #hasBeenConnected = false;
  #connecting: Promise<Live> | null = null;
  #watch: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;
  #runningCount = 0;
  #rate: RateSetting;
  #serverRate: RateSetting | null = null;
  /** Current folder on the server. */
  remoteFolder: RemotePath = REMOTE_ROOT;
  /** The local folder that the session began in, absolute: notes are kept there. */
  readonly homeFolder: string;
  /** Current local folder, absolute. */
  localFolder: string;

  /** Makes a session that is not connected yet. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#port = new PortWatch({
      probe: options.portProbe,
      clock: options.clock,
      onClosed: () => options.terminal.note("The server's port is closed. Trying again…"),
    });
    this.#target = options.target;
    this.#rate = options.rate ?? UNHELD;
    this.homeFolder = options.localFolder;
    this.localFolder = options.localFolder;
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

  /** How both directions are held back, on every connection. */
  get rate(): RateSetting {
    return this.#rate;
  }

  /** What the server said it does about it on this connection; null when it was not asked or is too old. */
  get serverRate(): RateSetting | null {
    return this.link === null ? null : this.#serverRate;
  }

  /**
   * Holds both directions back from now on, on this connection and on those after it.
   *
   * @throws As {@linkcode Session.request}; the setting holds all the same.
   */
  async setRate(setting: RateSetting, signal: AbortSignal): Promise<void> {
    this.#rate = setting;
    const { link } = this;
    if (link === null) return;
    link.holdBack(setting);
    await this.request(signal, (caller) => this.#tellRate(caller, signal), { onLoss: "again" });
  }

  /** Milliseconds since an arbitrary start. */
  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  /**
   * Connects, ending the present connection first.
   *
   * @throws {ConnectFailure | CancelledError}
   */
  async open(target: Target, signal: AbortSignal): Promise<Link> {
    await this.close();
    const isOther = target.host !== this.#target.host || target.port !== this.#target.port;
    if (isOther) this.remoteFolder = REMOTE_ROOT;
    this.#target = target;
    this.#isClosedByUser = false;
    return (await this.#ready(signal)).link;
  }

  /**
   * The connection, with its role known; made when there is none.
   *
   * @throws {ConnectFailure | NotConnectedError | CancelledError}
   */
  async connected(signal: AbortSignal): Promise<Link> {
    for (;;) {
      const { link } = await this.#ready(signal);
      if (await link.admitted !== false) return link;
      await link.closed;
    }
  }

  /** Ends the connection; nothing but `open` brings it back. */
  async close(): Promise<void> {
    this.#isClosedByUser = true;
    const live = this.#live;
    this.#live = null;
    if (live?.end === null) await live.link.close();
  }

  /**
   * Does `work` with a connection, connecting first when there is none, and does what `onLoss` says when it
   * is lost on the way.
   *
   * @throws Whatever `work` throws for another reason; {@linkcode CancelledError} when `signal` fired;
   *   {@linkcode ConnectionLostError} when the connection did not come back.
   */
  async request<T>(signal: AbortSignal, work: Work<T>, options: RequestOptions): Promise<T> {
    this.#runningCount++;
    try {
      return await this.#request(signal, work, options);
    } catch (error) {
      if (signal.aborted && !(error instanceof CancelledError)) {
        throw new CancelledError("Cancelled", { cause: error });
      }
      throw error;
    } finally {
      this.#runningCount--;
    }
  }

  async #request<T>(signal: AbortSignal, work: Work<T>, options: RequestOptions): Promise<T> {
    const isPatient = options.onLoss === "patiently";
    let live = await this.#ready(signal, { isHurried: true });
    let futileCount = 0;
    let hasBeenLost = false;
    const madeProgress = () => {
      futileCount = 0;
    };
    for (;;) {
      const { link } = live;
      const isRepeated = hasBeenLost;
      try {
        const result = await this.#watched(live, isPatient, () => {
          return work(link.caller, madeProgress, { link, isRepeated });
        });
        await link.admitted;
        return result;
      } catch (error) {
        if (signal.aborted || ++futileCount > FUTILE_LOSS_COUNT) throw error;
        if (await link.admitted === false) {
          // Nothing was done on it. It takes asking somebody now.
          await link.closed;
          live = await this.#ready(signal);
          continue;
        }
        if (hasBeenLost && isHeldByLostConnection(error)) {
          await pause(this.#options.clock, BUSY_RETRY_MS * futileCount, signal);
          continue;
        }
        if (!(await wasLost(live, error))) throw error;
        if ((live.end ?? await link.closed).isStopping) throw stopping(error);
        if (options.onLoss === "never") throw unknownOutcome(error);
      }
      hasBeenLost = true;
      live = await this.#regain(live, signal, isPatient);
    }
  }

  /** Runs a request while somebody looks whether the other side is still there. */
  async #watched<T>(live: Live, isPatient: boolean, work: () => Promise<T>): Promise<T> {
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

  /** The live connection, or a first try at one; with `isHurried` its role may still be to come. */
  async #ready(signal: AbortSignal, { isHurried = false } = {}): Promise<Live> {
    if (this.#live?.end === null) return this.#live;
    if (this.#isClosedByUser) throw new NotConnectedError();
    const { timeoutMs } = this.#options;
    const manner = { timeoutMs, signal, isHurried, isFirst: true };
    this.#connecting ??= this.#establish(manner).finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
  }

  /** A new connection in place of a lost one; several requests that lost the same one share it. */
  async #regain(lost: Live, signal: AbortSignal, isPatient: boolean): Promise<Live> {
    if (this.#live !== lost && this.#live?.end === null) return this.#live;
    if (this.#isClosedByUser) throw new NotConnectedError();
    if (lost.isGivenUp) throw this.#lostForGood(isPatient);
    this.#connecting ??= this.#tryAgain(lost, signal, isPatient).finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
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

  /** A connection whose two directions are held back before anything else is asked on it. */
  async #connect(
    { timeoutMs, signal, isHurried = false, isFirst }: ConnectManner,
  ): Promise<Link> {
    const { connector, clock, terminal } = this.#options;
    const rate = this.#rate;
    const isHeld = rate.maxRateBytesPerSecond < Infinity || rate.isPolite;
    const note = isFirst ? (line: string) => terminal.note(line) : undefined;
    const manner = { timeoutMs, signal, rate, isHurried: isHurried && !isHeld, note };
    const link = await connector.connect(this.#target, manner);
    this.#serverRate = null;
    if (!isHeld) return link;
    const giveUp = new AbortController();
    const stop = () => giveUp.abort();
    const sleep = clock.sleep(timeoutMs);
    sleep.done.then(stop);
    signal.addEventListener("abort", stop);
    try {
      await this.#tellRate(link.caller, giveUp.signal);
      return link;
    } catch (error) {
      await link.close();
      if (signal.aborted) throw new CancelledError("Cancelled", { cause: error });
      const cause = await causeOfLoss(error, link);
      if (!(cause instanceof StreamError)) throw cause;
      const message = `Cannot reach ${this.#name()}: it did not answer in time`;
      throw new ConnectFailure("unreachable", message, { cause: error });
    } finally {
      signal.removeEventListener("abort", stop);
      sleep.cancel();
    }
  }

  async #tellRate(caller: Caller, signal: AbortSignal): Promise<void> {
    try {
      this.#serverRate = await requestRate(caller, this.#rate, { signal });
    } catch (error) {
      if (!(error instanceof RemoteError) || error.status !== "unsupported") throw error;
      this.#serverRate = null;
      this.#options.terminal.note(
        "This server is too old to hold back what it sends: only what is sent from here is.",
      );
    }
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
      if (isNews && this.#live === live && this.#runningCount === 0) this.#options.onIdleEnd?.(end);
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
