/**
 * What BBR is doing right now, and how much faster or slower than the path that is.
 *
 * @module
 */

/** The states of draft-ietf-ccwg-bbr §5.3; the middle four are its cycle of probing for bandwidth. */
export type PhaseName = "startup" | "drain" | "down" | "cruise" | "refill" | "up" | "probe-rtt";

/** Startup's growth: 2.77 times a round. */
export const STARTUP_GAIN = 2.77;
/** How much more than the known bandwidth a probe asks for. */
export const UP_GAIN = 1.25;
const DRAIN_GAIN = 0.5;
const DOWN_GAIN = 0.9;
const WINDOW_GAIN = 2;
const UP_WINDOW_GAIN = 2.25;

/** The running phase. */
export class Phase {
  /** Which one. */
  name: PhaseName = "startup";
  /** When it began. */
  sinceMs = 0;
  /** The round in which it began. */
  sinceRound = 0;
  /** Pacing rate, in bandwidths. */
  pacingGain: number = STARTUP_GAIN;
  /** Window, in bandwidth-delay products. */
  windowGain: number = WINDOW_GAIN;
  /** The pipe has been filled once: startup is over. draft-ietf-ccwg-bbr §5.3.1.2. */
  isFilled = false;

  /** Begins another phase. */
  enter(name: PhaseName, nowMs: number, round: number): void {
    this.name = name;
    this.sinceMs = nowMs;
    this.sinceRound = round;
    this.pacingGain = pacingGainOf(name);
    this.windowGain = name === "up" ? UP_WINDOW_GAIN : WINDOW_GAIN;
    if (name === "startup") this.isFilled = false;
  }
}

function pacingGainOf(name: PhaseName): number {
  switch (name) {
    case "startup":
      return STARTUP_GAIN;
    case "drain":
      return DRAIN_GAIN;
    case "down":
      return DOWN_GAIN;
    case "up":
      return UP_GAIN;
    case "cruise":
    case "refill":
    case "probe-rtt":
      return 1;
  }
}
