/**
 * What outlives a command: the two current folders and the connection, which comes back by itself.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { REMOTE_ROOT, type RemotePath } from "../files/mod.ts";
import type { Caller } from "../request/mod.ts";
import { TransferError } from "../transfer/mod.ts";
import type { Connector, Link, LinkEnd, Target } from "./link.ts";
import {
  CancelledError,
  ConnectFailure,
  ConnectionLostError,
  NotConnectedError,
} from "./shell_error.ts";
import type { Terminal } from "./terminal.ts";

/** Time as the shell needs it; the driver's clock fits. */
export interface ShellClock {
  /** Milliseconds since an arbitrary start. */
  nowMs(): number;
  /** Starts a wait that can be cut short. */
  sleep(delayMs: number): { readonly done: Promise<void>; cancel(): void };
}

/** What a session is made of. */
export interface SessionOptions {
  /** Makes connections. */
  readonly connector: Connector;
  /** Time. */
  readonly clock: ShellClock;
  /** Where lost and regained connections are told. */
  readonly terminal: Terminal;
  /** The server to start with. */
  readonly target: Target;
  /** Absolute path of the local folder to start in. */
  readonly localFolder: string;
  /** How long to try to connect. */
  readonly timeoutMs: number;
  /** A person watches: a transfer waits for the server as long as that person does. */
  readonly isInteractive: boolean;
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
export type Work<T> = (caller: Caller, onProgress: () => void) => Promise<T>;

const RETRY_FIRST_MS = 250;
const RETRY_LONGEST_MS = 4_000;
/** A connection lost so often in a row without a byte of progress will not get better. */
const FUTILE_LOSS_COUNT = 5;

interface Live {
  readonly link: Link;
  end: LinkEnd | null;
}

/** The state that commands share. */
export class Session {
  readonly #options: SessionOptions;
  #target: Target;
  #live: Live | null = null;
  #isClosedByUser = false;
  #connecting: Promise<Live> | null = null;
  #runningCount = 0;
  /** Current folder on the server. */
  remoteFolder: RemotePath = REMOTE_ROOT;
  /** Current local folder, absolute. */
  localFolder: string;

  /** Makes a session that is not connected yet. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#target = options.target;
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

  /** Connects unless there is a connection. */
  async connected(signal: AbortSignal): Promise<Link> {
    return (await this.#ready(signal)).link;
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
    let live = await this.#ready(signal);
    let futileCount = 0;
    for (;;) {
      try {
        return await work(live.link.caller, () => futileCount = 0);
      } catch (error) {
        if (signal.aborted || !(await wasLost(live, error))) throw error;
        if (options.onLoss === "never") {
          throw new ConnectionLostError(
            "Connection lost before the server answered: it may or may not have been done",
            { cause: error },
          );
        }
        if (++futileCount > FUTILE_LOSS_COUNT) throw error;
      }
      live = await this.#regain(live, signal, options.onLoss === "patiently");
    }
  }

  /** The live connection, or a first try at one. */
  async #ready(signal: AbortSignal): Promise<Live> {
    if (this.#live?.end === null) return this.#live;
    if (this.#isClosedByUser) throw new NotConnectedError();
    this.#connecting ??= this.#establish(signal, this.#options.timeoutMs).finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
  }

  /** A new connection in place of a lost one; several requests that lost the same one share it. */
  async #regain(lost: Live, signal: AbortSignal, isPatient: boolean): Promise<Live> {
    if (this.#live !== lost && this.#live?.end === null) return this.#live;
    if (this.#isClosedByUser) throw new NotConnectedError();
    this.#connecting ??= this.#tryAgain(lost, signal, isPatient).finally(() => {
      this.#connecting = null;
    });
    return await this.#connecting;
  }

  async #tryAgain(lost: Live, signal: AbortSignal, isPatient: boolean): Promise<Live> {
    const { terminal, clock, timeoutMs, isInteractive } = this.#options;
    const name = `${this.#target.host} port ${this.#target.port}`;
    const reason = lost.end === null ? "" : ` (${lost.end.reason})`;
    terminal.note(`Connection to ${name} lost${reason}. Trying again…`);
    const isEndless = isPatient && isInteractive;
    const deadlineMs = isEndless ? Infinity : clock.nowMs() + timeoutMs;
    for (let delayMs = RETRY_FIRST_MS;; delayMs = Math.min(delayMs * 2, RETRY_LONGEST_MS)) {
      const remainingMs = deadlineMs - clock.nowMs();
      try {
        const live = await this.#establish(signal, Math.min(remainingMs, timeoutMs));
        terminal.note("Connected again.");
        return live;
      } catch (error) {
        if (!(error instanceof ConnectFailure) || error.kind !== "unreachable") throw error;
        if (clock.nowMs() + delayMs >= deadlineMs) {
          const seconds = Math.round(timeoutMs / 100) / 10;
          throw new ConnectionLostError(
            `Connection to ${name} lost and not back within ${seconds} s; what arrived is kept`,
            { cause: error },
          );
        }
      }
      await this.#pause(delayMs, signal);
    }
  }

  async #establish(signal: AbortSignal, timeoutMs: number): Promise<Live> {
    const link = await this.#options.connector.connect(this.#target, { timeoutMs, signal });
    const live: Live = { link, end: null };
    this.#live = live;
    link.closed.then((end) => {
      live.end = end;
      if (this.#live === live && this.#runningCount === 0 && !end.isOurs) {
        this.#options.onIdleEnd?.(end);
      }
    });
    const { host, port } = this.#target;
    this.#options.terminal.connected(host, port, link.role, link.fingerprint, link.stats());
    return live;
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    const sleep = this.#options.clock.sleep(delayMs);
    const stop = () => sleep.cancel();
    signal.addEventListener("abort", stop);
    await sleep.done;
    signal.removeEventListener("abort", stop);
    if (signal.aborted) throw new CancelledError();
  }
}

/** Whether an error means that the connection is gone. The end may be told a moment after the error. */
async function wasLost(live: Live, error: unknown): Promise<boolean> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof StreamError && cause.kind === "connection-lost") return true;
    if (cause instanceof TransferError && cause.retryable) return true;
  }
  await Promise.resolve();
  return live.end !== null;
}
