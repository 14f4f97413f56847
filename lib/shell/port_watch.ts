/**
 * Whether the server's port is closed while the server is silent: then its program has ended, and only
 * somebody who starts it again brings it back. A dark network and a stopped program give no such sign.
 *
 * The sign can be forged, and it can be lost: systems send few of them, and the network drops some. So one
 * counts for a while, a row of them must not be broken for longer than that, and all it does is to make
 * a transfer less patient.
 *
 * @module
 */

import type { Link, PortProbe } from "./link.ts";
import { pause, type ShellClock } from "./shell_clock.ts";
import { CancelledError } from "./shell_error.ts";

/** What a watch needs. */
export interface PortWatchOptions {
  /** null where ports cannot be asked: then none is ever known to be closed. */
  readonly probe: PortProbe | null;
  /** Time. */
  readonly clock: ShellClock;
  /** The port is closed; told once until the server answers. */
  onClosed(): void;
}

const ASK_MS = 1_000;
const LOOK_MS = 500;
/** A port that has refused nothing for so long, three questions that is, may be open again. */
const FORGET_MS = 6_000;

/** What is known of the server's port. */
export class PortWatch {
  readonly #options: PortWatchOptions;
  /** First and last refusal of the present row. */
  #row: { readonly sinceMs: number; lastMs: number } | null = null;
  #isTold = false;

  /** Makes a watch that knows nothing yet. */
  constructor(options: PortWatchOptions) {
    this.#options = options;
  }

  /** Since when the port is known to be closed; null when it is not. */
  get closedSinceMs(): number | null {
    return this.#row?.sinceMs ?? null;
  }

  /** The server has answered. */
  onAnswer(): void {
    this.#row = null;
    this.#isTold = false;
  }

  /** Asks about once a second while the server is silent, until `signal` fires. */
  async watch(
    address: Link["address"],
    options: { isSilent(): boolean; signal: AbortSignal },
  ): Promise<void> {
    const { probe, clock } = this.#options;
    const { signal } = options;
    if (probe === null) return;
    try {
      for (;;) {
        const isSilent = options.isSilent();
        if (isSilent) this.#learn(await probe.isClosed(address, signal));
        else this.onAnswer();
        await pause(clock, isSilent ? ASK_MS : LOOK_MS, signal);
      }
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
    }
  }

  #learn(isClosed: boolean): void {
    const nowMs = this.#options.clock.nowMs();
    if (!isClosed) {
      if (this.#row !== null && nowMs - this.#row.lastMs >= FORGET_MS) this.#row = null;
      return;
    }
    this.#row ??= { sinceMs: nowMs, lastMs: nowMs };
    this.#row.lastMs = nowMs;
    if (!this.#isTold) this.#options.onClosed();
    this.#isTold = true;
  }
}
