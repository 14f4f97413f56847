/**
 * Whether the other side is still there while requests are under way.
 *
 * The transport waits for minutes, because a path may come back. A server that was started again never
 * does: it knows nothing of the connection. So when even a ping stays unanswered, a new connection is
 * tried beside the old one, and takes its place if it comes about.
 *
 * @module
 */

import type { Link } from "./link.ts";
import { pause, type ShellClock } from "./shell_clock.ts";

/** What a watch needs. */
export interface SilenceWatchOptions {
  /** Time. */
  readonly clock: ShellClock;
  /** How much more silence is borne after this much; Infinity while somebody waits for as long as it takes. */
  leftMs(silentMs: number): number;
  /** Tries a new connection; null when there is none within the time. */
  connect(timeoutMs: number, signal: AbortSignal): Promise<Link | null>;
  /** The other side has gone silent. */
  onSilence(): void;
  /** It speaks again. */
  onAnswer(): void;
}

/** How a watch ended. */
export type SilenceVerdict =
  | { readonly kind: "replaced"; readonly link: Link }
  | { readonly kind: "given-up" };

const WATCH_MS = 500;
/** Silence after which a sign of life is asked for. */
export const PING_MS = 1_000;
/** Silence after which a new connection is tried; half of it must have passed since the ping. */
const SUSPICIOUS_MS = 3_000;
/** How long each try lasts. */
const TRY_MS = 5_000;
/** When a new connection comes about because the path is back, the old one speaks within this time too. */
const REVIVAL_MS = 1_000;
/** The same, on slow paths. */
const REVIVAL_ROUND_TRIPS = 3;
const LOOK_AGAIN_MS = 50;

/**
 * Watches until the connection has to be given up.
 *
 * @throws {CancelledError} When `signal` fired: nobody waits any more.
 */
export async function watchForSilence(
  link: Link,
  options: SilenceWatchOptions,
  signal: AbortSignal,
): Promise<SilenceVerdict> {
  const { clock } = options;
  let askedMs: number | null = null;
  let isTold = false;
  for (;;) {
    await pause(clock, WATCH_MS, signal);
    const { silentMs, inFlightBytes } = link.stats();
    if (silentMs < PING_MS) {
      if (isTold) options.onAnswer();
      isTold = false;
      askedMs = null;
      continue;
    }
    if (inFlightBytes === 0) link.ping();
    askedMs ??= clock.nowMs();
    const leftMs = options.leftMs(silentMs);
    const suspiciousMs = Math.min(SUSPICIOUS_MS, silentMs + leftMs);
    if (silentMs < suspiciousMs || clock.nowMs() - askedMs < suspiciousMs / 2) continue;
    if (leftMs <= 0) return { kind: "given-up" };
    if (!isTold) options.onSilence();
    isTold = true;
    const next = await options.connect(Math.min(TRY_MS, leftMs), signal);
    if (next === null) continue;
    if (!(await hasRevived(link, clock, signal))) return { kind: "replaced", link: next };
    await next.close();
  }
}

/** Whether the old connection lives: it knows the path already, and has nothing to do twice. */
async function hasRevived(link: Link, clock: ShellClock, signal: AbortSignal): Promise<boolean> {
  const { rttMs } = link.stats();
  const untilMs = clock.nowMs() + Math.max(REVIVAL_MS, REVIVAL_ROUND_TRIPS * rttMs);
  while (link.stats().silentMs >= PING_MS) {
    if (!(clock.nowMs() < untilMs)) return false;
    await pause(clock, LOOK_AGAIN_MS, signal);
  }
  return true;
}
