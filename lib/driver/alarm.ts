/**
 * One timer that is set anew only when it would ring too late.
 *
 * Deadlines move with every packet, nearly always into the future. A timer made and dropped each time cost 3 %
 * of what receiving costs; one that rings too early now and then costs a look.
 *
 * @module
 */
import type { Clock, Sleep } from "./clock.ts";
import type { TaskGroup } from "./task_group.ts";

/** Calls `ring` at the wanted moment at the latest; it may do so before, and whoever hears it looks again. */
export class Alarm {
  readonly #clock: Clock;
  readonly #tasks: TaskGroup;
  readonly #ring: () => void;
  #sleep: Sleep | null = null;
  #atMs = Infinity;

  /** Waits in `tasks`: {@linkcode Alarm.cancel} it before they are joined. */
  constructor(clock: Clock, tasks: TaskGroup, ring: () => void) {
    this.#clock = clock;
    this.#tasks = tasks;
    this.#ring = ring;
  }

  /** Rings after `delayMs` at the latest, as exactly as the clock's timers are. */
  within(delayMs: number, nowMs: number): void {
    const atMs = nowMs + delayMs;
    if (this.#sleep !== null && this.#atMs <= atMs) return;
    this.#sleep?.cancel();
    const sleep = this.#clock.sleep(delayMs);
    this.#sleep = sleep;
    this.#atMs = atMs;
    this.#tasks.run("alarm", async () => {
      await sleep.done;
      if (this.#sleep !== sleep) return;
      this.#sleep = null;
      this.#ring();
    });
  }

  /** Does not ring any more. */
  cancel(): void {
    const sleep = this.#sleep;
    this.#sleep = null;
    sleep?.cancel();
  }
}
