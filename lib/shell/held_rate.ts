/**
 * How both directions of the connection are held back: our own at once, the server's by asking it.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { type RateSetting, requestRate } from "../operations/mod.ts";
import { type Caller, RemoteError } from "../request/mod.ts";
import type { Link } from "./link.ts";
import { causeOfLoss } from "./loss_causes.ts";
import type { ShellClock } from "./shell_clock.ts";
import { CancelledError, ConnectFailure } from "./shell_error.ts";

/** Whether a setting asks for anything. */
export function isHeldBack({ maxRateBytesPerSecond, isPolite }: RateSetting): boolean {
  return maxRateBytesPerSecond < Infinity || isPolite;
}

/** What is wanted, and what the server of the present connection said to it. */
export class HeldRate {
  readonly #clock: ShellClock;
  readonly #note: (line: string) => void;
  /** What holds on every connection. */
  setting: RateSetting;
  /** What the server said it does about it; null when it was not asked or is too old. */
  serverSetting: RateSetting | null = null;

  /** `note` hears of servers that cannot be asked. */
  constructor(setting: RateSetting, clock: ShellClock, note: (line: string) => void) {
    this.setting = setting;
    this.#clock = clock;
    this.#note = note;
  }

  /**
   * A connection whose two directions are held back before anything else is asked on it.
   *
   * @throws {ConnectFailure | CancelledError}
   */
  async connect(
    connect: (rate: RateSetting) => Promise<Link>,
    limits: { timeoutMs: number; signal: AbortSignal; name: string },
  ): Promise<Link> {
    const { timeoutMs, signal, name } = limits;
    const isHeld = isHeldBack(this.setting);
    const link = await connect(this.setting);
    this.serverSetting = null;
    if (!isHeld) return link;
    const giveUp = new AbortController();
    const stop = () => giveUp.abort();
    const sleep = this.#clock.sleep(timeoutMs);
    sleep.done.then(stop);
    signal.addEventListener("abort", stop);
    try {
      await this.tell(link.caller, giveUp.signal);
      return link;
    } catch (error) {
      await link.close();
      if (signal.aborted) throw new CancelledError("Cancelled", { cause: error });
      const cause = await causeOfLoss(error, link);
      if (!(cause instanceof StreamError)) throw cause;
      const message = `Cannot reach ${name}: it did not answer in time`;
      throw new ConnectFailure("unreachable", message, { cause: error });
    } finally {
      signal.removeEventListener("abort", stop);
      sleep.cancel();
    }
  }

  /**
   * Asks the server to hold back what it sends.
   *
   * @throws {RemoteError} but not of a server that is too old.
   * @throws {StreamError}
   */
  async tell(caller: Caller, signal: AbortSignal): Promise<void> {
    try {
      this.serverSetting = await requestRate(caller, this.setting, { signal });
    } catch (error) {
      if (!(error instanceof RemoteError) || error.status !== "unsupported") throw error;
      this.serverSetting = null;
      this.#note(
        "This server is too old to hold back what it sends: only what is sent from here is.",
      );
    }
  }
}
