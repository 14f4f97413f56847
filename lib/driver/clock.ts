import { setImmediate } from "node:timers";

/** Time as the driver sees it; the simulation has its own. */
export interface Clock {
  /** Milliseconds since an arbitrary start, fractional, never going back. */
  nowMs(): number;
  /** Starts a wait of `delayMs`. A real timer is coarse: expect 1–2 ms more, and never less than about 2 ms. */
  sleep(delayMs: number): Sleep;
  /** Resolves after one turn of the event loop (a few µs): sockets and files get their turn first. */
  yieldTurn(): Promise<void>;
}

/** A wait that can be cut short. */
export interface Sleep {
  /** Resolves when the time has passed or when `cancel()` is called; never rejects. */
  readonly done: Promise<void>;
  /** Ends the wait now and frees the timer. Harmless after the end. */
  cancel(): void;
}

/** The machine's monotonic clock and the event loop's timers. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),

  sleep(delayMs: number): Sleep {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, Math.min(delayMs, LONGEST_TIMER_MS)));
    return {
      done: promise,
      cancel: () => {
        clearTimeout(timer);
        resolve();
      },
    };
  },

  yieldTurn: () => new Promise<void>((resolve) => void setImmediate(resolve)),
};

/** `setTimeout` takes 31 bits and fires at once above that; a caller who sleeps 24 days wakes early and looks again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
