/**
 * Owns background work, so that no promise is left without somebody who waits for it.
 *
 * The first task that throws is remembered; the group does not stop the others: the owner hears of it
 * through {@linkcode TaskGroup.failed} and closes what they wait for.
 *
 * @example
 * ```ts
 * import { TaskGroup } from "./task_group.ts";
 *
 * const tasks = new TaskGroup();
 * tasks.run("greeter", async () => await Promise.resolve());
 * await tasks.join();
 * ```
 */
export class TaskGroup {
  readonly #running = new Set<RunningTask>();
  readonly #firstFailure = Promise.withResolvers<Error>();
  #failure: Error | null = null;

  /** Resolves with the first failure; stays pending as long as no task fails, and never rejects. */
  readonly failed: Promise<Error> = this.#firstFailure.promise;

  /** The first failure so far, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Names of the tasks that have not ended, oldest first. */
  get running(): string[] {
    return Array.from(this.#running, ({ name }) => name);
  }

  /** Starts `task` at once; `name` appears in the message should it throw. */
  run(name: string, task: () => Promise<void>): void {
    const running: RunningTask = { name, ended: Promise.resolve() };
    this.#running.add(running);
    running.ended = this.#watch(running, task);
  }

  /**
   * Waits until every task has ended, those started meanwhile included.
   *
   * @throws {Error} The first failure, with the task's name in front and what it threw as `cause`.
   */
  async join(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.all(Array.from(this.#running, ({ ended }) => ended));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  async #watch(running: RunningTask, task: () => Promise<void>): Promise<void> {
    let failure: Error | null = null;
    try {
      await task();
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      failure = new Error(`Background task "${running.name}" failed: ${message}`, { cause });
    }
    this.#running.delete(running);
    if (failure === null || this.#failure !== null) return;
    this.#failure = failure;
    this.#firstFailure.resolve(failure);
  }
}

interface RunningTask {
  readonly name: string;
  /** Never rejects. */
  ended: Promise<void>;
}
