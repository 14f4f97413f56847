/**
 * What outlives a command: the two current folders, the connection, and how requests bear its loss.
 *
 * @module
 */

import { REMOTE_ROOT, type RemotePath } from "../files/mod.ts";
import { type RateSetting, UNHELD } from "../operations/mod.ts";
import type { Caller } from "../request/mod.ts";
import { HeldRate } from "./held_rate.ts";
import { KeptConnection, type KeptConnectionOptions } from "./kept_connection.ts";
import type { Link, LinkEnd, Target } from "./link.ts";
import { isHeldByLostConnection, stopping, unknownOutcome, wasLost } from "./loss_causes.ts";
import { pause } from "./shell_clock.ts";
import { CancelledError } from "./shell_error.ts";

/** What a session is made of. */
export interface SessionOptions extends KeptConnectionOptions {
  /** Absolute path of the local folder to start in. */
  readonly localFolder: string;
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

/** A connection lost so often in a row without a byte of progress will not get better. */
const FUTILE_LOSS_COUNT = 5;
/** Our lost connection may still hold the target on the server: looked at again after this, then twice this… */
const BUSY_RETRY_MS = 500;

/** The state that commands share. */
export class Session {
  readonly #options: SessionOptions;
  readonly #rate: HeldRate;
  readonly #connection: KeptConnection;
  #runningCount = 0;
  /** Current folder on the server. */
  remoteFolder: RemotePath = REMOTE_ROOT;
  /** The local folder that the session began in, absolute: notes are kept there. */
  readonly homeFolder: string;
  /** Current local folder, absolute. */
  localFolder: string;

  /** Makes a session that is not connected yet. */
  constructor(options: SessionOptions) {
    const { clock, terminal, rate = UNHELD } = options;
    this.#options = options;
    this.#rate = new HeldRate(rate, clock, (line) => terminal.note(line));
    this.#connection = new KeptConnection(options, this.#rate, (end) => {
      if (this.#runningCount === 0) options.onIdleEnd?.(end);
    });
    this.homeFolder = options.localFolder;
    this.localFolder = options.localFolder;
  }

  /** The server last spoken to, or to be spoken to. */
  get target(): Target {
    return this.#connection.target;
  }

  /** The connection when there is one now. */
  get link(): Link | null {
    return this.#connection.link;
  }

  /** Whether there has ever been one, to this server or another. */
  get hasBeenConnected(): boolean {
    return this.#connection.hasBeenConnected;
  }

  /** How both directions are held back, on every connection. */
  get rate(): RateSetting {
    return this.#rate.setting;
  }

  /** What the server said it does about it on this connection; null when it was not asked or is too old. */
  get serverRate(): RateSetting | null {
    return this.link === null ? null : this.#rate.serverSetting;
  }

  /**
   * Holds both directions back from now on, on this connection and on those after it.
   *
   * @throws As {@linkcode Session.request}; the setting holds all the same.
   */
  async setRate(setting: RateSetting, signal: AbortSignal): Promise<void> {
    this.#rate.setting = setting;
    const { link } = this;
    if (link === null) return;
    link.holdBack(setting);
    await this.request(signal, (caller) => this.#rate.tell(caller, signal), { onLoss: "again" });
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
    const isOther = target.host !== this.target.host || target.port !== this.target.port;
    if (isOther) this.remoteFolder = REMOTE_ROOT;
    this.#connection.reopen(target);
    return (await this.#connection.ready(signal)).link;
  }

  /**
   * The connection, with its role known; made when there is none.
   *
   * @throws {ConnectFailure | NotConnectedError | CancelledError}
   */
  async connected(signal: AbortSignal): Promise<Link> {
    for (;;) {
      const { link } = await this.#connection.ready(signal);
      if (await link.admitted !== false) return link;
      await link.closed;
    }
  }

  /** Ends the connection; nothing but `open` brings it back. */
  async close(): Promise<void> {
    await this.#connection.close();
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
    const connection = this.#connection;
    const isPatient = options.onLoss === "patiently";
    let live = await connection.ready(signal, { isHurried: true });
    let futileCount = 0;
    let hasBeenLost = false;
    const madeProgress = () => {
      futileCount = 0;
    };
    for (;;) {
      const { link } = live;
      const isRepeated = hasBeenLost;
      try {
        const result = await connection.watched(live, isPatient, () => {
          return work(link.caller, madeProgress, { link, isRepeated });
        });
        await link.admitted;
        return result;
      } catch (error) {
        if (signal.aborted || ++futileCount > FUTILE_LOSS_COUNT) throw error;
        if (await link.admitted === false) {
          // Nothing was done on it. It takes asking somebody now.
          await link.closed;
          live = await connection.ready(signal);
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
      live = await connection.regain(live, signal, isPatient);
    }
  }
}
